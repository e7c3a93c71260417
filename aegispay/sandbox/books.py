"""The provider's books: payments, movements, jobs, idempotency keys and the wire log, in one file."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from aegispay.sandbox.database import Database
from aegispay.sandbox.faults import Call, Fault
from aegispay.sandbox.instants import from_us, to_us
from aegispay.sandbox.payment import Change, Job, JobKind, Operation, Payment
from aegispay.sandbox.plan import Plan

_PAYMENT: TypeAdapter[Payment] = TypeAdapter(Payment)
_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """The answer that an idempotency key stands for."""

    path: str
    digest: str
    status: int
    body: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose key it is, and where it is kept."""

    account: str
    region: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WireEntry:
    """One request that reached the provider; `status` is ``None`` where no whole answer left."""

    method: str
    path: str
    call: Call
    reference: str
    idempotency_key: str | None
    executed: bool
    fault: Fault | None
    status: int | None


class Books:
    """What the provider knows and what it did; every method runs inside the caller's transaction.

    Args:
        database: the open file.
        chance: where ids come from.
    """

    def __init__(self, database: Database, chance: random.Random) -> None:
        self._database = database
        self._chance = chance

    def transaction(self) -> AbstractContextManager[None]:
        """Commit all writes of the block, or none."""
        return self._database.transaction()

    def new_id(self, prefix: str) -> str:
        """Return an id that nobody guesses."""
        return f"{prefix}_{self._chance.getrandbits(96):024x}"

    def secret(self) -> bytes:
        """Return the key of this ledger's fingerprints and digests; made once."""
        known = self._meta("secret")
        if known is None:
            known = f"{self._chance.getrandbits(256):064x}"
            self._set_meta("secret", known)
        return bytes.fromhex(known)

    def plan(self) -> Plan:
        """Return the plan of faults, kept over restarts."""
        known = self._meta("plan")
        return Plan() if known is None else _PLAN.validate_json(known)

    def set_plan(self, plan: Plan) -> None:
        """Keep the plan of faults."""
        self._set_meta("plan", _PLAN.dump_json(plan).decode())

    def payment(self, payment_id: str) -> Payment | None:
        """Return a payment."""
        row = self._database.row("SELECT data FROM payments WHERE id = ?", payment_id)
        return None if row is None else _PAYMENT.validate_json(row[0])

    def previous(self, payment_id: str) -> Payment | None:
        """Return the payment as it was before its last change; nothing if it was made by it."""
        row = self._database.row("SELECT previous FROM payments WHERE id = ?", payment_id)
        return None if row is None or row[0] is None else _PAYMENT.validate_json(row[0])

    def by_reference(self, account: str, reference: str) -> list[Payment]:
        """Return the account's payments under a reference, oldest first."""
        rows = self._database.rows(
            "SELECT data FROM payments WHERE account = ? AND reference = ? ORDER BY rowid", account, reference
        )
        return [_PAYMENT.validate_json(data) for (data,) in rows]

    def operations(self, account: str, reference: str) -> list[tuple[Payment, Operation]]:
        """Return the account's operations under a reference, oldest first."""
        rows = self._database.rows(
            "SELECT o.id, p.data FROM operations o JOIN payments p ON p.id = o.payment"
            " WHERE o.account = ? AND o.reference = ? ORDER BY o.rowid",
            account,
            reference,
        )
        found = [(operation_id, _PAYMENT.validate_json(data)) for operation_id, data in rows]
        return [(p, each) for operation_id, p in found for each in p.operations if each.id == operation_id]

    def apply(self, change: Change, now: datetime) -> None:
        """Write a change of a payment: its new state, the money that moved and what time will do."""
        payment = change.payment
        self._save(payment)
        if change.operation is not None:
            self._database.write(
                "INSERT OR IGNORE INTO operations VALUES (?, ?, ?, ?)",
                change.operation.id,
                payment.account,
                change.operation.reference,
                payment.id,
            )
        for moved in change.movements:
            self._database.write(
                "INSERT INTO movements (kind, payment, reference, charge_reference, amount, currency, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                moved.kind,
                payment.id,
                moved.reference,
                payment.reference,
                moved.amount,
                payment.currency,
                to_us(now),
            )
        for job in change.jobs:
            self.add_job(payment.id, job)

    def add_job(self, payment_id: str, job: Job) -> None:
        """Write down something that time will do."""
        self._database.write(
            "INSERT INTO jobs (due_at, kind, payment, subject, amount) VALUES (?, ?, ?, ?, ?)",
            to_us(job.due_at),
            job.kind,
            payment_id,
            job.subject,
            job.amount,
        )

    def take_job(self, now: datetime) -> tuple[str, Job] | None:
        """Remove the oldest job that is due, and return it with its payment's id."""
        row = self._database.row(
            "SELECT id, due_at, kind, payment, subject, amount FROM jobs WHERE due_at <= ? ORDER BY due_at, id LIMIT 1",
            to_us(now),
        )
        if row is None:
            return None
        job_id, due_us, kind, payment_id, subject, amount = row
        self._database.write("DELETE FROM jobs WHERE id = ?", job_id)
        return payment_id, Job(kind=JobKind(kind), due_at=from_us(due_us), subject=subject, amount=amount)

    def next_job_at(self) -> datetime | None:
        """Return when the next job is due."""
        row = self._database.row("SELECT due_at FROM jobs ORDER BY due_at LIMIT 1")
        return None if row is None else from_us(row[0])

    def key(self, scope: Scope) -> KeyRecord | None:
        """Return what is kept under an idempotency key."""
        row = self._database.row(
            "SELECT path, digest, status, body, at FROM keys WHERE account = ? AND region = ? AND key = ?",
            scope.account,
            scope.region,
            scope.key,
        )
        if row is None:
            return None
        path, digest, status, body, at = row
        return KeyRecord(path=path, digest=digest, status=status, body=body, at=from_us(at))

    def set_key(self, scope: Scope, record: KeyRecord) -> None:
        """Keep an answer under an idempotency key, in place of an older one."""
        self._database.write(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(scope.account, scope.region, scope.key),
            *(record.path, record.digest, record.status, record.body, to_us(record.at)),
        )

    def log(self, entry: WireEntry, now: datetime) -> int:
        """Add a request to the wire log and return its number there."""
        return self._database.write(
            "INSERT INTO requests (method, path, call, reference, idempotency_key, executed, fault, status, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(entry.method, entry.path, entry.call, entry.reference, entry.idempotency_key),
            *(entry.executed, entry.fault, entry.status, to_us(now)),
        )

    def send_counts(self) -> Counter[tuple[Call, str]]:
        """Return how often each kind of request was sent for each reference."""
        rows = self._database.rows("SELECT call, reference, count(*) FROM requests GROUP BY call, reference")
        return Counter({(Call(call), reference): count for call, reference, count in rows})

    def movements(self) -> Iterator[dict[str, Any]]:
        """Return the ledger: all money that moved, in order."""
        names = ("id", "kind", "payment", "reference", "charge_reference", "amount", "currency", "at")
        return self._listed("movements", names)

    def requests(self) -> Iterator[dict[str, Any]]:
        """Return the wire log, in order."""
        names = ("id", "method", "path", "reference", "idempotency_key", "executed", "fault", "status", "at")
        return ({**entry, "executed": bool(entry["executed"])} for entry in self._listed("requests", names))

    def _listed(self, table: str, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        rows = self._database.rows(f"SELECT {', '.join(names)} FROM {table} ORDER BY id")  # noqa: S608 - our own names
        entries = (dict(zip(names, row, strict=True)) for row in rows)
        return ({**entry, "at": from_us(entry["at"]).isoformat()} for entry in entries)

    def _save(self, payment: Payment) -> None:
        data = _PAYMENT.dump_json(payment).decode()
        self._database.write(
            "INSERT INTO payments VALUES (?, ?, ?, ?, NULL)"
            " ON CONFLICT (id) DO UPDATE SET previous = payments.data, data = excluded.data",
            *(payment.id, payment.account, payment.reference, data),
        )

    def _meta(self, name: str) -> str | None:
        row = self._database.row("SELECT value FROM meta WHERE name = ?", name)
        return None if row is None else str(row[0])

    def _set_meta(self, name: str, value: str) -> None:
        self._database.write("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)


def encode(body: object) -> str:
    """Return a body as it is sent and kept."""
    return json.dumps(body, separators=(",", ":"))
