-- What oversight reads of a disclosure: who asked for what, categories and counts, signed; no record.
CREATE TABLE manifest (
    request  INTEGER NOT NULL REFERENCES request (number),
    -- Which handover of the request.
    handover INTEGER NOT NULL,
    -- A signed note (C2SP signed-note).
    note     TEXT NOT NULL,
    PRIMARY KEY (request, handover)
) STRICT, WITHOUT ROWID;
