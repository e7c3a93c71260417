"""JSON Lines rows: every bad one says line, place and reason."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest

from aegispay.cli.rows import CARD_DATA, BadRow, Row, read_rows

CARD = "4242424242424242"
GOOD = {
    "idempotency_key": "k1",
    "amount": "10.00",
    "currency": "USD",
    "payment_method": {"type": "card", "token": "tok_a"},
}


def rows(text: str):
    return list(read_rows(io.BytesIO(text.encode()), is_json=True))


def only(value: object):
    (found,) = rows(value if isinstance(value, str) else json.dumps(value))
    return found


def test_an_object_becomes_the_arguments_of_pay():
    assert only(GOOD) == Row(1, GOOD)


def test_a_number_is_taken_as_it_is_written():
    text = json.dumps(GOOD).replace('"10.00"', "12.30")

    assert only(text).fields["amount"] == Decimal("12.30")
    assert str(only(text).fields["amount"]) == "12.30"


def test_blank_lines_are_no_rows_but_count_as_lines():
    assert [row.line for row in rows(f"\n{json.dumps(GOOD)}\n  \n{json.dumps(GOOD)}")] == [2, 4]


def test_what_is_no_json_says_where():
    assert only("{bad") == BadRow(1, "2", "is not JSON: Expecting property name enclosed in double quotes")


@pytest.mark.parametrize("text", ["[1]", '"text"', "12", "null", "true"])
def test_what_is_no_object_is_refused(text):
    assert only(text) == BadRow(1, "", "must be a JSON object")


@pytest.mark.parametrize("name", ["idempotency_key", "amount", "currency", "payment_method"])
def test_a_mandatory_field_is_missing(name):
    assert only({key: value for key, value in GOOD.items() if key != name}) == BadRow(1, name, "is missing")


def test_an_unknown_field_is_named():
    found = only(GOOD | {"colour": "red"})

    assert (found.column, found.reason.split(";")[0]) == ("colour", "is not known")


def test_a_field_that_stands_there_twice_is_ambiguous_at_any_depth():
    assert only('{"amount": 1, "amount": 2}') == BadRow(1, "amount", "stands there twice")
    assert only('{"metadata": {"a": 1, "a": 2}}') == BadRow(1, "a", "stands there twice")


def test_a_field_named_by_a_card_number_is_not_repeated_when_it_is_ambiguous():
    assert CARD not in str(only(f'{{"{CARD}": 1, "{CARD}": 2}}'))


@pytest.mark.parametrize("depth", [600, 100_000])
def test_nesting_without_end_is_refused(depth):
    assert only('{"metadata": ' + "[" * depth + "]" * depth + "}") == BadRow(1, "", "is nested too deeply")


def test_a_number_without_end_is_refused_in_words_of_ours():
    assert only('{"amount": ' + "9" * 10_000 + "}") == BadRow(1, "", "holds a number that is far too long")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"idempotency_key": CARD}, "idempotency_key"),
        ({"amount": int(CARD)}, "amount"),
        ({"currency": CARD}, "currency"),
        ({"payment_method": {"type": "card", "token": CARD}}, "payment_method.token"),
        ({"customer": {"id": "c", "name": f"card {CARD}"}}, "customer.name"),
        ({"metadata": {"deep": [{"er": float(CARD)}]}}, "metadata.deep.er"),
        ({"metadata": {CARD: "x"}}, "metadata"),
        ({CARD: "x"}, ""),
    ],
)
def test_a_card_number_anywhere_is_refused_and_not_repeated(change, path):
    found = only(GOOD | change)

    assert found == BadRow(1, path, CARD_DATA)
    assert CARD not in str(found)


def test_a_bad_line_does_not_hide_the_others():
    found = list(read_rows(io.BytesIO(b"\xff\n" + json.dumps(GOOD).encode() + b"\n{\n"), is_json=True))

    assert [type(each) for each in found] == [BadRow, Row, BadRow]


def test_control_characters_in_a_name_do_not_reach_the_terminal():
    assert "\x1b" not in str(only('{"\\u001b[31m": 1}'))
