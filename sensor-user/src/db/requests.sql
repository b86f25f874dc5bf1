-- The authority's requests. A request outlives its events: it names them by ids that say nothing
-- once they are destroyed. Times are microseconds since the epoch.
CREATE TABLE request (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL UNIQUE,
    kind      TEXT NOT NULL,
    issuer    TEXT NOT NULL,
    serial    INTEGER NOT NULL,
    -- What it says, JSON.
    terms     TEXT NOT NULL,
    stage     TEXT NOT NULL,
    received  INTEGER NOT NULL,
    -- Last journal entry about it.
    receipt   INTEGER NOT NULL,
    -- Handovers that have begun.
    handovers INTEGER NOT NULL,
    -- Export file of the last one, and what is in it.
    file      TEXT,
    digest    TEXT,
    categories TEXT,
    records   INTEGER,
    -- The answer may have been disclosed before.
    repeat    INTEGER NOT NULL DEFAULT 0,
    code      TEXT
) STRICT;
CREATE TABLE approval (
    request  INTEGER NOT NULL REFERENCES request (number),
    capacity TEXT NOT NULL,
    uid      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (request, capacity)
) STRICT, WITHOUT ROWID;
-- Events of requests; of a notice, what became of it.
CREATE TABLE task (
    request INTEGER NOT NULL REFERENCES request (number),
    event   TEXT NOT NULL,
    state   TEXT NOT NULL,
    since   INTEGER NOT NULL,
    date    TEXT,
    proof   TEXT,
    reason  TEXT,
    PRIMARY KEY (request, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_event ON task (event);
-- Last serial of each issuer and type.
CREATE TABLE serial (
    issuer TEXT NOT NULL,
    kind   TEXT NOT NULL,
    serial INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (issuer, kind)
) STRICT, WITHOUT ROWID;
-- The ledger: lines are added, and never change.
CREATE TABLE cost (
    line           INTEGER PRIMARY KEY AUTOINCREMENT,
    time           INTEGER NOT NULL,
    request        INTEGER NOT NULL UNIQUE REFERENCES request (number),
    ground         TEXT NOT NULL,
    tariff_code    TEXT NOT NULL,
    tariff_version TEXT NOT NULL,
    quantity       INTEGER NOT NULL,
    receipt        INTEGER NOT NULL
) STRICT;
CREATE TRIGGER cost_stays BEFORE UPDATE ON cost BEGIN
    SELECT RAISE(ABORT, 'a line of the ledger does not change');
END;
CREATE TRIGGER cost_is_kept BEFORE DELETE ON cost BEGIN
    SELECT RAISE(ABORT, 'a line of the ledger is not removed');
END;
