-- Files that wait to be taken away. They go with the first of the events that are in them.
CREATE TABLE export (
    -- Its whole path.
    path    TEXT PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES request (number),
    -- When it was put there, microseconds since the epoch.
    since   INTEGER NOT NULL,
    -- Ids of the events in it, JSON.
    events  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
