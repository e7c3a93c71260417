"""The SQL of the store, all of it served by an index. Lists are made in `queries`, appends in `appends`."""

from __future__ import annotations

from aegispay.storage.inbox_rows import ENTRY_COLUMNS
from aegispay.storage.rows import EVENT_COLUMNS

_UNPARKED = "NOT EXISTS (SELECT 1 FROM parking WHERE parking.payment_id = payments.payment_id)"

LOAD = f"SELECT {EVENT_COLUMNS} FROM events WHERE payment_id = ? AND version > ? ORDER BY version"  # noqa: S608
READ_ALL = f"SELECT {EVENT_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608
READ_ALL_BYTES = READ_ALL.replace("data", "CAST(data AS BLOB)", 1)

DUE = f"SELECT payment_id FROM payments WHERE wake_at <= ? AND {_UNPARKED} ORDER BY wake_at, payment_id LIMIT ?"  # noqa: S608
UNFINISHED = (
    "SELECT payment_id FROM payments WHERE state IN ('authenticated', 'processing') "  # noqa: S608
    f"AND coalesce(wake_at <= ?, 1) AND {_UNPARKED} ORDER BY wake_at, created_at, payment_id"
)
COUNT_STATES = "SELECT state, count(*) FROM payments GROUP BY state"
DOUBTS = (
    "SELECT (SELECT count(*) FROM payments INDEXED BY payments_in_doubt WHERE in_doubt = 1), "
    "(SELECT min(doubt_since) FROM payments INDEXED BY payments_doubt_since WHERE doubt_since IS NOT NULL), "
    "(SELECT count(*) FROM payments INDEXED BY payments_incident WHERE has_incident = 1)"
)

RECOVERIES = "SELECT payment_id, attempts FROM recoveries"
COUNT_RECOVERY = (
    "INSERT INTO recoveries VALUES (?, 1) "
    "ON CONFLICT (payment_id) DO UPDATE SET attempts = attempts + 1 RETURNING attempts"
)
END_RECOVERY = "DELETE FROM recoveries WHERE payment_id = ?"

PARK = "INSERT INTO parking VALUES (?, ?, ?, ?) ON CONFLICT (payment_id) DO NOTHING"
UNPARK = "DELETE FROM parking WHERE payment_id = ?"
PARKED = "SELECT payment_id, cause, parked_at, is_review FROM parking ORDER BY parked_at, payment_id"

SAVE_GATEWAY = "INSERT INTO gateways VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data"
LOAD_GATEWAYS = "SELECT name, data FROM gateways"

RECEIVE = (
    f"INSERT INTO webhook_inbox ({ENTRY_COLUMNS}, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting') "  # noqa: S608
    "ON CONFLICT (gateway, notification_id) DO NOTHING RETURNING 1"
)
DIGEST = "SELECT digest FROM webhook_inbox WHERE gateway = ? AND notification_id = ?"
INBOX_DUE = (
    f"SELECT {ENTRY_COLUMNS} FROM webhook_inbox INDEXED BY webhook_inbox_due "  # noqa: S608 - constant columns
    "WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, gateway, notification_id LIMIT ?"
)
# What a gateway wrote stays only as long as it has to be told: the payment keeps it sealed.
_WORDLESS = (
    "data = CASE WHEN json_valid(data) THEN json_remove(data, '$.outcome.message', '$.outcome.action.url', "
    "'$.outcome.action.payload') ELSE data END"
)
MERGED = f"UPDATE webhook_inbox SET state = 'merged', {_WORDLESS} WHERE gateway = ? AND notification_id = ?"  # noqa: S608
POSTPONE = (
    "UPDATE webhook_inbox SET tries = tries + 1, due_at = ? "
    "WHERE gateway = ? AND notification_id = ? AND state = 'waiting'"
)
GIVE_UP = (
    f"UPDATE webhook_inbox SET tries = tries + 1, state = 'given_up', {_WORDLESS} "  # noqa: S608 - constant
    "WHERE gateway = ? AND notification_id = ? AND state = 'waiting'"
)
INBOX = f"SELECT {ENTRY_COLUMNS} FROM webhook_inbox"  # noqa: S608 - constant columns
