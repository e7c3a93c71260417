"""What a log line may say: no card number, no secret, nobody's address, in whatever they are wrapped."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay import AegisPayError, CardDataError, PaymentState
from aegispay.observability.redaction import (
    REMOVED,
    describe,
    is_denied,
    redact,
    redact_event,
    redact_text,
    traceback_text,
)
from tests.hazards.card_numbers import card_number

PAN = "4242424242424242"


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: object


SEEDS = st.integers(min_value=0, max_value=2**32)


def compact(text: object) -> str:
    return "".join(str(int(each)) if each.isdecimal() else each for each in repr(text) if each.isalnum())


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("said '4242\\xa04242\\u20134242\\n4242'", "said '[removed]'"),
        ('{"a": "' + "\\uff14\\uff12" * 8 + '"}', '{"a": "[removed]"}'),
        ("cvv=123", "cvv=[removed]"),
        ('{"cvv": "123", "a": 1}', '{"cvv": [removed], "a": 1}'),
        ("{'card_cvc': 973}", "{'card_cvc': [removed]}"),
        ("wrong CVV 123 for", "wrong CVV [removed] for"),
        ("security code: 1234", "security code: [removed]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [removed]"),
        ("password: hunter", "password: [removed]"),
        ("token: a1b2c3", "token: [removed]"),
        ("token=abc", "token=[removed]"),
        ("sent with Basic dXNlcjpwYXNz now", "sent with [removed] now"),
        ("api_key='k 1' next", "api_key=[removed] next"),
        ("client_secret=abc&x=1", "client_secret=[removed]&x=1"),
        ("https://u:p@host/x", "https://[removed]@host/x"),
        ("signed with whsec_MfKQ9r8=", "signed with [removed]"),
        ("sk_live_51Habc", "[removed]"),
        ("mail to pat.payer+x@mail.example.com!", "mail to [removed]!"),
    ],
)
def test_a_secret_that_can_be_known_as_such_is_taken_out_of_a_text(said, shown):
    assert redact_text(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "the token expired",
        "payment_method.token: must not be empty",
        "cvv: looks like card data",
        "a pin code",
        "span: 3",
        "token_bucket=3",
        "idempotency_key=order-1",
        "payment pay_ber7eqkyy8m0eagqwrgzy4ec8d is parked",
        "2026-11-25T01:41:37+00:00",
        "no answer within 30 s",
        "adapter.py:112",
        "a\\nb\\xa0c\\u20131 C:\\new\\x1",
        "",
    ],
)
def test_what_an_operator_needs_is_left_as_it_is(said):
    assert redact_text(said) == said


@given(seed=SEEDS)
def test_a_card_number_is_found_in_any_value_of_any_shape(seed):
    source = random.Random(seed)
    secret = card_number(source)
    digits = "".join(str(int(each)) for each in secret if each.isdecimal())
    shapes = [
        secret,
        f"card {secret}.",
        int(digits),
        float(digits) if len(digits) < 16 else Decimal(digits),
        secret.encode(),
        bytearray(secret.encode()),
        memoryview(secret.encode()),
        [secret],
        (1, (2, secret)),
        {secret},
        frozenset([secret]),
        {"a": {"b": [{"c": secret}]}},
        {secret: 1},
        {int(digits): 1},
        {("a", secret): 1},
        Point(secret),
        [Point({"deep": secret})],
        pathlib.Path("/tmp") / digits,
        ValueError(secret),
        "".join(chr(0xFF10 + int(each)) for each in digits),
        "".join(chr(0x0660 + int(each)) for each in digits),
    ]
    for shape in shapes:
        assert digits not in compact(redact({"said": shape})), repr(shape)


def test_the_number_of_the_test_above_is_shown_by_what_is_not_redacted():
    for shape in (PAN, int(PAN), PAN.encode(), {PAN: 1}, ValueError(PAN), "\uff14\uff12" * 8):
        assert PAN in compact({"said": shape})


@pytest.mark.parametrize(
    "key",
    [
        *("cvv", "CVC", "card_cvv", "Card-Number", "security code", "Authorization", "api_key", "X-Api-Key"),
        *("webhook_secret", "token", "access_token", "password", "email", "customer_email", "phone"),
        *("billing_address", "cardholder", "vpa"),
    ],
)
def test_what_stands_under_a_denied_name_is_never_shown(key):
    assert redact({key: "973", "deep": [{key: {"x": 973}}]}) == {key: REMOVED, "deep": [{key: REMOVED}]}
    assert redact({key: None}) == {key: None}


@pytest.mark.parametrize(
    "key",
    [
        *("event", "payment_id", "operation_id", "idempotency_key", "gateway", "hook", "attempt", "state", "cause"),
        *("hint", "subscriber", "revision", "operator", "reason", "where", "tokens_left", "name", "number"),
    ],
)
def test_the_names_that_the_engine_uses_are_not_denied(key):
    assert not is_denied(key)


def test_plain_values_pass_as_they_are():
    at = datetime(2026, 11, 25, tzinfo=UTC)
    fields = {
        "a": 1,
        "b": 1.5,
        "c": None,
        "d": True,
        "e": "text",
        "f": [1, "x"],
        "g": (2,),
        "h": at,
        "i": Decimal("1.0"),
    }
    assert redact(fields) == fields
    assert type(redact(fields)["d"]) is bool


def test_enums_are_shown_by_their_value_and_paths_as_text():
    shown = redact({"state": PaymentState.SUCCESS, "color": Color.RED, "path": pathlib.Path("a/b")})
    assert shown == {"state": "success", "color": "red", "path": "a/b"}


def test_an_id_of_ours_is_shown_even_if_its_digits_would_pass_for_a_card_but_a_card_number_in_its_place_is_not():
    ours = f"pay_{PAN}abcdefghjk"
    assert redact({"payment_id": ours})["payment_id"] == ours
    assert redact({"payment_id": PAN})["payment_id"] == REMOVED
    assert PAN not in redact({"other": ours})["other"]


def test_the_words_of_other_peoples_exceptions_are_not_shown_and_ours_are():
    assert describe(RuntimeError("Pat Payer")) == "RuntimeError"
    assert redact([KeyError("Pat Payer")]) == ["KeyError"]
    assert describe(AegisPayError("the store is full")) == "AegisPayError: the store is full"
    assert describe(CardDataError("token")).startswith("CardDataError: token: looks like card data")


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_an_object_that_cannot_be_shown_is_named():
    assert redact(Unshowable()) == "<Unshowable>"


def test_a_line_is_bounded_however_much_it_is_given():
    endless: list = []
    endless.append(endless)
    shown = redact({"long": "x" * 100_000, "many": list(range(10_000)), "endless": endless, "huge": 10**5_000})
    assert len(shown["long"]) == 2_049
    assert len(shown["many"]) == 100
    assert shown["huge"] == "a huge integer"
    assert len(repr(shown["endless"])) < 100


def test_no_half_of_a_card_number_is_left_where_a_text_is_cut():
    for before in range(2_020, 2_060):
        shown = redact_text("x" * before + f" {PAN} and more" + "y" * 1_000)
        assert "424242" not in shown


@pytest.mark.parametrize(
    "hostile",
    [
        *("a-" * 40_000 + "@", "a_secret_" * 9_000, "1 " * 40_000, "\\x41" * 20_000, "://" + "a" * 80_000),
        *("cvv " * 20_000, "token: " * 10_000, "4242 " * 16_000, "Bearer " * 10_000, "\\" * 80_000, "'" * 80_000),
    ],
    ids=lambda text: text[:8],
)
def test_what_comes_after_the_longest_text_is_never_looked_at(hostile):
    assert len(redact_text(hostile)) <= 2_049
    assert redact_text(hostile) == redact_text(hostile[:4_096])


def raising(said: str) -> Exception:
    card = said  # noqa: F841 - a variable that a renderer of local variables would show
    cause = ValueError(f"card {said}")
    cause.add_note(f"a note {said}")
    try:
        try:
            raise cause
        except ValueError as error:
            raise RuntimeError(f"cvv=973 of {said}") from error
    except RuntimeError as error:
        return error


def test_a_traceback_shows_places_and_no_card_number_and_no_variable():
    text = traceback_text(raising(PAN))
    assert "test_redaction.py" in text
    assert "The above exception was the direct cause" in text
    assert PAN not in text
    assert "973" not in text
    assert text.count(REMOVED) == 5


def test_a_line_with_an_exception_shows_its_traceback_before_any_other_processor_can_look_at_its_variables():
    error = raising(PAN)
    for exc_info in (error, (type(error), error, error.__traceback__)):
        line = redact_event(None, "error", {"event": "failed", "exc_info": exc_info})
        assert set(line) == {"event", "exception"}
        assert PAN not in repr(line)
    try:
        raise error
    except RuntimeError:
        line = redact_event(None, "error", {"event": "failed", "exc_info": True})
    assert "RuntimeError" in line["exception"]
    assert redact_event(None, "info", {"event": "fine", "exc_info": None}) == {"event": "fine"}


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats() | st.binary(), st.lists))
def test_redaction_takes_anything(value):
    once = redact(value)
    assert repr(redact(once)) == repr(once)
