"""What a merchant attaches: any JSON object within limits, kept exactly, or refused by name."""

import enum
import json
import math

import pytest

from aegispay.domain.metadata import DEPTH_MAX, KEY_LENGTH_MAX, TEXT_LENGTH_MAX, VALUES_MAX, parse_metadata
from aegispay.errors import ValidationError


def nested(depth: int, make=lambda inner: {"a": inner}):
    value = 1
    for _ in range(depth):
        value = make(value)
    return value


def refused(value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        parse_metadata(value)
    (error,) = caught.value.errors
    return f"{error.field} {error.message}"


def test_nothing_is_an_empty_object():
    assert parse_metadata(None) == parse_metadata({}) == {}


VALUES = [None, True, False, 0, -1, 2**63 - 1, -(2**63) + 1, 0.1, 1e300, -0.0, "", "ü\u2028\x00", [], {}, [[1], {}]]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_each_kind_of_json_value_is_kept_with_its_type(value):
    kept = parse_metadata({"x": value})
    assert json.dumps(kept) == json.dumps({"x": value})


@pytest.mark.parametrize("limit", ["depth", "list depth", "values", "text", "key"])
def test_each_limit_is_inclusive(limit):
    at_limit = {
        "depth": (nested(DEPTH_MAX), nested(DEPTH_MAX + 1)),
        "list depth": (
            {"a": nested(DEPTH_MAX - 1, lambda inner: [inner])}, {"a": nested(DEPTH_MAX, lambda inner: [inner])}),
        "values": ({str(n): n for n in range(VALUES_MAX)}, {str(n): n for n in range(VALUES_MAX + 1)}),
        "text": ({"a": "x" * TEXT_LENGTH_MAX}, {"a": "x" * (TEXT_LENGTH_MAX + 1)}),
        "key": ({"k" * KEY_LENGTH_MAX: 1}, {"k" * (KEY_LENGTH_MAX + 1): 1}),
    }  # fmt: skip
    fits, too_much = at_limit[limit]
    assert parse_metadata(fits) == fits
    assert refused(too_much)


def test_values_are_counted_over_all_levels():
    assert parse_metadata({"a": [0] * (VALUES_MAX - 1)})
    assert "more than 1000 values" in refused({"a": [0] * VALUES_MAX})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_refused(number):
    assert refused({"a": {"b": [1, number]}}) == "metadata.a.b[1] must be a finite number"


@pytest.mark.parametrize("number", [2**63, -(2**63), 2**64, 10**5_000], ids=["2^63", "-2^63", "2^64", "10^5000"])
def test_integers_beyond_64_bits_are_refused(number):
    assert refused({"a": number}) == "metadata.a is larger than 64 bits; send it as a text"


def test_what_is_refused_is_named_by_its_path():
    assert refused({"a": [{"b": object()}]}) == "metadata.a[0].b is not a JSON value"
    assert refused({"a": {1: 2}}).startswith("metadata.a keys must be texts")
    assert refused(["x"]) == "metadata must be a JSON object"


def test_the_copy_shares_nothing_with_what_was_given():
    inner: dict = {"list": [1], "object": {"a": 1}}
    kept = parse_metadata({"deep": inner, "tuple": (1, 2)})
    inner["list"].append(2)
    inner["object"]["b"] = 2
    assert kept == {"deep": {"list": [1], "object": {"a": 1}}, "tuple": [1, 2]}


def test_members_of_enums_become_what_json_makes_of_them():
    class Colour(enum.StrEnum):
        RED = "red"

    class Size(enum.IntEnum):
        L = 3

    class Old(str, enum.Enum):  # noqa: UP042  # the older way of writing it
        ONE = "one"

    kept = parse_metadata({"colour": Colour.RED, "size": Size.L, "old": Old.ONE})
    assert [(type(value), value) for value in kept.values()] == [(str, "red"), (int, 3), (str, "one")]


def test_no_copy_is_made_of_endless_data_before_it_is_refused():
    endless: list = []
    endless.append(endless)
    assert "nested deeper" in refused({"a": endless})
