-- Who is handed events, and how far that has got. The table before this one was never written to.
-- Times are microseconds since 1970 UTC.
DROP TABLE subscriptions;
CREATE TABLE subscribers (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    position INTEGER NOT NULL,
    since INTEGER NOT NULL,
    disabled TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Events that a subscriber's position has passed and that are not delivered yet. state: waiting, or dead. due_at is
-- empty while an earlier event of the same payment has to be delivered first.
CREATE TABLE deliveries (
    subscriber TEXT NOT NULL,
    position INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_at INTEGER,
    error TEXT NOT NULL,
    failed_at INTEGER,
    PRIMARY KEY (subscriber, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_payment ON deliveries (subscriber, payment_id, position);
CREATE INDEX deliveries_due ON deliveries (subscriber, due_at, position) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (subscriber, position) WHERE state = 'dead';

-- Every request to a webhook endpoint; old lines are removed.
CREATE TABLE webhook_attempts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    position INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    latency_us INTEGER NOT NULL,
    error TEXT NOT NULL
) STRICT;
CREATE INDEX webhook_attempts_endpoint ON webhook_attempts (endpoint, number);
CREATE INDEX webhook_attempts_at ON webhook_attempts (at);
