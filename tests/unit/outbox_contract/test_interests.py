"""Which events somebody wants, by name or pattern; what names nothing is refused with the nearest name."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.deliveries.interests import PATTERN_LENGTH_MAX, PATTERNS_MAX, Interests
from aegispay.domain.event_type import EventType
from aegispay.errors import ValidationError

REFUNDS = {EventType.REFUND_REQUESTED, EventType.REFUND_SUCCEEDED, EventType.REFUND_FAILED, EventType.REFUND_UNKNOWN}


@pytest.mark.parametrize(
    ("patterns", "types"),
    [
        ("*", set(EventType)),
        ("payment.*", set(EventType)),
        ("payment.refund_*", REFUNDS),
        ("payment.failed", {EventType.PAYMENT_FAILED}),
        (EventType.PAYMENT_FAILED, {EventType.PAYMENT_FAILED}),
        (["payment.failed", EventType.PAYMENT_FAILED], {EventType.PAYMENT_FAILED}),
        (("payment.refund_*", "payment.failed"), REFUNDS | {EventType.PAYMENT_FAILED}),
        ({EventType.PAYMENT_FAILED}, {EventType.PAYMENT_FAILED}),
        ("*refund*_failed", {EventType.REFUND_FAILED}),
        ("**.refund_**failed", {EventType.REFUND_FAILED}),
    ],
    ids=lambda part: None if isinstance(part, set) else str(part),
)
def test_patterns_name_types(patterns, types):
    found = Interests.parse(patterns)
    assert found.types == types
    assert {each for each in EventType if found.wants(each)} == types


def test_each_pattern_is_kept_once_as_a_plain_text():
    found = Interests.parse([EventType.PAYMENT_FAILED, "payment.failed", "payment.*"])
    assert found.patterns == ("payment.failed", "payment.*")
    assert {type(each) for each in found.patterns} == {str}


def test_everything_is_every_type():
    assert Interests.everything().types == frozenset(EventType)


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        ("payment.suceeded", "did you mean payment.succeeded?"),
        ("PAYMENT_SUCCEEDED", "did you mean payment.succeeded?"),
        ("payment.refnud_*", "did you mean payment.refund"),
        ("zzz", "there are payment.initiated, "),
        ("", "there are payment.initiated, "),
        ("payment.succeeded ", "did you mean payment.succeeded?"),
        ("payment.succeeded\n", "did you mean payment.succeeded?"),
        ("payment.[a-z]*", "no event type has this name"),
        ("payment.?ailed", "did you mean payment.failed?"),
        ("*" * (PATTERN_LENGTH_MAX + 1), "no event type has this name"),
        ([], "name 1 to 64 event types"),
        (["*"] * (PATTERNS_MAX + 1), "name 1 to 64 event types"),
        (None, "use an event type, or several"),
        (7, "use an event type, or several"),
        ([7], "use names of event types"),
        ([["payment.*"]], "use names of event types"),
    ],
    ids=lambda each: str(each)[:30],
)
def test_what_names_nothing_is_refused_in_words(patterns, said):
    with pytest.raises(ValidationError) as caught:
        Interests.parse(patterns, field="--type")
    (error,) = caught.value.errors
    assert error.field == "--type"
    assert said in error.message


def test_one_that_names_nothing_is_refused_among_others_that_do():
    with pytest.raises(ValidationError, match=r"did you mean payment\.failed"):
        Interests.parse(["payment.*", "payment.faild"])


def test_no_card_number_is_repeated():
    with pytest.raises(ValidationError) as caught:
        Interests.parse("4242 4242 4242 4242")
    assert "4242 4242" not in str(caught.value)


@given(st.text(alphabet="*paymentrefund._", max_size=PATTERN_LENGTH_MAX))
def test_no_text_takes_long_or_fails_otherwise(pattern):
    with contextlib.suppress(ValidationError):
        assert Interests.parse(pattern).types


@given(st.sampled_from(EventType), st.integers(0, 60), st.integers(0, 60))
def test_an_asterisk_stands_for_any_part_of_a_name(event_type, begin, end):
    name = event_type.value
    begin, end = sorted((min(begin, len(name)), min(end, len(name))))
    assert Interests.parse(f"{name[:begin]}*{name[end:]}").wants(event_type)
