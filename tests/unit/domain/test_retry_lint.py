"""Mistakes in a retry policy."""

from __future__ import annotations

import pytest

from aegispay.domain.outcome import Reason
from aegispay.domain.retry import Network, NetworkCap, RetryPolicy, RetryRule, lint


def row(**fields):
    return RetryRule(**({"action": "any_gateway_later"} | fields))


def test_the_default_policy_has_none():
    assert lint(RetryPolicy()) == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((row(), row(code="51")), "rule 2: is never reached: rule 1 holds wherever it does"),
        (
            (row(code="XX", action="fail"), row(code="xx")),
            "rule 2: is never reached: rule 1 holds wherever it does, which says fail; XX and xx are the same code",
        ),
        ((row(outcome="declined"), row(kind="soft")), "rule 2: is never reached: rule 1 holds wherever it does"),
        (
            (row(reason="timeout"),),
            "rule 1: never holds: timeout means that the outcome is not known, and then only its gateway is asked",
        ),
        (
            (row(reason="stolen_card"),),
            "rule 1: never has an effect: any_gateway_later is not done after reason stolen_card",
        ),
        ((row(code="1", delays_s=(9.0, 3.0)),), "rule 1: its delays become shorter"),
        (
            (row(code="1", delays_s=(1.0, 2.0, 3.0)),),
            "rule 1: it has 3 delays, but only 3 attempts are made, so 2 are used",
        ),
        (
            (row(code="1", delays_s=(1_000_000.0, 1_000_000.0)),),
            "rule 1: its delays add up to 2e+06 s, more than the policy's deadline_s of 1.2096e+06",
        ),
        ((row(code="1", attempts_max=7),), "rule 1: attempts_max 7 is more than the policy's 3, which holds"),
        ((row(gateway="alpa"),), "rule 1: there is no gateway alpa; did you mean alpha?"),
        ((row(gateway="zzz"),), "rule 1: there is no gateway zzz"),
    ],
)
def test_each_mistake_is_one_sentence(rows, said):
    assert lint(RetryPolicy(rules=rows), gateways=["alpha", "beta"]) == (said,)


def test_rows_that_differ_in_one_condition_hide_nothing():
    rows = (
        row(code="51", gateway="alpha"),
        row(code="51", gateway="beta"),
        row(code="51"),
        row(reason="not_sent"),
        row(),
    )
    assert lint(RetryPolicy(rules=rows), gateways=["alpha", "beta"]) == ()


@pytest.mark.parametrize("reason", [Reason.INSUFFICIENT_FUNDS, Reason.LIMIT_EXCEEDED])
def test_missing_money_may_wait(reason):
    assert lint(RetryPolicy(rules=(row(kind="customer_fixable", reason=reason),))) == ()


def test_one_attempt_and_rows_for_more_contradict_each_other():
    assert lint(RetryPolicy(attempts_max=1, rules=(row(),))) == ("attempts_max is 1, so no rule has any effect",)


def test_caps_that_contradict_or_are_missing_are_named():
    caps = tuple(
        NetworkCap(network=network, window_s=window_s, attempts_max=most)
        for network, window_s, most in (
            (Network.VISA, 86_400.0, 20),
            (Network.VISA, 2_592_000.0, 5),
            (Network.MASTERCARD, 86_400.0, 10),
            (Network.AMEX, 86_400.0, 20),
        )
    )
    assert lint(RetryPolicy(network_caps=caps)) == (
        "network_caps: visa allows 20 in 86400 s, but only 5 in the longer 2.592e+06 s, so the first never matters",
        "network_caps: discover has none, and charges for more than it allows",
    )
