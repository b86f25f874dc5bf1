-- What the first schema kept in clear is sealed at the next start and then dropped.
DROP INDEX event_open;
ALTER TABLE event RENAME TO clear_event;
ALTER TABLE event_key RENAME TO clear_key;
CREATE TABLE store (
    id      INTEGER PRIMARY KEY CHECK (id = 0),
    -- Ties the key file to this store.
    name    BLOB NOT NULL,
    -- Number of the next event: one that was stored never shares its key's place with another.
    next    INTEGER NOT NULL,
    -- First run whose ids are not indexed yet.
    run     INTEGER NOT NULL
) STRICT;
CREATE TABLE event (
    seq     INTEGER PRIMARY KEY,
    id      BLOB NOT NULL,
    rev     INTEGER NOT NULL,
    -- Numbers of labels, with spaces between.
    markers TEXT NOT NULL,
    orders  TEXT NOT NULL,
    -- UTC day of the first packet, and that from whose beginning the event is gone.
    day     INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    sealed  BLOB NOT NULL
) STRICT;
CREATE INDEX event_expires ON event (expires);
CREATE INDEX event_day ON event (day);
CREATE TABLE open_event (seq INTEGER PRIMARY KEY) STRICT;
-- Ids are random: one index over all of them would have each insertion touch a page of its own.
-- So they are indexed run by run, each sorted once, when it is whole.
CREATE TABLE event_id (
    run  INTEGER NOT NULL,
    head INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (run, head, seq)
) STRICT, WITHOUT ROWID;
-- The day first: what is written in a day then stands in few pages, however many markers there are.
CREATE TABLE event_marker (
    day    INTEGER NOT NULL,
    marker INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (day, marker, seq)
) STRICT, WITHOUT ROWID;
-- Ids of markers (kind 0) and references of orders (kind 1). Numbers are never used twice, so that
-- every connection may remember them.
CREATE TABLE label (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   INTEGER NOT NULL,
    text   TEXT NOT NULL,
    UNIQUE (kind, text)
) STRICT;
CREATE TABLE sink (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL UNIQUE
) STRICT;
-- Revisions that a sink has still to take; times are milliseconds since the epoch.
CREATE TABLE delivery (
    sink     INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    rev      INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    lease    INTEGER NOT NULL,
    stored   INTEGER NOT NULL,
    dead     TEXT,
    PRIMARY KEY (sink, seq)
) STRICT, WITHOUT ROWID;
-- Events whose destruction has begun: it is finished by the next agent if this one dies.
CREATE TABLE doomed (
    seq    INTEGER PRIMARY KEY,
    reason INTEGER NOT NULL
) STRICT;
CREATE TABLE tally (
    name  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
