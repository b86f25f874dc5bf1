ALTER TABLE marker ADD COLUMN since INTEGER;
ALTER TABLE marker ADD COLUMN direction TEXT;
ALTER TABLE marker ADD COLUMN source INTEGER;
ALTER TABLE marker ADD COLUMN capped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE marker ADD COLUMN over INTEGER NOT NULL DEFAULT 0;
CREATE TABLE marker_order (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    reference        TEXT NOT NULL UNIQUE,
    issuer           TEXT NOT NULL,
    threat_reference TEXT,
    since            INTEGER NOT NULL,
    until            INTEGER NOT NULL,
    tlp              TEXT NOT NULL,
    pap              TEXT NOT NULL,
    acknowledged     INTEGER NOT NULL,
    receipt          INTEGER NOT NULL,
    withdrawn        INTEGER,
    over             INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE named (
    marker TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES marker_order (number),
    PRIMARY KEY (marker, number)
) STRICT, WITHOUT ROWID;
