-- The log of events. Nothing is ever changed or removed here; hash chains each event to the one before it.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    payment_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (payment_id, version)
) STRICT;

-- The current state of each payment, for queries; written in the same transaction as its events.
-- Times are microseconds since 1970 UTC.
CREATE TABLE payments (
    payment_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    merchant TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL,
    in_doubt INTEGER NOT NULL,
    has_incident INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    captured_minor INTEGER NOT NULL,
    refunded_minor INTEGER NOT NULL,
    customer_id TEXT,
    method TEXT NOT NULL,
    gateway TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    wake_at INTEGER,
    UNIQUE (merchant, idempotency_key)
) STRICT, WITHOUT ROWID;

-- Lists are newest first: each index holds that order after its filter.
CREATE INDEX payments_created ON payments (created_at, payment_id);
CREATE INDEX payments_merchant ON payments (merchant, created_at, payment_id);
CREATE INDEX payments_state ON payments (state, created_at, payment_id);
CREATE INDEX payments_currency ON payments (currency, created_at, payment_id);
CREATE INDEX payments_customer ON payments (customer_id, created_at, payment_id) WHERE customer_id IS NOT NULL;
CREATE INDEX payments_gateway ON payments (gateway, created_at, payment_id) WHERE gateway IS NOT NULL;
CREATE INDEX payments_in_doubt ON payments (created_at, payment_id) WHERE in_doubt = 1;
CREATE INDEX payments_incident ON payments (created_at, payment_id) WHERE has_incident = 1;
CREATE INDEX payments_wake ON payments (wake_at, payment_id) WHERE wake_at IS NOT NULL;

-- Payments set aside, and how often each unfinished payment has been recovered without success.
CREATE TABLE parking (
    payment_id TEXT PRIMARY KEY,
    cause TEXT NOT NULL,
    parked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE recoveries (
    payment_id TEXT PRIMARY KEY,
    attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Breaker and health of each gateway, for the next start.
CREATE TABLE gateways (
    name TEXT PRIMARY KEY,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each subscriber has read the log.
CREATE TABLE subscriptions (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Notifications from gateways, kept before they are acknowledged.
CREATE TABLE webhook_inbox (
    gateway TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (gateway, event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
