-- Since when each payment has been in doubt, so that the oldest doubt is found without reading the others.
ALTER TABLE payments ADD COLUMN doubt_since INTEGER;
UPDATE payments SET doubt_since = updated_at WHERE in_doubt = 1;
CREATE INDEX payments_doubt_since ON payments (doubt_since) WHERE doubt_since IS NOT NULL;

-- What gateways reported by themselves, verified and read, kept before it is acknowledged. The table before this one
-- was never written to. state: waiting until its payment has taken it in (merged), or for too long (given_up).
DROP TABLE webhook_inbox;
CREATE TABLE webhook_inbox (
    gateway TEXT NOT NULL,
    notification_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    data TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (gateway, notification_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_inbox_due ON webhook_inbox (due_at, gateway, notification_id) WHERE state = 'waiting';
