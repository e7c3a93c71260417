"""What follows a failed attempt."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay import ValidationError
from aegispay.domain.outcome import (
    Declined,
    DeclineKind,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    Reason,
)
from aegispay.domain.payment_method import Card
from aegispay.domain.retry import (
    ADVICE,
    Backoff,
    Fail,
    Network,
    RetryPolicy,
    RetryRule,
    Situation,
    TryAt,
    TryNow,
    is_repeatable,
    network_of,
    next_step,
    wished_step,
)
from tests import builders as b

DAY_S = 86_400.0
FUNDS = Declined(kind=DeclineKind.CUSTOMER_FIXABLE, reason=Reason.INSUFFICIENT_FUNDS, code="51")
LIMITED = NotProcessed(reason=Reason.RATE_LIMITED, retry_after_s=30.0)
LADDER = RetryRule(reason=Reason.INSUFFICIENT_FUNDS, action="same_gateway_later", delays_s=(DAY_S, 3 * DAY_S))


def situation(attempts=1, *, brand=None, passed_s=0.0, payment_id=b.ID):
    return Situation(
        payment_id=payment_id,
        method=Card(token="tok", brand=brand),
        gateway="alpha",
        attempts=attempts,
        began_at=b.NOW,
        at=b.NOW + timedelta(seconds=passed_s),
    )


def step(outcome, policy=None, **where):
    return next_step(outcome, RetryPolicy() if policy is None else policy, situation(**where))


@pytest.mark.parametrize("outcome", [b.not_sent(), GatewayMisconfigured(), b.soft(), LIMITED], ids=repr)
def test_by_default_what_surely_did_nothing_and_a_soft_decline_go_to_another_gateway_at_once(outcome):
    assert isinstance(step(outcome), TryNow)


@pytest.mark.parametrize(
    "outcome",
    [
        *(Declined(kind=k, reason=Reason.DECLINED_OTHER) for k in sorted(set(DeclineKind) - {DeclineKind.SOFT})),
        InvalidRequest(),
    ],
    ids=repr,
)
def test_by_default_everything_else_ends_the_payment(outcome):
    assert isinstance(step(outcome), Fail)


@pytest.mark.parametrize("attempts", [1, 2, 3, 4])
def test_three_attempts_are_made_unless_configured_otherwise(attempts):
    assert isinstance(step(b.not_sent(), attempts=attempts), TryNow if attempts < 3 else Fail)


def test_a_row_of_ones_own_goes_before_the_built_in_ones():
    policy = RetryPolicy(
        rules=(RetryRule(reason=Reason.NOT_SENT, gateway="alpha", action="fail", why="alpha is alone"),)
    )
    assert step(b.not_sent(), policy) == Fail("alpha is alone")
    beta = replace(situation(), gateway="beta")
    assert isinstance(next_step(b.not_sent(), policy, beta), TryNow)


def test_the_first_row_that_holds_decides():
    rows = (RetryRule(code="A1", action="fail", why="one"), RetryRule(code="a1", action="other_gateway", why="two"))
    outcome = replace(b.soft(), code="a1")
    assert step(outcome, RetryPolicy(rules=rows)) == Fail("one")
    assert step(outcome, RetryPolicy(rules=rows[::-1])) == TryNow("two")


def test_a_ladder_of_delays_gives_one_after_each_attempt_and_repeats_the_last():
    policy = RetryPolicy(attempts_max=5, rules=(LADDER,))
    delays = [(step(FUNDS, policy, attempts=n).at - b.NOW).total_seconds() / DAY_S for n in (1, 2, 3)]
    assert delays == [1, 3, 3]
    found = step(FUNDS, policy)
    assert (found.gateway, found.is_put_off) == ("alpha", True)


def test_a_wait_shorter_than_a_callers_patience_is_not_putting_off():
    policy = RetryPolicy(rules=(RetryRule(reason=Reason.RATE_LIMITED, action="any_gateway_later", delays_s=(60.0,)),))
    assert step(LIMITED, policy) == TryAt(
        at=b.NOW + timedelta(seconds=60), why="rule 1: reason rate_limited", gateway=None, is_put_off=False
    )
    assert step(LIMITED, replace(policy, patience_s=59.0)).is_put_off


def test_what_the_gateway_asks_for_is_the_least_wait():
    policy = RetryPolicy(rules=(RetryRule(reason=Reason.RATE_LIMITED, action="same_gateway_later", delays_s=(5.0,)),))
    found = step(LIMITED, policy)
    assert found.at == b.NOW + timedelta(seconds=30)
    assert found.why.endswith("not before the gateway asks for it")


@pytest.mark.parametrize("after_s", [-1.0, 0.0, math.nan, -math.inf])
def test_a_retry_after_that_makes_no_sense_changes_nothing(after_s):
    policy = RetryPolicy(rules=(RetryRule(reason=Reason.RATE_LIMITED, action="same_gateway_later", delays_s=(5.0,)),))
    assert step(replace(LIMITED, retry_after_s=after_s), policy).at == b.NOW + timedelta(seconds=5)


@pytest.mark.parametrize("after_s", [1e300, math.inf])
def test_a_retry_after_beyond_the_deadline_ends_the_payment(after_s):
    policy = RetryPolicy(rules=(RetryRule(reason=Reason.RATE_LIMITED, action="same_gateway_later", delays_s=(5.0,)),))
    assert isinstance(step(replace(LIMITED, retry_after_s=after_s), policy), Fail)


def test_no_attempt_is_planned_after_the_deadline():
    policy = RetryPolicy(attempts_max=9, deadline_s=2 * DAY_S, rules=(LADDER,))
    assert isinstance(step(FUNDS, policy, passed_s=DAY_S), TryAt)
    assert isinstance(step(FUNDS, policy, passed_s=DAY_S + 1), Fail)
    assert isinstance(step(b.not_sent(), policy, passed_s=2 * DAY_S), TryNow)
    assert isinstance(step(b.not_sent(), policy, passed_s=2 * DAY_S + 1), Fail)


def test_a_row_may_allow_fewer_attempts_than_the_policy_but_never_more():
    for mine, allowed in ((2, 2), (9, 3)):
        policy = RetryPolicy(rules=(RetryRule(reason=Reason.NOT_SENT, action="other_gateway", attempts_max=mine),))
        assert isinstance(step(b.not_sent(), policy, attempts=allowed - 1), TryNow)
        assert isinstance(step(b.not_sent(), policy, attempts=allowed), Fail)


@pytest.mark.parametrize("kind", [DeclineKind.HARD, DeclineKind.RISK, DeclineKind.AUTHENTICATION])
@pytest.mark.parametrize("action", ["other_gateway", "same_gateway_later", "any_gateway_later"])
def test_no_table_brings_a_final_decline_back(kind, action):
    outcome = Declined(kind=kind, reason=Reason.DO_NOT_HONOR, code="05")
    policy = RetryPolicy(rules=(RetryRule(code="05", action=action), RetryRule(action=action)))
    assert isinstance(step(outcome, policy), Fail)
    assert isinstance(wished_step(outcome, policy, situation(), wish=b.NOW, why="hook"), Fail)


def test_missing_money_may_wait_but_never_goes_to_another_gateway_at_once():
    policies = [
        RetryPolicy(rules=(RetryRule(code="51", action=each),)) for each in ("other_gateway", "any_gateway_later")
    ]
    assert [type(step(FUNDS, policy)) for policy in policies] == [Fail, TryAt]


@pytest.mark.parametrize("advice", [a for a in ADVICE if not a.delay_s], ids=lambda a: f"{a.network}-{a.code}")
def test_a_network_that_wants_no_more_attempts_gets_none(advice):
    outcome = replace(b.soft(), advice=advice.code)
    policy = RetryPolicy(puts_off_on_advice=True, rules=(RetryRule(action="any_gateway_later"),))
    assert step(outcome, policy, brand=advice.network.value) == Fail(
        f"{advice.network} advice {advice.code}: {advice.words}"
    )


@pytest.mark.parametrize("advice", [a for a in ADVICE if a.delay_s], ids=lambda a: f"{a.network}-{a.code}")
def test_a_network_that_wants_to_wait_is_waited_for_or_the_payment_fails(advice):
    outcome = replace(b.soft(), advice=advice.code)
    brand = advice.network.value
    assert isinstance(step(outcome, brand=brand), Fail)
    waits = step(outcome, RetryPolicy(puts_off_on_advice=True), brand=brand)
    assert (waits.at - b.NOW).total_seconds() == advice.delay_s
    sooner = RetryPolicy(rules=(RetryRule(kind=DeclineKind.SOFT, action="same_gateway_later", delays_s=(9.0,)),))
    assert (step(outcome, sooner, brand=brand).at - b.NOW).total_seconds() == advice.delay_s


@pytest.mark.parametrize(("brand", "code"), [(None, "03"), ("visa", "99"), ("amex", "03"), ("unheard-of", "03")])
def test_advice_that_nobody_knows_changes_nothing(brand, code):
    assert isinstance(step(replace(b.soft(), advice=code), brand=brand), TryNow)


def test_advice_is_read_with_or_without_its_leading_zero():
    assert isinstance(step(replace(b.soft(), advice="3"), brand="MasterCard"), Fail)


@pytest.mark.parametrize(
    ("brand", "network"),
    [
        ("Visa", Network.VISA),
        ("MASTER CARD", Network.MASTERCARD),
        ("mc", Network.MASTERCARD),
        ("American Express", Network.AMEX),
        ("discover", Network.DISCOVER),
        ("jcb", None),
        (None, None),
    ],
)
def test_a_network_is_known_by_the_cards_brand(brand, network):
    assert network_of(Card(token="tok", brand=brand)) is network


def test_a_wish_is_granted_within_the_bounds():
    wish = b.NOW + timedelta(hours=1)
    assert wished_step(FUNDS, RetryPolicy(), situation(), wish=wish, why="hook slow") == TryAt(
        at=wish, why="hook slow", gateway=None, is_put_off=True
    )
    assert isinstance(wished_step(FUNDS, RetryPolicy(), situation(attempts=3), wish=wish, why="w"), Fail)
    assert isinstance(wished_step(FUNDS, RetryPolicy(deadline_s=60.0), situation(), wish=wish, why="w"), Fail)
    early = wished_step(LIMITED, RetryPolicy(), situation(), wish=b.NOW - timedelta(days=1), why="w")
    assert early.at == b.NOW + timedelta(seconds=30)


def test_what_a_gateway_cannot_do_at_all_it_cannot_do_later():
    assert [is_repeatable(o) for o in (b.soft(), FUNDS, b.not_sent(), LIMITED)] == [True] * 4
    never = (b.hard(), NotProcessed(reason=Reason.UNSUPPORTED), GatewayMisconfigured(), InvalidRequest())
    assert [is_repeatable(o) for o in never] == [False] * 4


@given(number=st.integers(1, 200), name=st.text(max_size=10), base_s=st.floats(0.001, 100), factor=st.floats(1, 1000))
def test_a_back_off_lies_between_its_bounds_and_is_the_same_every_time(number, name, base_s, factor):
    backoff = Backoff(base_s=base_s, cap_s=base_s * factor)
    delay_s = backoff.delay_s(name, number)
    assert backoff.base_s <= delay_s <= backoff.cap_s
    assert delay_s == backoff.delay_s(name, number)


def test_back_off_grows_and_differs_between_payments():
    backoff = Backoff(base_s=1.0, cap_s=1e6)
    means = [sum(backoff.delay_s(f"p{i}", n) for i in range(200)) / 200 for n in (1, 3, 6)]
    assert means[0] < means[1] < means[2]
    assert len({backoff.delay_s(f"p{i}", 1) for i in range(200)}) == 200


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: RetryPolicy(attempts_max=0), "retry.attempts_max"),
        (lambda: RetryPolicy(deadline_s=0.0), "retry.deadline_s"),
        (lambda: RetryPolicy(deadline_s=math.nan), "retry.deadline_s"),
        (lambda: RetryPolicy(deadline_s=4e7), "retry.deadline_s"),
        (lambda: RetryPolicy(patience_s=-1.0), "retry.patience_s"),
        (lambda: RetryPolicy(rules=(RetryRule(action="fail"),) * 1_001), "retry.rules"),
        (lambda: Backoff(base_s=10.0, cap_s=9.0), "retry.backoff.cap_s"),
        (lambda: Backoff(base_s=math.inf), "retry.backoff.base_s"),
        (lambda: RetryRule(action="retry"), "rule.action"),
        (lambda: RetryRule(action="fail", reason="sunspots"), "rule.reason"),
        (lambda: RetryRule(action="fail", delays_s=(1.0,)), "rule.delays_s"),
        (lambda: RetryRule(action="any_gateway_later", delays_s=(0.0,)), "rule.delays_s"),
        (lambda: RetryRule(action="any_gateway_later", delays_s=(1.0,) * 51), "rule.delays_s"),
        (lambda: RetryRule(action="fail", code=" "), "rule.code"),
        (lambda: RetryRule(action="fail", attempts_max=0), "rule.attempts_max"),
        (lambda: RetryRule(action="fail", outcome="not_processed", kind="soft"), "rule.kind"),
        (lambda: RetryRule(action="other_gateway", kind="hard"), "rule.action"),
        (lambda: RetryRule(action="other_gateway", outcome="invalid_request"), "rule.action"),
        (lambda: RetryRule(action="other_gateway", kind="customer_fixable"), "rule.action"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_with_its_field(make, field):
    with pytest.raises(ValidationError) as caught:
        make()
    assert [error.field for error in caught.value.errors] == [field]
