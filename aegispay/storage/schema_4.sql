-- Every configuration that was ever in force: written before it takes effect, never changed. digest chains each
-- revision to the one before it. at is in microseconds since 1970 UTC.
CREATE TABLE configurations (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT NOT NULL,
    host_revision INTEGER NOT NULL,
    data TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
