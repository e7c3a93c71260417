"""CSV rows: every bad one says line, column and reason."""

from __future__ import annotations

import io

import pytest

from aegispay.cli.rows import CARD_DATA, BadRow, Row, UsageError, read_rows

CARD = "4242424242424242"
HEADER = "idempotency_key,amount,currency,method,token"


def rows(text: str, header: str = HEADER):
    return list(read_rows(io.BytesIO(f"{header}\n{text}".encode()), is_json=False))


def only(text: str, header: str = HEADER):
    (found,) = rows(text, header)
    return found


def test_a_row_becomes_the_arguments_of_pay():
    header = f"{HEADER},customer_id,customer_name,email,phone,country,metadata.basket,gateway,merchant,retry_of"

    found = only("k1,10.00,USD,card,tok_a,c1,Ann,a@example.com,+49301234,DE,shoes,alpha,shop,pay_1", header)

    assert found == Row(
        2,
        {
            "idempotency_key": "k1",
            "amount": "10.00",
            "currency": "USD",
            "gateway": "alpha",
            "merchant": "shop",
            "retry_of": "pay_1",
            "payment_method": {"type": "card", "token": "tok_a"},
            "customer": {
                "id": "c1",
                "name": "Ann",
                "email": "a@example.com",
                "phone": "+49301234",
                "billing_address": {"country": "DE"},
            },
            "metadata": {"basket": "shoes"},
        },
    )


def test_empty_cells_and_spaces_around_cells_are_nothing():
    assert only(" k1 ,10.00 ,USD,card,tok_a,", f"{HEADER},email").fields == {
        "idempotency_key": "k1",
        "amount": "10.00",
        "currency": "USD",
        "payment_method": {"type": "card", "token": "tok_a"},
    }


def test_columns_may_come_in_any_order():
    assert only("card,tok_a,USD,1,k", "method,token,currency,amount,idempotency_key").fields["amount"] == "1"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",1,USD,card,t", "idempotency_key"),
        ("k,,USD,card,t", "amount"),
        ("k,1, ,card,t", "currency"),
        ("k,1,USD,,t", "method"),
    ],
)
def test_a_mandatory_cell_that_is_empty_is_missing(row, column):
    assert only(row) == BadRow(2, column, "is missing")


def test_a_cell_too_few_names_the_first_column_without_one():
    assert only("k,1,USD") == BadRow(2, "method", "the row has 3 cells, the header has 5")


def test_a_cell_too_many_names_its_number():
    assert only("k,1,USD,card,t,x") == BadRow(2, "6", "the row has 6 cells, the header has 5")


@pytest.mark.parametrize("position", range(5))
def test_a_card_number_in_any_column_is_refused_and_not_repeated(position):
    cells = ["k", "1", "USD", "card", "t"]
    cells[position] = f" {CARD}"

    found = only(",".join(cells))

    assert found == BadRow(2, HEADER.split(",")[position], CARD_DATA)
    assert CARD not in str(found)


def test_a_card_number_beyond_the_last_column_is_not_repeated():
    assert CARD not in str(only(f"k,1,USD,card,t,{CARD}"))


def test_a_card_number_with_spaces_is_one_too():
    assert only("k,1,USD,card,4242 4242 4242 4242").reason == CARD_DATA


def test_one_bad_row_does_not_hide_the_others():
    found = rows('k1,1,USD,card,t\nk2,"1,USD,card,t\nk3,1,USD,card,t\n')

    assert [type(each) for each in found] == [Row, BadRow, Row]
    assert str(found[1]) == "line 3: is not CSV: a quoted cell does not end"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "the file is empty"),
        ("a,b,c,d", "column 'a' is not known"),
        (f"{HEADER},amount", "column 'amount' stands there twice"),
        ("idempotency_key,amount,method", "column 'currency' is missing"),
        ("idempotency_key;amount;currency;method", "must be separated by commas"),
        (f"{HEADER},{CARD}", "what looks like card data, not shown"),
        ('"idempotency_key,amount', "line 1 is not CSV: a quoted cell does not end"),
    ],
)
def test_a_header_that_cannot_be_used_says_why(header, message):
    with pytest.raises(UsageError, match=message) as refused:
        read_rows(io.BytesIO(f"{header}\n".encode() if header else b""), is_json=False)

    assert CARD not in str(refused.value)


def test_a_file_of_a_header_only_has_no_rows():
    assert rows("") == []


@pytest.mark.parametrize("data", [b"\x00\x01\xfe\xff" * 100, b"\xff\xfei\x00d\x00"])
def test_a_file_that_is_no_text_is_refused_at_its_header(data):
    with pytest.raises(UsageError, match=r"line 1 is (not UTF-8|UTF-16)"):
        read_rows(io.BytesIO(data), is_json=False)


def test_control_characters_in_a_header_do_not_reach_the_terminal():
    with pytest.raises(UsageError) as refused:
        read_rows(io.BytesIO(b"\x1b[31mred,amount\n"), is_json=False)

    assert "\x1b" not in str(refused.value)
