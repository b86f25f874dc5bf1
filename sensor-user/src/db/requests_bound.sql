-- What was signed stays, byte for byte: an answer is made from it, not from what was read of it.
ALTER TABLE request ADD COLUMN envelope BLOB;
-- SHA-256 of its signed text, hexadecimal.
ALTER TABLE request ADD COLUMN signed TEXT;
-- Of the last handover: SHA-256 of the key that it is encrypted to, and the events answered for.
ALTER TABLE request ADD COLUMN recipient TEXT;
ALTER TABLE request ADD COLUMN quantity INTEGER;
-- How long the journal was when something was last kept here.
CREATE TABLE journal_mark (
    id   INTEGER PRIMARY KEY CHECK (id = 0),
    size INTEGER NOT NULL
) STRICT;
INSERT INTO journal_mark (id, size) SELECT 0, max(receipt) + 1 FROM request HAVING count(*) > 0;
