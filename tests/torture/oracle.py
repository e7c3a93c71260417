"""What the providers' books say, against what the engine says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from aegispay import Incident, Payment, PaymentState, Reason, StoredEvent
from aegispay.domain.events import PaymentCancelled
from aegispay.domain.evolve import evolve
from aegispay.domain.invariants import INVARIANTS, violations
from aegispay.domain.keys import payment_of
from aegispay.storage.sqlite import SqliteStore
from aegispay.storage.verify import verify
from tests.torture.orders import GATEWAYS


def problems(database: Path, movements: list[dict[str, Any]], wire: list[dict[str, Any]]) -> list[str]:
    """Return every disagreement that no open incident stands for, and everything the log itself shows.

    Each disagreement comes with all that is known of the payment: its events, the movements, the requests.
    """
    payments = asyncio.run(read_payments(database))
    truth = totals(movements)
    found = list(verify(database).problems)
    found += [
        f"{payment_id}: money moved for a payment the engine does not know" for payment_id in truth.keys() - payments
    ]
    found += asyncio.run(overbooked(database))
    lapsed = asyncio.run(lapsed_payments(database))
    for payment in payments.values():
        found += violations(payment)
        counted = truth.get(payment.id, Counter())
        if payment.id in lapsed:
            # What lapses the provider releases without a movement.
            counted["authorize"] = min(counted["authorize"], counted["void"] + counted["capture"])
        different = disagreements(payment, counted)
        if different:
            found += [*different, *_told(database, payment.id, movements, wire)]
    return found


def _told(database: Path, payment_id: str, movements: list[dict[str, Any]], wire: list[dict[str, Any]]) -> list[str]:
    events = [str(stored.event) for stored in asyncio.run(_stream(database, payment_id))]
    moved = [str(each) for each in movements if payment_id in each["charge_reference"]]
    requests = [str(each) for each in wire if payment_id in (each["reference"] or "")]
    return ["  " + line for line in (*events, *moved, *requests)]


async def _stream(database: Path, payment_id: str) -> list[StoredEvent]:
    return [stored async for stored in _log(database) if stored.payment_id == payment_id]


async def read_payments(database: Path) -> dict[str, Payment]:
    payments: dict[str, Payment] = {}
    async for stored in _log(database):
        payments[stored.payment_id] = evolve(
            payments.get(stored.payment_id), stored.event, payment_id=stored.payment_id
        )
    return payments


async def lapsed_payments(database: Path) -> set[str]:
    """Return the payments whose authorization the provider let lapse."""
    return {
        stored.payment_id
        async for stored in _log(database)
        if isinstance(stored.event, PaymentCancelled) and stored.event.reason == "authorization_expired"
    }


async def overbooked(database: Path) -> list[str]:
    """Return the payments of which, at any moment, more was reserved than there was."""
    payments: dict[str, Payment] = {}
    found: dict[str, str] = {}
    async for stored in _log(database):
        payment = evolve(payments.get(stored.payment_id), stored.event, payment_id=stored.payment_id)
        payments[stored.payment_id] = payment
        if payment.operations and not _FITS(payment):
            found.setdefault(payment.id, f"{payment!r}: more was reserved than there was")
    return list(found.values())


async def _log(database: Path) -> AsyncIterator[StoredEvent]:
    store = SqliteStore(database, read_only=True)
    await store.open()
    try:
        after = 0
        while events := await store.read_all(after=after, limit=5_000):
            after = events[-1].position
            for stored in events:
                yield stored
    finally:
        await store.close()


def totals(movements: Iterable[dict[str, Any]]) -> dict[str, Counter[str]]:
    """Return, by payment, what was captured, refunded and charged back over all gateways, in minor units."""
    found: dict[str, Counter[str]] = {}
    for moved in movements:
        payment_id = payment_of(moved["charge_reference"]) or moved["charge_reference"]
        counted = found.setdefault(payment_id, Counter())
        counted[moved["kind"]] += moved["amount"]
        if moved["kind"] == "capture" and moved["amount"] > 0:
            counted["ever captured"] += moved["amount"]
    return found


def disagreements(payment: Payment, truth: Counter[str]) -> list[str]:
    # No incident excuses these: the payer was charged more than he owed, or got back more than he paid.
    if truth["ever captured"] > payment.amount_minor:
        return [f"{payment!r}: charged {truth['ever captured']} of {payment.amount_minor}"]
    if truth["authorize"] > payment.amount_minor:
        return [f"{payment!r}: {truth['authorize']} of {payment.amount_minor} were reserved"]
    if truth["refund"] > truth["ever captured"]:
        return [f"{payment!r}: refunded {truth['refund']} of {truth['ever captured']}"]
    if any(incident.is_open and _excuses(incident) for incident in payment.incidents):
        return []
    if payment.state in _NOTHING_HELD and truth["authorize"] > truth["void"] + truth["capture"]:
        held = truth["authorize"] - truth["void"] - truth["capture"]
        return [f"{payment!r}: the providers still hold {held} of it"]
    said = {
        "capture": payment.captured_minor,
        "refund": payment.refunded_minor,
        "chargeback": payment.charged_back_minor,
    }
    return [
        f"{payment!r}: the engine says {kind} {minor}, the providers {truth[kind]}"
        for kind, minor in said.items()
        if minor != truth[kind]
    ]


def _excuses(incident: Incident) -> bool:
    """Whether an incident explains that amounts differ: one about an event that came twice does not."""
    is_about_an_event = incident.reason is Reason.CONFLICTING_ANSWER and incident.id.startswith(GATEWAYS)
    return not is_about_an_event


_NOTHING_HELD = frozenset({PaymentState.FAILURE, PaymentState.CANCELLED})
_FITS = next(invariant.holds for invariant in INVARIANTS if invariant.number == "I-02")
