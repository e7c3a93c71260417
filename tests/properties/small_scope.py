"""Every payment that can be reached with two attempts, two operations and few amounts: all of them, not a sample."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aegispay.domain import commands as c
from aegispay.domain import decide as decide_module
from aegispay.domain.events import Event
from aegispay.domain.evidence import Evidence
from aegispay.domain.evolve import evolve
from aegispay.domain.keys import cancel_id
from aegispay.domain.outcome import Declined, DeclineKind, Pending, Reason
from aegispay.domain.payment import Operation, Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.retry import RetryPolicy, RetryRule, TryAt
from aegispay.domain.timers import cancel_again_at, wake_at
from tests import builders as b

ATTEMPTS_MAX = 2
OPERATIONS_MAX = 2
OWN_TRIES_MAX = 2
INCIDENTS_MAX = int(os.environ.get("AEGISPAY_SCOPE_INCIDENTS", "0"))
"""With how many incidents a payment is still followed; each one more makes ten times as many payments."""
PART = 4_000
PARTLY_APPROVED = 6_000
ENDLESS = timedelta(days=3650)
WAIT = timedelta(hours=1)
PATIENT = RetryPolicy(
    attempts_max=ATTEMPTS_MAX,
    rules=(RetryRule(kind="soft", action="any_gateway_later", delays_s=(WAIT.total_seconds(),)),),
)

CHARGE_OUTCOMES = (
    b.approved(), b.approved(amount_minor=PARTLY_APPROVED, is_partial=True), b.approved(amount_minor=1), b.hard(),
    b.not_sent(), b.unknown(), b.wants_payer(), Pending(reference="ref-1"),
    Declined(kind=DeclineKind.HARD, reason=Reason.AUTHORIZATION_EXPIRED),
)  # fmt: skip
OPERATION_OUTCOMES = (b.approved("op", 1), b.hard(), b.not_sent(), b.unknown())
VERDICTS = (Evidence.ANSWER, Evidence.OPERATOR)


@dataclass(frozen=True)
class Step:
    """One command that was accepted, and what it did."""

    before: Payment
    command: c.Command
    events: tuple[Event, ...]
    after: Payment


def orders(payment: Payment) -> Iterator[c.Command]:
    """Return everything that anybody, or time, can do to the payment next."""
    at = payment.updated_at
    yield c.AuthenticatePayment(at=at)
    yield c.RequireAction(at=at, action=b.wants_payer().action, gateway="alpha")
    yield from (c.CompleteAction(at=at, is_passed=is_passed) for is_passed in (True, False))
    yield from (c.RefusePayment(at=at, reason=reason) for reason in (Reason.RISK_REFUSED, Reason.NO_ELIGIBLE_GATEWAY))
    if len(payment.attempts) < ATTEMPTS_MAX:
        number = len(payment.attempts) + 1
        for moment in {at, payment.retry_at or at}:
            start = b.start(number, "alpha" if number == 1 else "beta")
            yield replace(start, at=moment, deadline_at=soon(moment))
    yield from _waits(payment, at)
    yield from _outcomes(payment, at)
    yield from _requests(payment, at)
    yield from _results(payment, at)
    yield replace(b.chargeback(PART), at=at)
    yield from _time(payment, at)


def _waits(payment: Payment, at: datetime) -> Iterator[c.Command]:
    due_at = payment.retry_at or at
    for moment in {at, due_at}:
        yield c.PutOffRetry(at=moment, retry=TryAt(at=moment + WAIT, why="again", is_put_off=True))
    if payment.open_attempt is not None:
        validity = {"authorization_expires_at": at + timedelta(days=7), "next_check_at": soon(at)}
        for evidence in VERDICTS:
            number = payment.open_attempt.number
            yield b.outcome(b.soft(), number, at=at, evidence=evidence, policy=PATIENT, **validity)


def soon(at: datetime) -> datetime:
    return at + timedelta(seconds=40)


def _outcomes(payment: Payment, at: datetime) -> Iterator[c.Command]:
    for attempt in payment.attempts:
        for evidence in VERDICTS:
            for outcome in CHARGE_OUTCOMES if evidence is Evidence.ANSWER else (b.approved(), b.not_sent()):
                validity = {"authorization_expires_at": at + timedelta(days=7), "next_check_at": soon(at)}
                yield b.outcome(outcome, attempt.number, at=at, evidence=evidence, **validity)


def _requests(payment: Payment, at: datetime) -> Iterator[c.Command]:
    known = {operation.id for operation in payment.operations if operation.key}
    for name, command in _MERCHANTS.items():
        if name in known or len(known) < OPERATIONS_MAX:
            yield replace(command, at=at, deadline_at=soon(at))


_MERCHANTS: dict[str, Any] = {
    "void-1": b.cancel(),
    "void-2": replace(b.cancel(), operation_id="void-2", key="void-2"),
    "part": b.capture(PART, "part", is_final=False),
    "rest": b.capture(None, "rest"),
    "back-1": b.refund(PART, "back-1"),
    "back-2": b.refund(None, "back-2"),
}


def _results(payment: Payment, at: datetime) -> Iterator[c.Command]:
    for operation in payment.operations:
        exact = b.approved(f"op-{operation.id}", operation.amount_minor)
        for outcome in (exact, *OPERATION_OUTCOMES):
            yield b.recorded(operation.id, outcome, at=at, next_check_at=soon(at))
        for outcome in (exact, b.not_sent()):
            yield b.recorded(operation.id, outcome, at=at, evidence=Evidence.OPERATOR)


def _time(payment: Payment, at: datetime) -> Iterator[c.Command]:
    due_at = wake_at(payment)
    for moment in {at, due_at or at, at + ENDLESS}:
        yield c.ExpirePayment(at=moment)
    own = own_tries(payment)
    if len(own) < OWN_TRIES_MAX:
        name = cancel_id(payment.id, len(own) + 1)
        again_at = cancel_again_at(payment)
        for moment in {at, again_at or at}:
            key = f"{name}-alpha"
            yield c.RepeatCancel(at=moment, operation_id=name, idempotency_key=key, deadline_at=soon(moment))


def own_tries(payment: Payment) -> list[Operation]:
    return [operation for operation in payment.operations if not operation.key]


def told(payment: Payment, command: c.Command) -> Step | None:
    """Return what the command does; ``None`` when it is refused."""
    decision = decide_module.decide(payment, command)
    if isinstance(decision, Rejection):
        return None
    after = payment
    for event in decision:
        after = evolve(after, event, payment_id=b.ID)
    return Step(payment, command, decision, after)


def shape(payment: Payment) -> tuple[Any, ...]:
    """Return what tells payments apart here: everything but times, counters and words."""
    return (
        payment.state, payment.resume_state, payment.is_cancel_requested, payment.is_expiry_announced,
        payment.retry is None,
        payment.authorized_minor, payment.captured_minor, payment.refunded_minor, payment.charged_back_minor,
        tuple((a.status, a.reference is None) for a in payment.attempts),
        tuple((o.id, o.amount_minor, o.status) for o in payment.operations),
        frozenset(i.id for i in payment.incidents),
    )  # fmt: skip


def steps(capture: str) -> Iterator[Step]:
    """Walk breadth first over every payment within the bounds; return each step once."""
    first = b.after(b.create(capture=capture))
    seen, queue = {shape(first)}, deque([first])
    while queue:
        payment = queue.popleft()
        for command in orders(payment):
            step = told(payment, command)
            if step is None:
                continue
            yield step
            known = shape(step.after)
            if known not in seen:
                seen.add(known)
                if len(step.after.incidents) <= INCIDENTS_MAX:
                    queue.append(step.after)
