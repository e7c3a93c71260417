"""An operator's decisions about a payment, given while no engine has its database open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aegispay.api.hooks import ReviewVerdict
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
from aegispay.parking import is_review_open, review_refusal
from aegispay.ports import Append, Clock
from aegispay.storage.sqlite import SqliteStore

Act = Callable[[SqliteStore, Clock], Awaitable[Payment]]
"""What is done with the open database."""


def resolve(database: Path, payment_id: str, said: Testimony) -> Payment:
    """Settle what is in doubt; what follows from it, the next engine does.

    Raises:
        PaymentNotFoundError: there is no such payment.
        NotInDoubtError: nothing, or not just one thing, is in doubt that this could be about.
        StoreLockedError: an engine has the database open: call its `resolve_payment`.
    """

    async def act(store: SqliteStore, clock: Clock) -> Payment:
        payment = await _load_unparked(store, payment_id)
        validity_s = GatewayContract().authorization_validity_s
        sent = doubt_meant(payment, said.reference)
        _refuse_what_needs_an_engine(payment, sent, said)
        command = verdict_command(payment, sent, said, at=clock.now(), authorization_validity_s=validity_s)
        return await _append(store, payment, command)

    return _run(database, act, instead="resolve_payment")


def close_incident(database: Path, payment_id: str, incident_id: str, *, operator: str, detail: str) -> Payment:
    """Note that a person has looked at an incident.

    Raises:
        PaymentNotFoundError: there is no such payment.
        IllegalTransitionError: there is no such open incident.
        StoreLockedError: an engine has the database open: call its `close_incident`.
    """

    async def act(store: SqliteStore, clock: Clock) -> Payment:
        payment = await _load_unparked(store, payment_id)
        command = c.CloseIncident(at=clock.now(), incident_id=incident_id, operator=operator, detail=detail)
        return await _append(store, payment, command)

    return _run(database, act, instead="close_incident")


def review(database: Path, payment_id: str, verdict: ReviewVerdict, *, operator: str, reason: str) -> Payment:
    """Decide about a payment that a hook has set aside; one that is accepted, the next engine charges.

    Raises:
        PaymentNotFoundError: there is no such payment.
        IllegalTransitionError: no review is open.
        StoreLockedError: an engine has the database open: call its `review_payment`.
    """

    async def act(store: SqliteStore, clock: Clock) -> Payment:
        payment, now = await _load(store, payment_id), clock.now()
        if not is_review_open(payment):
            raise IllegalTransitionError(state=payment.state.value, command="review", reason="no_review_is_open")
        commands: list[c.Command] = [c.UnparkPayment(at=now, operator=operator, reason=reason)]
        if verdict is ReviewVerdict.REFUSE:
            commands.append(review_refusal(at=now, operator=operator, reason=reason))
        # In this order: a row that is left over, the next engine takes away, for the log says that it is decided.
        decided = await _append(store, payment, *commands)
        await store.unpark(payment_id)
        return decided

    return _run(database, act, instead="review_payment")


def unpark(database: Path, payment_id: str, *, operator: str) -> Payment:
    """Let a payment go on that kept crashing; the next engine picks it up.

    Raises:
        PaymentNotFoundError: there is no such payment, or it is not parked.
        PaymentParkedError: a hook wants a person to decide about it: that is what `review` is for.
        StoreLockedError: an engine has the database open: call its `unpark_payment`.
    """

    async def act(store: SqliteStore, clock: Clock) -> Payment:
        payment = await _load(store, payment_id)
        if is_review_open(payment):
            raise PaymentParkedError(f"{payment_id} waits for a review", hint=_way_on(payment))
        if not payment.is_parked and payment_id not in {each.payment_id for each in await store.parked()}:
            raise PaymentNotFoundError(f"{payment_id} is not parked", hint="payments --parked lists those that are.")
        if payment.is_parked:
            payment = await _append(store, payment, c.UnparkPayment(at=clock.now(), operator=operator))
        # In this order: if only the first was done, the payment stays parked, and doing it again does the second.
        await store.unpark(payment_id)
        return payment

    return _run(database, act, instead="unpark_payment")


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


def _run(database: Path, act: Act, *, instead: str) -> Payment:
    if not database.is_file():
        # Opening it would make one, and a verdict belongs to a payment that exists.
        raise PaymentNotFoundError(f"there is no database {database}")
    return asyncio.run(_act(database, act, instead))


async def _act(database: Path, act: Act, instead: str) -> Payment:
    clock = SystemClock()
    store = SqliteStore(database, clock=clock)
    try:
        await store.open()
    except StoreLockedError as locked:
        raise StoreLockedError(str(locked), hint=f"Call {instead} on the engine that has it open.") from locked
    try:
        return await act(store, clock)
    finally:
        await store.close()


async def _load(store: SqliteStore, payment_id: str) -> Payment:
    payment = rebuild(payment_id, await store.load(payment_id)) if is_payment_id(payment_id) else None
    if payment is None:
        raise PaymentNotFoundError(f"there is no payment {payment_id}")
    return payment


async def _load_unparked(store: SqliteStore, payment_id: str) -> Payment:
    payment = await _load(store, payment_id)
    if payment.is_parked:
        raise PaymentParkedError(f"{payment_id} is parked", hint=_way_on(payment))
    return payment


def _way_on(payment: Payment) -> str:
    if is_review_open(payment):
        return "It waits for a review: decide with aegispay review first."
    return "Let it go on with aegispay unpark first."


async def _append(store: SqliteStore, payment: Payment, *commands: c.Command) -> Payment:
    draft = Draft(payment.id, payment)
    for command in commands:
        rejection = draft.apply(command)
        if rejection is not None:
            raise IllegalTransitionError(
                state=payment.state.value, command=type(command).__name__, reason=str(rejection)
            )
    assert draft.payment is not None, "it began with one"
    row = project(check(draft.payment))
    await store.append(Append(payment_id=payment.id, expected_version=draft.version, events=draft.events, row=row))
    return draft.payment
