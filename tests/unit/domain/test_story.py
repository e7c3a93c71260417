"""`aegispay show`: the whole story of a payment in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aegispay.domain import events as e
from aegispay.domain.story import Story, headline, since
from tests import builders as b
from tests.samples import EVENTS, INITIATED


def told(event, payment=None):
    return Story(payment or b.succeeded()).sentences(event)


@pytest.mark.parametrize("event", [INITIATED, *EVENTS], ids=lambda event: str(event.type))
def test_every_event_has_words(event):
    sentences = told(event)

    assert sentences
    assert all(sentence and "None" not in sentence and "<" not in sentence for sentence in sentences)


def test_every_type_of_event_is_among_the_samples():
    assert {event.type for event in (INITIATED, *EVENTS)} == set(e.EventType)


def test_an_attempt_says_gateway_why_and_until_when():
    started = next(event for event in EVENTS if isinstance(event, e.AttemptStarted))

    assert told(started) == [
        "attempt 1 begins at alpha",
        "why: alpha by highest success rate",
        "  1. alpha: score 0.9 (no calls yet)",
        "the gateway sees key k1",
        "silence after +30.0 d counts as an unknown outcome",
    ]


def test_a_success_says_how_long_the_attempt_took_and_what_the_gateway_calls_it():
    story = Story(b.succeeded())
    story.sentences(next(event for event in EVENTS if isinstance(event, e.AttemptStarted)))
    success = e.PaymentSucceeded(at=b.NOW + timedelta(seconds=1.25), number=1, reference="r-9", amount_minor=10_000)

    assert story.sentences(success) == ["100.00 USD captured by alpha, attempt 1 after 1.250 s", "alpha calls it r-9"]


def test_a_decline_says_kind_reason_and_code_and_that_nothing_was_charged():
    assert told(e.AttemptFailed(at=b.NOW, number=1, outcome=b.hard())) == [
        "attempt 1 at alpha was declined (hard): do not honor (code 05); nothing was charged"
    ]


def test_a_doubt_says_that_nobody_knows_and_when_it_is_asked_again():
    doubt = e.OutcomeBecameUnknown(
        at=b.NOW, number=1, outcome=b.unknown(), checks=1, next_check_at=b.NOW + timedelta(seconds=5)
    )

    assert told(doubt) == [
        "nobody knows whether attempt 1 at alpha charged: timeout",
        "asked about it 1 time; again at +5.000 s; no other gateway is tried meanwhile",
    ]


def test_who_let_a_payment_go_on_is_said_with_the_reason_where_one_was_given():
    assert told(e.PaymentUnparked(at=b.NOW, operator="ann", reason="known")) == ["ann let it go on: known"]
    assert told(e.PaymentUnparked(at=b.NOW, operator="ann")) == ["ann let it go on"]


def test_a_resolution_says_where_the_certainty_comes_from():
    assert told(e.OutcomeResolved(at=b.NOW, number=1, evidence="lookup", detail="ref-1")) == [
        "attempt 1 at alpha is known now: the gateway was asked and knew (ref-1)"
    ]


def test_the_headline_says_what_one_wants_to_know_first():
    assert headline(b.succeeded()) == [
        f"payment   {b.ID}",
        "state     success",
        "amount    100.00 USD, 100.00 USD captured",
        "key       order-1 of merchant default",
        "method    card",
        "customer  cust-1",
        "gateways  alpha (1 attempt)",
    ]


def test_a_payment_in_doubt_says_so_at_the_top():
    assert headline(b.in_doubt())[1] == "state     processing, in doubt"


def test_a_payment_that_failed_over_names_its_gateways_in_order():
    payment = b.after(b.outcome(b.not_sent()), b.start(2, "beta"), b.outcome(b.approved(), 2), payment=b.processing())

    assert headline(payment)[-1] == "gateways  alpha → beta (2 attempts)"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "+0.000 s"), (1.5, "+1.500 s"), (7_200, "+2.0 h"), (604_800, "+7.0 d")]
)
def test_times_are_told_in_the_unit_a_person_would_use(seconds, words):
    assert since(b.NOW, b.NOW + timedelta(seconds=seconds)) == words
