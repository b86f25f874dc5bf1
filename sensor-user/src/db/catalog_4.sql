CREATE TABLE issuer_serial (
    issuer TEXT PRIMARY KEY,
    serial INTEGER NOT NULL,
    digest BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE journal_mark (
    id   INTEGER PRIMARY KEY CHECK (id = 0),
    size INTEGER NOT NULL,
    root BLOB NOT NULL
) STRICT;
ALTER TABLE marker_order ADD COLUMN serial INTEGER;
