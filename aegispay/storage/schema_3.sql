-- What was done, by key and time, for limits over all payments; written in the same transaction as the events that did
-- it. payment_id and version name those events. Times are microseconds since 1970 UTC.
CREATE TABLE marks (
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (key, at, payment_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_expiry ON marks (expires_at);

-- Whether a parked payment waits for a person's decision, rather than for its crashes to be understood.
ALTER TABLE parking ADD COLUMN is_review INTEGER NOT NULL DEFAULT 0;
