"""Whole payments, told by real commands, that have every kind of event between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from aegispay.domain import commands as c
from aegispay.domain.decide import decide
from aegispay.domain.events import Event, encode
from aegispay.domain.evidence import Evidence
from aegispay.domain.evolve import evolve
from aegispay.domain.outcome import Pending, Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from tests import builders as b

_PASSED = c.CompleteAction(at=b.NOW, is_passed=True)
_CHALLENGE = c.RequireAction(at=b.NOW, action=b.wants_payer().action, gateway="alpha", reference="ref-0")
_PART = b.approved("op-cap-2", 3_000)

STORIES: dict[str, tuple[c.Command, ...]] = {
    "authorized, captured in parts, the rest voided": (
        b.create(capture="manual"), b.authenticate(), b.start(), b.outcome(b.unknown()),
        b.outcome(b.approved(amount_minor=8_000, is_partial=True), evidence=Evidence.LOOKUP, detail="seen"),
        b.expire(timedelta(days=6)),
        b.capture(9, "cap-1", is_final=False), b.recorded("cap-1", b.hard()),
        b.capture(3_000, "cap-2", is_final=False), b.recorded("cap-2", b.unknown()), b.recorded("cap-2", _PART),
        b.cancel(), b.recorded("void-1", b.unknown()), b.recorded("void-1", b.not_sent()),
        replace(b.cancel(), operation_id="void-2", key="void-2"), b.recorded("void-2"),
        b.refund(3_000), b.recorded("ref-1", b.approved("op-ref-1", 3_000)),
    ),
    "challenged, failed over, charged, refunded, disputed": (
        b.create(), _CHALLENGE, _PASSED, b.start(), b.outcome(b.not_sent()), b.start(2, "beta"),
        b.outcome(b.wants_payer(), 2), _PASSED, b.outcome(Pending(reference="ref-2"), 2),
        b.outcome(b.approved("ref-2"), 2, evidence=Evidence.WEBHOOK),
        b.refund(1_000, "ref-1"), b.recorded("ref-1", b.unknown()), b.recorded("ref-1", b.hard()),
        b.refund(4_000, "ref-2"), b.recorded("ref-2", amount_minor=4_000),
        b.refund(None, "ref-3"), b.recorded("ref-3", amount_minor=6_000, evidence=Evidence.ANSWER),
        b.chargeback(2_500),
        c.CloseIncident(at=b.NOW, incident_id=f"{b.ID}-chargeback-dispute-1", operator="olga", detail="written off"),
        c.ParkPayment(at=b.NOW, cause="crashed too often"), c.UnparkPayment(at=b.NOW, operator="olga"),
    ),
    "declined, then reported as approved": (
        b.create(), b.authenticate(), b.start(), b.outcome(b.hard()), b.outcome(b.approved()),
    ),
    "cancelled too late, the money returned": (
        b.create(), b.authenticate(), b.start(), b.outcome(b.unknown()), b.cancel(), b.outcome(b.approved()),
        b.recorded(f"{b.ID}-cancel", b.not_sent()), b.repeat_cancel(), b.recorded(f"{b.ID}-cancel-2"),
    ),
    "lapsed": (b.create(capture="manual"), b.authenticate(), b.start(), b.outcome(b.approved()),
               b.expire(timedelta(days=7))),
    "refused": (b.create(), c.RefusePayment(at=b.NOW, reason=Reason.RISK_REFUSED, message="velocity")),
    "never processed": (b.create(), b.expire(timedelta(days=7))),
}  # fmt: skip


def told(name: str) -> Iterator[tuple[Event, Payment]]:
    """Return each event of a story and the payment it made."""
    payment: Payment | None = None
    for command in STORIES[name]:
        decision = decide(payment, command)
        assert not isinstance(decision, Rejection), f"{name}: {type(command).__name__}: {decision}"
        for event in decision:
            payment = evolve(payment, event, payment_id=b.ID)
            yield event, payment


def stored(name: str) -> list[tuple[str, int, bytes]]:
    """Return a story as it stands in a store."""
    return [(event.type.value, event.schema_version, encode(event)) for event, _ in told(name)]
