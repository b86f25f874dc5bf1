CREATE TABLE condemned (
    marker  TEXT NOT NULL,
    receipt INTEGER NOT NULL,
    PRIMARY KEY (marker, receipt)
) STRICT, WITHOUT ROWID;
