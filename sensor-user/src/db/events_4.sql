-- Events of whose alert the authority has said that it has it (L. 2321-3 ¶2 code de la défense); the
-- mark goes with the event. Milliseconds since the epoch.
CREATE TABLE acknowledged (
    seq INTEGER PRIMARY KEY,
    at  INTEGER NOT NULL
) STRICT;
