"""Lists of payments: which statement, with which parameters, by which index."""

from __future__ import annotations

from typing import Any

from aegispay.domain.projection import PaymentRow
from aegispay.errors import FieldError, ValidationError
from aegispay.ports import PaymentQuery
from aegispay.ports.audit import StatisticsQuery
from aegispay.storage.rows import ROW_COLUMNS, to_us

LIMIT_MAX = 1_000
_DIGITS_MAX = 18
"""Digits of a cursor's time: more would not fit SQLite's integers."""

_INDEXES = (
    ("customer_id", "payments_customer"),
    ("in_doubt", "payments_in_doubt"),
    ("has_incident", "payments_incident"),
    ("gateway", "payments_gateway"),
    ("state", "payments_state"),
    ("currency", "payments_currency"),
    ("merchant", "payments_merchant"),
)
"""Each filter's index, in the order of how few payments it usually leaves. All of them hold the order of the list."""


def list_statement(query: PaymentQuery) -> tuple[str, list[Any]]:
    """Return the statement of a page, one row longer than asked for, so that the end shows.

    Raises:
        ValidationError: limit or cursor make no sense.
    """
    limit = checked_limit(query.limit, most=LIMIT_MAX)
    conditions, parameters = filter_conditions(query)
    if query.parked is False:
        conditions.append("NOT EXISTS (SELECT 1 FROM parking WHERE parking.payment_id = payments.payment_id)")
    if query.after is not None:
        conditions.append("(created_at, payment_id) < (?, ?)")
        parameters.extend(read_cursor(query.after))
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    statement = (
        f"SELECT {ROW_COLUMNS} FROM {_source(query)} {where}"  # noqa: S608 - constant columns and conditions
        "ORDER BY created_at DESC, payment_id DESC LIMIT ?"
    )
    return statement, [*parameters, limit + 1]


def checked_limit(limit: int, *, most: int | None = None) -> int:
    """Return the limit.

    Raises:
        ValidationError: it is below 1, or above `most`.
    """
    if type(limit) is not int or limit < 1 or (most is not None and limit > most):
        right = "1 or more" if most is None else f"1 to {most}"
        raise ValidationError([FieldError("limit", f"use {right}", repr(limit)[:20])])
    return limit


def _source(query: PaymentQuery) -> str:
    if query.parked:
        # The few that are parked, each looked up by its id.
        return "parking CROSS JOIN payments USING (payment_id)"
    index = filter_index(query)
    return f"payments INDEXED BY {'payments_created' if index is None else index}"


def filter_index(query: PaymentQuery | StatisticsQuery) -> str | None:
    """Return the index of the filter that leaves fewest payments; ``None`` without such a filter.

    Named, because without statistics SQLite may take an index that leaves it everything to sort.
    """
    return next((index for column, index in _INDEXES if getattr(query, column) not in {None, False}), None)


def filter_conditions(query: PaymentQuery | StatisticsQuery) -> tuple[list[str], list[Any]]:
    """Return what holds of a row that the filters and the period let through, and the parameters."""
    conditions: list[str] = []
    parameters: list[Any] = []
    for column, _ in _INDEXES:
        value = getattr(query, column)
        if isinstance(value, bool):
            # Written out, so that the partial indexes on doubt and incidents apply.
            conditions.append(f"{column} = {int(value)}")
        elif value is not None:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    if query.created_after is not None:
        conditions.append("created_at >= ?")
        parameters.append(to_us(query.created_after))
    if query.created_before is not None:
        conditions.append("created_at < ?")
        parameters.append(to_us(query.created_before))
    return conditions, parameters


def write_cursor(row: PaymentRow) -> str:
    """Return the cursor that continues after this row."""
    return f"{to_us(row.created_at)}.{row.payment_id}"


def read_cursor(cursor: str) -> tuple[int, str]:
    """Return what a cursor holds.

    Raises:
        ValidationError: it is none.
    """
    created_at, _, payment_id = cursor.partition(".")
    if not (created_at.isascii() and created_at.isdecimal() and len(created_at) <= _DIGITS_MAX and payment_id):
        raise ValidationError([FieldError("after", "pass the next_cursor of a page", repr(cursor)[:40])])
    return int(created_at), payment_id
