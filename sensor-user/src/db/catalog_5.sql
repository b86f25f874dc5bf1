CREATE TABLE declaration (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL,
    date      TEXT NOT NULL,
    digest    TEXT NOT NULL,
    recorded  INTEGER NOT NULL,
    uid       INTEGER NOT NULL,
    receipt   INTEGER NOT NULL
) STRICT;
CREATE TABLE approval (
    marker   TEXT PRIMARY KEY,
    pattern  TEXT NOT NULL,
    standing TEXT NOT NULL,
    uid      INTEGER NOT NULL,
    receipt  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
