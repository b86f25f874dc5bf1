ALTER TABLE marker ADD COLUMN standing TEXT;
CREATE TABLE breaker (
    pattern   BLOB PRIMARY KEY,
    marker    TEXT NOT NULL,
    since     INTEGER NOT NULL,
    automatic INTEGER NOT NULL,
    receipt   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
