"""An operator's decisions about a payment, given while no engine has its database open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from aegispay.clock import SystemClock
from aegispay.domain import commands as c
from aegispay.domain.contract import GatewayContract
from aegispay.domain.draft import Draft
from aegispay.domain.evidence import Verdict
from aegispay.domain.ids import is_payment_id
from aegispay.domain.invariants import check
from aegispay.domain.payment import Operation, Payment, Sent
from aegispay.domain.projection import project
from aegispay.domain.request import CaptureMode
from aegispay.domain.verdict import Testimony, doubt_meant, verdict_command
from aegispay.errors import (
    FieldError,
    IllegalTransitionError,
    PaymentNotFoundError,
    PaymentParkedError,
    StoreLockedError,
    ValidationError,
)
from aegispay.history import rebuild
from aegispay.ports import Append, Clock
from aegispay.storage.sqlite import SqliteStore

Decide = Callable[[Payment, Clock], c.Command]


def resolve(database: Path, payment_id: str, said: Testimony) -> Payment:
    """Settle what is in doubt; what follows from it, the next engine does.

    Raises:
        PaymentNotFoundError: there is no such payment.
        NotInDoubtError: nothing, or not just one thing, is in doubt that this could be about.
        StoreLockedError: an engine has the database open: call its `resolve_payment`.
    """

    def command(payment: Payment, clock: Clock) -> c.Command:
        validity_s = GatewayContract().authorization_validity_s
        sent = doubt_meant(payment, said.reference)
        _refuse_what_needs_an_engine(payment, sent, said)
        return verdict_command(payment, sent, said, at=clock.now(), authorization_validity_s=validity_s)

    return _run(database, payment_id, command)


def close_incident(database: Path, payment_id: str, incident_id: str, *, operator: str, detail: str) -> Payment:
    """Note that a person has looked at an incident.

    Raises:
        PaymentNotFoundError: there is no such payment.
        IllegalTransitionError: there is no such open incident.
        StoreLockedError: an engine has the database open: call its `close_incident`.
    """

    def command(_payment: Payment, clock: Clock) -> c.Command:
        return c.CloseIncident(at=clock.now(), incident_id=incident_id, operator=operator, detail=detail)

    return _run(database, payment_id, command)


def _refuse_what_needs_an_engine(payment: Payment, sent: Sent, said: Testimony) -> None:
    if said.verdict is not Verdict.EXECUTED or isinstance(sent, Operation):
        return
    if payment.is_cancel_requested:
        raise IllegalTransitionError(
            state=payment.state.value, command="resolve", reason="cancelled_money_has_to_be_given_back_by_an_engine"
        )
    if payment.request.capture is CaptureMode.MANUAL and said.amount is None:
        # Only a running engine knows whether the gateway may have authorized less.
        raise ValidationError(
            [FieldError("--amount", "say how much was authorized")], hint="Give the amount that the gateway shows."
        )


def _run(database: Path, payment_id: str, decide: Decide) -> Payment:
    if not database.is_file():
        # Opening it would make one, and a verdict belongs to a payment that exists.
        raise PaymentNotFoundError(f"there is no database {database}")
    return asyncio.run(_decide(database, payment_id, decide))


async def _decide(database: Path, payment_id: str, decide: Decide) -> Payment:
    clock = SystemClock()
    store = SqliteStore(database, clock=clock)
    try:
        await store.open()
    except StoreLockedError as locked:
        raise StoreLockedError(
            str(locked), hint="Call resolve_payment or close_incident on the engine that has it open."
        ) from locked
    try:
        return await _append(store, clock, payment_id, decide)
    finally:
        await store.close()


async def _append(store: SqliteStore, clock: Clock, payment_id: str, decide: Decide) -> Payment:
    payment = rebuild(payment_id, await store.load(payment_id)) if is_payment_id(payment_id) else None
    if payment is None:
        raise PaymentNotFoundError(f"there is no payment {payment_id}")
    if payment.is_parked:
        raise PaymentParkedError(f"{payment_id} is parked", hint="Let it go on with unpark_payment first.")
    command = decide(payment, clock)
    draft = Draft(payment_id, payment)
    rejection = draft.apply(command)
    if rejection is not None or draft.payment is None:
        raise IllegalTransitionError(state=payment.state.value, command=type(command).__name__, reason=str(rejection))
    row = project(check(draft.payment))
    await store.append(Append(payment_id=payment_id, expected_version=draft.version, events=draft.events, row=row))
    return draft.payment
