"""A refused request, named by the file's column rather than by the API's field."""

from __future__ import annotations

import pytest

from aegispay.cli.rows import CARD_DATA, explain
from aegispay.errors import (
    AegisPayError,
    CardDataError,
    FieldError,
    IdempotencyConflictError,
    ValidationError,
)


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("amount", "amount"),
        ("payment_method.type", "method"),
        ("payment_method.token", "token"),
        ("payment_method", "payment_method"),
        ("customer.id", "customer_id"),
        ("customer.name", "customer_name"),
        ("customer.email", "email"),
        ("customer.billing_address.country", "country"),
        ("metadata.basket", "metadata.basket"),
    ],
)
def test_the_field_of_the_api_becomes_the_column_of_the_file(field, column):
    found = explain(ValidationError([FieldError(field, "is wrong", "'x'")]), 7)

    assert str(found) == f"line 7, column {column}: is wrong (got 'x')"


def test_card_data_is_named_and_not_shown():
    assert str(explain(CardDataError("payment_method.token"), 7)) == f"line 7, column token: {CARD_DATA}"


def test_a_conflict_says_which_fields_differ():
    found = explain(IdempotencyConflictError(payment_id="pay_1", fields=("amount", "currency")), 7)

    assert str(found).startswith("line 7: the idempotency key already belongs to pay_1")
    assert str(found).endswith("differs in: amount, currency")


def test_any_other_error_is_told_in_its_own_words():
    assert str(explain(AegisPayError("no such thing"), 7)) == "line 7: no such thing"
