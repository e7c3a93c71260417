"""Webhooks on their way: rows of the ledger, written in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aegispay.sandbox.books import encode
from aegispay.sandbox.database import Database
from aegispay.sandbox.faults import Fault, Strike
from aegispay.sandbox.instants import from_us, to_us
from aegispay.sandbox.objects import iso

RETRIES_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0)
"""Pauses between the tries of one delivery; after the last one it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook to one endpoint.

    Attributes:
        trick: what is wrong with it.
        tries: how often it was tried in vain.
    """

    id: int
    url: str
    secret: str
    event_id: str
    payment_id: str
    body: str
    trick: Fault | None
    tries: int


class Outbox:
    """Endpoints and deliveries; every method runs inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, url: str, secret: str) -> None:
        """Send webhooks there from now on; known addresses get the new secret."""
        self._database.write(
            "INSERT INTO endpoints (url, secret) VALUES (?, ?)"
            " ON CONFLICT (url) DO UPDATE SET secret = excluded.secret",
            url,
            secret,
        )

    def addresses(self) -> list[str]:
        """Return where webhooks are sent."""
        return [url for (url,) in self._database.rows("SELECT url FROM endpoints ORDER BY id")]

    def endpoints(self) -> list[int]:
        """Return the numbers of all endpoints."""
        return [number for (number,) in self._database.rows("SELECT id FROM endpoints ORDER BY id")]

    def add(self, payment_id: str, event: dict[str, Any], strike: Strike | None, now: datetime) -> list[int]:
        """Write down an event for every endpoint, as the fault says, and return the deliveries' numbers."""
        fault = None if strike is None else strike.fault
        if fault is Fault.WEBHOOK_NEVER:
            return []
        is_late = fault in {Fault.WEBHOOK_DELAY, Fault.WEBHOOK_REORDER}
        due_at = now + timedelta(seconds=strike.seconds) if strike is not None and is_late else now
        rows = [(event, _trick(fault))]
        if fault is Fault.WEBHOOK_DUPLICATE:
            rows.append((event, None))
        elif fault is Fault.WEBHOOK_CHANGED:
            rows.append((_changed(event), fault))
        return [
            self._insert(endpoint, payment_id, each, trick, due_at)
            for endpoint in self.endpoints()
            for each, trick in rows
        ]

    def due(self, now: datetime, limit: int, busy: Iterable[int]) -> list[Delivery]:
        """Return deliveries whose time has come and that are not under way, oldest first."""
        away = set(busy)
        rows = self._database.rows(
            "SELECT d.id, e.url, e.secret, d.event, d.payment, d.body, d.trick, d.tries FROM deliveries d"
            " JOIN endpoints e ON e.id = d.endpoint WHERE d.due_at <= ? ORDER BY d.due_at, d.id LIMIT ?",
            to_us(now),
            limit + len(away),
        )
        return [_delivery(row) for row in rows if row[0] not in away][:limit]

    def next_due_at(self, busy: Iterable[int]) -> datetime | None:
        """Return when the next delivery is due that is not under way."""
        away = set(busy)
        rows = self._database.rows(
            "SELECT id, due_at FROM deliveries WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ?", len(away) + 1
        )
        return next((from_us(due_us) for number, due_us in rows if number not in away), None)

    def delivered(self, delivery: Delivery, now: datetime) -> None:
        """Note that it arrived; an earlier one of the payment that waits for this may go now."""
        self._database.write("DELETE FROM deliveries WHERE id = ?", delivery.id)
        self._database.write(
            "UPDATE deliveries SET due_at = ? WHERE payment = ? AND trick = 'webhook_reorder' AND id < ?",
            to_us(now),
            delivery.payment_id,
            delivery.id,
        )

    def failed(self, delivery: Delivery, now: datetime) -> None:
        """Note that it did not arrive: it is tried again later, or given up."""
        is_last = delivery.tries >= len(RETRIES_S)
        due_at = None if is_last else to_us(now + timedelta(seconds=RETRIES_S[delivery.tries]))
        self._database.write("UPDATE deliveries SET tries = tries + 1, due_at = ? WHERE id = ?", due_at, delivery.id)

    def waiting(self) -> int:
        """Return how many deliveries are still to be made."""
        return int(self._database.rows("SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL")[0][0])

    def _insert(
        self, endpoint: int, payment_id: str, event: dict[str, Any], trick: Fault | None, due_at: datetime
    ) -> int:
        return self._database.write(
            "INSERT INTO deliveries (endpoint, event, payment, body, trick, due_at) VALUES (?, ?, ?, ?, ?, ?)",
            *(endpoint, event["id"], payment_id, encode(event), trick, to_us(due_at)),
        )


def new_event(event_id: str, kind: str, data: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return an event as it is sent."""
    return {"id": event_id, "type": kind, "created_at": iso(now), "data": data}


def _trick(fault: Fault | None) -> Fault | None:
    kept = {Fault.WEBHOOK_REORDER, Fault.WEBHOOK_BAD_SIGNATURE, Fault.WEBHOOK_OLD}
    return fault if fault in kept else None


def _changed(event: dict[str, Any]) -> dict[str, Any]:
    data = event["data"]
    return {**event, "data": {**data, "amount": data["amount"] + 1}}


def _delivery(row: tuple[Any, ...]) -> Delivery:
    number, url, secret, event_id, payment_id, body, trick, tries = row
    return Delivery(
        id=number,
        url=url,
        secret=secret,
        event_id=event_id,
        payment_id=payment_id,
        body=body,
        trick=None if trick is None else Fault(trick),
        tries=tries,
    )
