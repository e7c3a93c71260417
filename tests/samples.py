"""One of each: every command, every event. Tests over all of them fail when a new kind has no sample."""

from __future__ import annotations

from datetime import timedelta

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.outcome import ActionKind, NextAction, Reason
from aegispay.domain.retry import TryAt
from aegispay.domain.state import OperationKind
from tests import builders as b

_ACTION = NextAction(kind=ActionKind.REDIRECT, url="https://bank.example", expires_at=b.LATER)

COMMANDS: tuple[c.Command, ...] = (
    b.create(),
    b.authenticate(),
    c.RequireAction(at=b.NOW, action=_ACTION, gateway="alpha"),
    c.CompleteAction(at=b.NOW, is_passed=True),
    c.CompleteAction(at=b.NOW, is_passed=False),
    c.RefusePayment(at=b.NOW, reason=Reason.RISK_REFUSED),
    b.start(),
    b.start(2, "beta"),
    b.outcome(b.approved()),
    b.outcome(b.hard()),
    b.outcome(b.soft()),
    b.outcome(b.not_sent()),
    b.outcome(b.unknown()),
    b.outcome(b.wants_payer()),
    b.cancel(),
    b.repeat_cancel(),
    c.PutOffRetry(at=b.NOW, retry=TryAt(at=b.LATER, why="w", is_put_off=True)),
    b.capture(None),
    b.refund(1_000, "other"),
    b.recorded("ref-1"),
    b.chargeback(1_000),
    c.ExpirePayment(at=b.LATER),
    c.OpenIncident(at=b.NOW, incident_id="i", reason=Reason.AMOUNT_MISMATCH, detail="d"),
    c.CloseIncident(at=b.NOW, incident_id="i", operator="o", detail="d"),
    c.EnrichPayment(at=b.NOW, hook="h", metadata={"tier": "gold"}),
    c.JudgePayment(at=b.NOW, hook="h", kind=HookKind.FRAUD_CHECK, verdict=VerdictKind.BLOCK, reason="r", score=0.9),
    c.ParkPayment(at=b.NOW, cause="c"),
    c.UnparkPayment(at=b.NOW, operator="o"),
)

_OPERATIONS: tuple[e.Event, ...] = tuple(
    event
    for kind in OperationKind
    for event in (
        e.OperationRequested(
            at=b.NOW, kind=kind, operation_id="op", amount_minor=5, idempotency_key="k", deadline_at=b.LATER
        ),
        e.OperationSucceeded(at=b.NOW, kind=kind, operation_id="op", reference="r"),
        e.OperationFailed(at=b.NOW, kind=kind, operation_id="op", outcome=b.hard()),
        e.OperationBecameUnknown(
            at=b.NOW, kind=kind, operation_id="op", outcome=b.unknown(), checks=1, next_check_at=b.LATER
        ),
    )
)


def _started(number: int) -> e.AttemptStarted:
    return e.AttemptStarted(
        at=b.NOW,
        number=number,
        gateway="alpha",
        operation_id=f"{b.ID}-a{number}",
        idempotency_key=f"k{number}",
        request_digest="d",
        deadline_at=b.LATER,
        decision=b.decision(),
    )


EVENTS: tuple[e.Event, ...] = (
    e.PaymentAuthenticated(at=b.NOW),
    e.ActionRequired(at=b.NOW, action=_ACTION, gateway="alpha", reference="r"),
    e.ActionCompleted(at=b.NOW),
    _started(1),
    _started(2),
    e.AttemptFailed(at=b.NOW, number=1, outcome=b.hard()),
    e.RetryPutOff(at=b.NOW, retry=TryAt(at=b.LATER, why="w", gateway="alpha", is_put_off=True)),
    e.OutcomeBecameUnknown(at=b.NOW, number=1, outcome=b.unknown(), checks=0, next_check_at=b.LATER),
    e.OutcomeResolved(at=b.NOW, number=1, evidence="lookup"),
    e.PaymentAuthorized(at=b.NOW, number=1, reference="r", amount_minor=5, expires_at=b.LATER),
    e.PaymentSucceeded(at=b.NOW, number=1, reference="r", amount_minor=5),
    e.PaymentFailed(at=b.NOW, reason=Reason.DO_NOT_HONOR),
    e.CancelRequested(at=b.NOW, reason="requested"),
    e.PaymentCancelled(at=b.NOW, reason="requested"),
    e.PaymentPartiallyRefunded(at=b.NOW, refunded_minor=1),
    e.PaymentRefunded(at=b.NOW, refunded_minor=2),
    e.AuthorizationExpiring(at=b.NOW, expires_at=b.LATER),
    e.PaymentChargedBack(at=b.NOW, reference="dispute", amount_minor=3),
    *_OPERATIONS,
    e.PaymentEnriched(at=b.NOW, hook="h", metadata={"tier": "gold"}),
    e.HookJudged(
        at=b.NOW, hook="h", kind=HookKind.FRAUD_CHECK, verdict=VerdictKind.BLOCK, reason="r", score=0.9, took_s=0.1
    ),
    e.IncidentOpened(at=b.NOW, incident_id="i", reason=Reason.AMOUNT_MISMATCH, detail="d"),
    e.IncidentClosed(at=b.NOW, incident_id="i", operator="o", detail="d"),
    e.PaymentParked(at=b.NOW, cause="c"),
    e.PaymentUnparked(at=b.NOW, operator="o"),
)

INITIATED = e.PaymentInitiated(
    at=b.NOW, request=b.request(), fingerprint=b.request().fingerprint(), expires_at=b.NOW + timedelta(days=7)
)
