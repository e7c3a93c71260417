"""Questions to the payments table: which statement, with which parameters. Every one is served by an index."""

from __future__ import annotations

from typing import Any

from aegispay.domain.projection import PaymentRow
from aegispay.errors import FieldError, ValidationError
from aegispay.ports import PaymentQuery
from aegispay.storage.rows import ROW_COLUMNS, to_us

LIMIT_MAX = 1_000


def list_statement(query: PaymentQuery) -> tuple[str, list[Any]]:
    """Return the statement of a page, one row longer than asked for, so that the end shows.

    Raises:
        ValidationError: limit or cursor make no sense.
    """
    if type(query.limit) is not int or not 1 <= query.limit <= LIMIT_MAX:
        raise ValidationError([FieldError("limit", f"use 1 to {LIMIT_MAX}", repr(query.limit)[:20])])
    conditions, parameters = _equalities(query)
    if query.parked is not None:
        conditions.append(f"payment_id {'IN' if query.parked else 'NOT IN'} (SELECT payment_id FROM parking)")  # noqa: S608
    if query.created_after is not None:
        conditions.append("created_at >= ?")
        parameters.append(to_us(query.created_after))
    if query.created_before is not None:
        conditions.append("created_at < ?")
        parameters.append(to_us(query.created_before))
    if query.after is not None:
        conditions.append("(created_at, payment_id) < (?, ?)")
        parameters.extend(read_cursor(query.after))
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    statement = (
        f"SELECT {ROW_COLUMNS} FROM payments {where}"  # noqa: S608 - constant columns and conditions
        "ORDER BY created_at DESC, payment_id DESC LIMIT ?"
    )
    return statement, [*parameters, query.limit + 1]


def _equalities(query: PaymentQuery) -> tuple[list[str], list[Any]]:
    given = {
        "merchant": query.merchant,
        "state": query.state,
        "customer_id": query.customer_id,
        "gateway": query.gateway,
        "currency": query.currency,
        "in_doubt": query.in_doubt,
        "has_incident": query.has_incident,
    }
    conditions: list[str] = []
    parameters: list[Any] = []
    for column, value in given.items():
        if isinstance(value, bool):
            # Written out, so that the partial indexes on doubt and incidents apply.
            conditions.append(f"{column} = {int(value)}")
        elif value is not None:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    return conditions, parameters


def write_cursor(row: PaymentRow) -> str:
    """Return the cursor that continues after this row."""
    return f"{to_us(row.created_at)}.{row.payment_id}"


def read_cursor(cursor: str) -> tuple[int, str]:
    """Return what a cursor holds.

    Raises:
        ValidationError: it is none.
    """
    created_at, dot, payment_id = cursor.partition(".")
    if not dot or not created_at.isdecimal() or not payment_id:
        raise ValidationError([FieldError("after", "pass the next_cursor of a page", repr(cursor)[:40])])
    return int(created_at), payment_id
