"""Filters as a query; events back to a payment, or a clear error."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aegispay import CorruptStoreError, PaymentState, StoredEvent, ValidationError
from aegispay.domain.draft import Draft
from aegispay.filters import parse_filters
from aegispay.history import rebuild
from aegispay.ports import PaymentQuery
from tests import builders as b


def stored(*commands):
    draft = Draft(b.ID, None)
    for command in commands:
        assert draft.apply(command) is None
    return tuple(
        StoredEvent(position=n, payment_id=b.ID, version=n, event=event, recorded_at=b.NOW, hash="")
        for n, event in enumerate(draft.events, start=1)
    )


def test_no_filter_is_the_query_for_everything():
    assert parse_filters({}) == PaymentQuery()


def test_every_filter_reaches_the_query():
    given = {
        "merchant": "shop",
        "state": "success",
        "customer_id": "c",
        "gateway": "alpha",
        "currency": "JPY",
        "in_doubt": True,
        "has_incident": False,
        "parked": True,
        "created_after": b.NOW,
        "created_before": b.NOW + timedelta(days=1),
        "limit": 7,
        "after": "1.pay_x",
    }
    assert parse_filters(given) == PaymentQuery(**(given | {"state": PaymentState.SUCCESS}))


def test_the_given_mapping_is_left_alone():
    given = {"state": "success"}
    parse_filters(given)
    assert given == {"state": "success"}


def test_several_wrong_filters_are_named_together():
    with pytest.raises(ValidationError) as caught:
        parse_filters({"in_doubt": 1, "customer_id": 7, "colour": "red"})
    assert {error.field for error in caught.value.errors} == {"in_doubt", "customer_id", "colour"}


def test_no_events_are_no_payment():
    assert rebuild(b.ID, ()) is None


def test_events_in_order_make_the_payment():
    events = stored(b.create(), b.authenticate(), b.start(), b.outcome(b.approved()))
    assert rebuild(b.ID, events) == b.succeeded()


@pytest.mark.parametrize("broken", ["missing_first", "missing_middle", "repeated", "reordered"])
def test_events_that_do_not_fit_together_are_reported_with_the_payment(broken):
    events = stored(b.create(), b.authenticate(), b.start(), b.outcome(b.approved()))
    damaged = {
        "missing_first": events[1:],
        "missing_middle": (*events[:2], events[3]),
        "repeated": (*events, events[3]),
        "reordered": (events[0], events[2], events[1], events[3]),
    }[broken]
    with pytest.raises(CorruptStoreError, match=b.ID) as caught:
        rebuild(b.ID, damaged)
    assert "aegispay verify" in caught.value.hint


def test_an_impossible_sum_is_corruption_too():
    from dataclasses import replace

    events = stored(b.create(), b.authenticate(), b.start(), b.outcome(b.approved()))
    too_much = replace(events[3], event=replace(events[3].event, amount_minor=b.AMOUNT + 1))
    with pytest.raises(CorruptStoreError, match="I-01"):
        rebuild(b.ID, (*events[:3], too_much))
