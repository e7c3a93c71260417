"""Whole payments, told by real commands, that have every kind of event between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aegispay.domain import commands as c
from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.decide import decide
from aegispay.domain.events import Event, encode
from aegispay.domain.evidence import Evidence
from aegispay.domain.evolve import evolve
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.outcome import Declined, DeclineKind, Pending, Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.retry import RetryPolicy, RetryRule, TryAt
from aegispay.domain.routing import GatewaySnapshot, RoutingDecision, RoutingRequest, Strategy, route, strategy_of
from aegispay.domain.routing.rules import RuleBased
from tests import builders as b

_PASSED = c.CompleteAction(at=b.NOW, is_passed=True)
_CHALLENGE = c.RequireAction(at=b.NOW, action=b.wants_payer().action, gateway="alpha", reference="ref-0")
_PART = b.approved("op-cap-2", 3_000)
_DAY = timedelta(days=1)
_NO_MONEY = Declined(kind=DeclineKind.CUSTOMER_FIXABLE, reason=Reason.INSUFFICIENT_FUNDS, code="51")
_SALARIES = RetryPolicy(
    rules=(RetryRule(reason=Reason.INSUFFICIENT_FUNDS, action="any_gateway_later", delays_s=(86_400.0,)),)
)
_LATER = TryAt(at=b.NOW + 2 * _DAY, why="no gateway", gateway="beta", is_put_off=True)
_BY_LOT = RuleBased(rules=[{"name": "cards", "weights": {"alpha": 1, "beta": 3}}], otherwise="cost_optimised")
_SEEN = {"success_rate": 0.95, "latency_p50_s": 0.25, "samples": 40, "approvals": 30.5, "declines": 4.25}


def _decided(strategy: Strategy, *, is_probe: bool = False, preferred: tuple[str, ...] = ()) -> RoutingDecision:
    contract = GatewayContract(fees=(Fee(fixed_minor=30, basis_points=125),))
    snapshots = [
        GatewaySnapshot(name="alpha", contract=contract, **_SEEN),
        GatewaySnapshot(name="beta", contract=contract, breaker=BreakerState.HALF_OPEN, wants_probe=is_probe),
        GatewaySnapshot(name="gamma", contract=contract, is_enabled=False),
    ]
    method = b.request().payment_method.type
    request = RoutingRequest(
        amount_minor=b.AMOUNT, currency="USD", method=method, payment=b.request(), at=b.NOW,
        preferred=preferred, preferred_by="partner" if preferred else "",
    )  # fmt: skip
    return route(snapshots, request, strategy=strategy, turn=3, draw=77)


def _started(number: int, decision: RoutingDecision, configuration: int, days: int = 0) -> c.StartAttempt:
    made = b.start(number, decision.order[0])
    at, deadline_at = made.at + days * _DAY, made.deadline_at + days * _DAY
    return replace(made, at=at, deadline_at=deadline_at, decision=decision, configuration=configuration)


def _judge(hook: str, verdict: VerdictKind, kind: HookKind = HookKind.FRAUD_CHECK, **said: Any) -> c.JudgePayment:
    return c.JudgePayment(at=b.NOW, hook=hook, kind=kind, verdict=verdict, **said)


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
    "enriched, judged, routed by rule and hook, put off, charged": (
        b.create(), c.EnrichPayment(at=b.NOW, hook="crm", metadata={"tier": "gold", "basket": ["ignored"]}),
        b.authenticate(), _judge("velocity", VerdictKind.ALLOW, reason="close to the limit", score=0.4, took_s=0.012),
        _started(1, _decided(_BY_LOT, preferred=("alpha",)), configuration=3),
        b.outcome(_NO_MONEY, policy=_SALARIES),
        c.PutOffRetry(at=b.NOW + _DAY, retry=_LATER),
        _started(2, _decided(strategy_of("multi_objective"), is_probe=True), configuration=4, days=2),
        b.outcome(b.approved(), 2, at=b.NOW + 2 * _DAY),
    ),
    "a check failed and stayed shut": (
        b.create(), b.authenticate(), _judge("scores", VerdictKind.BLOCK, reason="no answer", took_s=1.0,
                                             has_failed=True),
        c.RefusePayment(at=b.NOW, reason=Reason.RISK_REFUSED, message="scores: no answer"),
    ),
    "reviewed, and tried again at an error handler's wish": (
        b.create(), b.authenticate(), _judge("large-orders", VerdictKind.REVIEW, reason="more than usual", score=0.8),
        c.ParkPayment(at=b.NOW, cause="hook large-orders wants a review: more than usual"),
        c.UnparkPayment(at=b.NOW, operator="olga"), _started(1, _decided(strategy_of("round_robin")), configuration=1),
        b.outcome(b.soft(), policy=RetryPolicy(failover_on_soft_decline=False), retry_at=b.NOW + _DAY,
                  retry_why="hook patient: tomorrow"),
        _judge("patient", VerdictKind.RETRY_AFTER, HookKind.ERROR_HANDLER, reason="tomorrow"),
        _started(2, _decided(strategy_of("cost_optimised")), configuration=1, days=1),
        b.outcome(b.hard(), 2, at=b.NOW + _DAY),
    ),
    "charged within the trace of its caller": (
        replace(b.create(), trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), b.authenticate(),
        b.start(), b.outcome(b.approved()),
    ),
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
