"""Who decided or reported what an event says."""

from __future__ import annotations

import pytest

from aegispay.domain import events as e
from aegispay.domain.authorship import author
from aegispay.domain.evidence import Evidence
from aegispay.domain.state import OperationKind
from tests import builders as b
from tests.samples import EVENTS, INITIATED

GATEWAYS = {1: "alpha", 2: "beta"}

AUTHORS = {
    "payment.initiated": "merchant",
    "payment.authenticated": "engine",
    "payment.action_required": "gateway alpha",
    "payment.action_completed": "payer",
    "payment.processing": "engine",
    "payment.retry_attempted": "engine",
    "payment.attempt_failed": "gateway alpha",
    "payment.retry_put_off": "engine",
    "payment.outcome_unknown": "engine",
    "payment.outcome_resolved": "gateway alpha",
    "payment.authorized": "gateway alpha",
    "payment.authorization_expiring": "engine",
    "payment.succeeded": "gateway alpha",
    "payment.failed": "engine",
    "payment.cancel_requested": "merchant",
    "payment.cancelled": "engine",
    "payment.partially_refunded": "engine",
    "payment.refunded": "engine",
    "payment.charged_back": "payer's bank",
    "payment.enriched": "hook h",
    "payment.hook_judged": "hook h",
    "payment.incident_opened": "engine",
    "payment.incident_closed": "operator o",
    "payment.parked": "engine",
    "payment.unparked": "operator o",
} | {
    f"payment.{kind}_{step}": who
    for kind in OperationKind
    for step, who in (
        ("requested", "engine"),
        ("succeeded", "gateway beta"),
        ("failed", "gateway beta"),
        ("unknown", "engine"),
    )
}


def test_every_type_of_event_has_an_author_here():
    assert set(AUTHORS) == {event_type.value for event_type in e.EventType}


@pytest.mark.parametrize("event", [INITIATED, *EVENTS], ids=lambda event: str(event.type))
def test_each_event_goes_back_to_who_caused_it(event):
    assert author(event, GATEWAYS) == AUTHORS[event.type.value]


def test_a_refund_that_was_asked_for_with_a_key_is_the_merchants():
    asked = e.OperationRequested(
        at=b.NOW,
        kind=OperationKind.REFUND,
        operation_id="op",
        amount_minor=5,
        idempotency_key="k",
        deadline_at=b.LATER,
        key="refund-1",
    )

    assert author(asked, GATEWAYS) == "merchant"


@pytest.mark.parametrize(
    "event",
    [
        e.OutcomeResolved(at=b.NOW, number=1, evidence=Evidence.OPERATOR, detail="ann: the bank's statement"),
        e.OperationSucceeded(
            at=b.NOW,
            kind=OperationKind.VOID,
            operation_id="op",
            reference="r",
            evidence=Evidence.OPERATOR,
            detail="ann: seen: in the portal",
        ),
        e.OperationFailed(
            at=b.NOW,
            kind=OperationKind.REFUND,
            operation_id="op",
            outcome=b.not_sent(),
            evidence=Evidence.OPERATOR,
            detail="ann: by phone",
        ),
    ],
    ids=lambda event: str(event.type),
)
def test_a_verdict_is_the_operators_by_name(event):
    assert author(event, GATEWAYS) == "operator ann"


def test_a_failure_that_a_gateway_reported_is_the_gateways():
    failed = next(event for event in EVENTS if isinstance(event, e.PaymentFailed))

    assert failed.gateway is None
    assert author(e.PaymentFailed(at=b.NOW, reason=failed.reason, gateway="beta"), GATEWAYS) == "gateway beta"
