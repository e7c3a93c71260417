"""Any strategy, any gateways, any payment: what routing has to cope with."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from aegispay.domain.breaker import BreakerState
from aegispay.domain.contract import CaptureSupport, Fee, GatewayContract
from aegispay.domain.customer import Address, Customer
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.request import parse_request
from aegispay.domain.routing import GatewaySnapshot, RoutingRequest, Strategy
from aegispay.domain.routing.ab_split import AbSplit
from aegispay.domain.routing.cost import CostOptimised
from aegispay.domain.routing.geographic import Geographic
from aegispay.domain.routing.latency import LowestLatency
from aegispay.domain.routing.multi_objective import MultiObjective, ObjectiveWeights
from aegispay.domain.routing.newcomers import Newcomers
from aegispay.domain.routing.round_robin import RoundRobin
from aegispay.domain.routing.rules import Rule, RuleBased
from aegispay.domain.routing.success import HighestSuccessRate
from aegispay.domain.routing.thompson import Thompson
from aegispay.domain.routing.weighted import Weighted

NAMES = ["alpha", "beta", "gamma", "delta", "epsilon"]
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
COUNTRIES = ["DE", "FR", "IN", "US"]

_share = st.floats(0, 1)
_weight = st.one_of(st.just(0), st.integers(1, 100), st.floats(1e-9, 1e6))
_name = st.sampled_from(NAMES)
_newcomers = st.builds(Newcomers, samples=st.integers(1, 100), share=_share)

# --- strategies -----------------------------------------------------------------------------------------

_plain = st.one_of(
    st.builds(HighestSuccessRate, newcomers=st.none() | _newcomers),
    st.builds(LowestLatency),
    st.builds(CostOptimised, success_rate_min=_share),
    st.builds(RoundRobin),
    st.builds(Thompson, maximise=st.sampled_from(["value", "approvals"]), newcomers=_newcomers),
    st.builds(
        MultiObjective,
        weights=st.builds(ObjectiveWeights, value=st.just(1), success=_weight, latency=_weight, cost=_weight),
        margin=st.floats(0.01, 1),
        newcomers=_newcomers,
    ),
)


def _with_some_weight(weights: dict[str, float]) -> bool:
    return sum(weights.values()) > 0


_weights = st.dictionaries(_name, _weight, min_size=1).filter(_with_some_weight)
_lists = st.lists(_name, min_size=1, max_size=3, unique=True)
_conditions = st.one_of(
    st.none(),
    st.just({"field": "currency", "operator": "equals", "value": "USD"}),
    st.just({"field": "amount", "operator": "greater_than", "value": "50.00", "currency": "USD"}),
    st.just({"field": "country", "operator": "in", "value": ["DE", "FR"]}),
)


_targets = st.one_of(
    _name.map(lambda name: {"gateway": name}),
    _lists.map(lambda names: {"gateways": names}),
    _weights.map(lambda weights: {"weights": weights}),
)


@st.composite
def _rules(draw: st.DrawFn) -> list[Rule]:
    targets = draw(st.lists(_targets, max_size=3))
    return [Rule(name=f"rule-{n}", when=draw(_conditions), **target) for n, target in enumerate(targets)]


def _nesting(inner: st.SearchStrategy[Strategy]) -> st.SearchStrategy[Strategy]:
    arms = st.tuples(inner, inner, st.integers(1, 9)).map(
        lambda drawn: [
            {"name": "one", "strategy": drawn[0], "weight": drawn[2]},
            {"name": "two", "strategy": drawn[1]},
        ]
    )
    return st.one_of(
        st.builds(Weighted, weights=_weights, otherwise=inner),
        st.builds(
            Geographic,
            gateways=st.dictionaries(st.sampled_from(["DE", "EU", "IN", "ASIA"]), _lists, min_size=1),
            otherwise=inner,
        ),
        st.builds(AbSplit, experiment=st.just("any"), arms=arms),
        st.builds(RuleBased, rules=_rules(), otherwise=inner),
    )


STRATEGIES: st.SearchStrategy[Strategy] = st.one_of(_plain, _nesting(_plain), _nesting(_nesting(_plain)))
"""Every kind, up to three levels."""

# --- gateways -------------------------------------------------------------------------------------------

_fees = st.lists(
    st.builds(
        Fee,
        currency=st.sampled_from([None, "USD", "EUR"]),
        fixed_minor=st.integers(0, 10**6),
        basis_points=st.integers(0, 9_999),
    ),
    max_size=2,
).map(tuple)
_contracts = st.builds(
    GatewayContract,
    methods=st.sampled_from([frozenset(PaymentMethodType), frozenset({PaymentMethodType.UPI})]),
    currencies=st.sampled_from([None, frozenset({"USD"}), frozenset({"EUR"})]),
    capture=st.sampled_from(CaptureSupport),
    fees=_fees,
)


@st.composite
def _snapshots(draw: st.DrawFn, name: str) -> GatewaySnapshot:
    samples = draw(st.integers(0, 10_000))
    return GatewaySnapshot(
        name=name,
        contract=draw(_contracts),
        is_enabled=draw(st.sampled_from([True, True, True, False])),
        breaker=draw(st.sampled_from([*BreakerState, BreakerState.CLOSED])),
        success_rate=draw(_share) if samples else None,
        latency_p50_s=draw(st.floats(0, 1_000)) if samples else None,
        health=draw(_share),
        samples=samples,
        wants_probe=draw(st.sampled_from([False, False, True])),
        approvals=draw(st.floats(0, 1e6)),
        declines=draw(st.floats(0, 1e6)),
    )


GATEWAYS: st.SearchStrategy[list[GatewaySnapshot]] = st.lists(_name, max_size=5, unique=True).flatmap(
    lambda names: st.tuples(*map(_snapshots, names)).map(list)
)

# --- payments -------------------------------------------------------------------------------------------


@st.composite
def _requests(draw: st.DrawFn) -> RoutingRequest:
    country = draw(st.none() | st.sampled_from(COUNTRIES))
    customer = None if country is None else Customer(id="cust_1", billing_address=Address(country=country))
    minor = draw(st.integers(1, 10**9))
    payment = parse_request(
        idempotency_key="order-1",
        amount=f"{minor // 100}.{minor % 100:02}",
        currency=draw(st.sampled_from(["USD", "EUR"])),
        payment_method={"type": "card", "token": "tok_visa"},
        customer=customer,
    )
    return RoutingRequest(
        amount_minor=minor,
        currency=payment.currency,
        method=payment.payment_method.type,
        forced=draw(st.none() | st.none() | _name),
        excluded=draw(st.frozensets(_name, max_size=2)),
        needs_authorization=draw(st.booleans()),
        payment=payment,
        at=AT,
        sticky_key=draw(st.text(max_size=8)),
        preferred=draw(st.lists(_name, max_size=2, unique=True).map(tuple)),
        preferred_by="hook",
    )


REQUESTS = _requests()
TURNS = st.integers(0, 10**6)
DRAWS = st.integers(0, (1 << 53) - 1)
