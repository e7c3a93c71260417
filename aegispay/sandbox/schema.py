"""The tables of a ledger."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
    id        TEXT PRIMARY KEY,
    account   TEXT NOT NULL,
    reference TEXT NOT NULL,
    data      TEXT NOT NULL,
    previous  TEXT
) STRICT;
CREATE INDEX payments_by_reference ON payments (account, reference);

CREATE TABLE operations (
    id        TEXT PRIMARY KEY,
    account   TEXT NOT NULL,
    reference TEXT NOT NULL,
    payment   TEXT NOT NULL
) STRICT;
CREATE INDEX operations_by_reference ON operations (account, reference);

CREATE TABLE movements (
    id               INTEGER PRIMARY KEY,
    kind             TEXT NOT NULL,
    payment          TEXT NOT NULL,
    reference        TEXT NOT NULL,
    charge_reference TEXT NOT NULL,
    amount           INTEGER NOT NULL,
    currency         TEXT NOT NULL,
    at               INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    key     TEXT NOT NULL,
    path    TEXT NOT NULL,
    digest  TEXT NOT NULL,
    status  INTEGER NOT NULL,
    body    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, region, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
    id              INTEGER PRIMARY KEY,
    method          TEXT NOT NULL,
    path            TEXT NOT NULL,
    call            TEXT NOT NULL,
    reference       TEXT NOT NULL,
    idempotency_key TEXT,
    executed        INTEGER NOT NULL,
    fault           TEXT,
    status          INTEGER,
    at              INTEGER NOT NULL
) STRICT;

CREATE TABLE jobs (
    id      INTEGER PRIMARY KEY,
    due_at  INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    payment TEXT NOT NULL,
    subject TEXT NOT NULL,
    amount  INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_by_due ON jobs (due_at);

CREATE TABLE endpoints (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, secret TEXT NOT NULL) STRICT;

CREATE TABLE deliveries (
    id       INTEGER PRIMARY KEY,
    endpoint INTEGER NOT NULL REFERENCES endpoints (id),
    event    TEXT NOT NULL,
    payment  TEXT NOT NULL,
    body     TEXT NOT NULL,
    trick    TEXT,
    tries    INTEGER NOT NULL DEFAULT 0,
    due_at   INTEGER
) STRICT;
CREATE INDEX deliveries_by_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_held ON deliveries (payment) WHERE trick = 'webhook_reorder';
"""
"""Statements, each ended by a semicolon."""
