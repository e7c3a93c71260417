-- What the personal data of each customer is encrypted with. Of a customer who was erased the row stays and the secret
-- is overwritten where it stood: rows are never removed, so that no copy of one is left behind when pages are rebuilt.
CREATE TABLE customer_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    merchant TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    is_erased INTEGER NOT NULL,
    secret BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX customer_keys_live ON customer_keys (merchant, customer_id) WHERE is_erased = 0;

-- Who had which customer erased, and why. is_swept: nothing of it is left in the write-ahead log either.
-- Times are microseconds since 1970 UTC.
CREATE TABLE erasures (
    number INTEGER PRIMARY KEY,
    merchant TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_swept INTEGER NOT NULL
) STRICT;
CREATE INDEX erasures_to_sweep ON erasures (number) WHERE is_swept = 0;
