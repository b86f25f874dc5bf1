-- Events that were destroyed before their time and may stand in what a sink holds on this machine.
CREATE TABLE withdrawn (
    sink TEXT NOT NULL,
    id   BLOB NOT NULL,
    PRIMARY KEY (sink, id)
) STRICT, WITHOUT ROWID;
