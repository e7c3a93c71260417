"""Sums over many payments: which statement, by which index, and what its rows say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from aegispay.domain.state import PaymentState
from aegispay.errors import FieldError, ValidationError
from aegispay.ports.audit import GROUPS_MAX, SUCCEEDED, GroupBy, StatisticsQuery, StatisticsRow
from aegispay.storage.connection import uri
from aegispay.storage.queries import checked_limit, filter_conditions, filter_index
from aegispay.storage.rows import from_us, to_us

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_LOW_BITS = 30
"""Amounts are added in two parts: a sum of 10,000 of the largest would not fit SQLite's integers."""
_LOW = (1 << _LOW_BITS) - 1

_STEPS = 10_000
"""Steps of SQLite's machine, well under a millisecond, between two looks whether anybody still waits."""

_EXPRESSIONS = {
    # With a sign, so that no index is taken for their order, which would mean a search of the table for every row.
    GroupBy.MERCHANT: "+merchant",
    GroupBy.STATE: "+state",
    GroupBy.GATEWAY: "+gateway",
    GroupBy.CURRENCY: "+currency",
    GroupBy.CUSTOMER: "+customer_id",
    GroupBy.METHOD: "+method",
    GroupBy.HOUR: f"created_at - created_at % {_HOUR_US}",
    GroupBy.DAY: f"created_at - created_at % {_DAY_US}",
}
_AMOUNTS = ("amount_minor", "captured_minor", "refunded_minor")
_COUNTS = {
    "succeeded": SUCCEEDED,
    "failed": frozenset({PaymentState.FAILURE}),
    "cancelled": frozenset({PaymentState.CANCELLED}),
}
_TIMES = frozenset({GroupBy.HOUR, GroupBy.DAY})


def statistics_statement(query: StatisticsQuery) -> tuple[str, list[Any]]:
    """Return the statement, which gives one group more than asked for, so that too many show.

    Raises:
        ValidationError: the limit makes no sense, or a dimension is named twice.
    """
    limit = checked_limit(query.limit, most=GROUPS_MAX)
    check_dimensions(query)
    conditions, parameters = filter_conditions(query)
    groups = ", ".join(_EXPRESSIONS[each] for each in query.dimensions)
    sums = [f"sum(state IN ({_names(states)}))" for states in _COUNTS.values()]
    sums += ["sum(in_doubt)", "sum(has_incident)"]
    sums += [f"sum({name} >> {_LOW_BITS}), sum({name} & {_LOW})" for name in _AMOUNTS]
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    statement = (
        f"SELECT {groups}, count(*), {', '.join(sums)} FROM {_source(query)} {where}"  # noqa: S608 - constant parts
        f"GROUP BY {groups} ORDER BY {groups} LIMIT ?"
    )
    return statement, [*parameters, limit + 1]


def check_dimensions(query: StatisticsQuery) -> None:
    """Refuse a dimension that is named twice.

    Raises:
        ValidationError: naming it.
    """
    twice = next((each for each in query.by if query.by.count(each) > 1), None)
    if twice is not None:
        raise ValidationError([FieldError("by", "name each of them once", str(twice))])


def check_groups(query: StatisticsQuery, groups: int) -> None:
    """Refuse more groups than were asked for: a part of them would pass for all.

    Raises:
        ValidationError: there are more.
    """
    if groups > query.limit:
        raise ValidationError(
            [FieldError("by", f"makes more than {query.limit} groups")],
            hint=f"Narrow the period or the filters, group by less, or raise the limit, up to {GROUPS_MAX}.",
        )


def read_statistics(database: sqlite3.Connection, query: StatisticsQuery) -> tuple[StatisticsRow, ...]:
    """Return the groups.

    Raises:
        ValidationError: the query makes no sense, or there are more groups than its limit.
    """
    rows = database.execute(*statistics_statement(query)).fetchall()
    check_groups(query, len(rows))
    return tuple(_read(query.dimensions, row) for row in rows)


def _names(states: frozenset[PaymentState]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


def _source(query: StatisticsQuery) -> str:
    index = filter_index(query)
    if index is None and (query.created_after is not None or query.created_before is not None):
        index = "payments_created"
    # All of the table is read fastest in its own order.
    return "payments NOT INDEXED" if index is None else f"payments INDEXED BY {index}"


def _read(dimensions: tuple[GroupBy, ...], row: tuple[Any, ...]) -> StatisticsRow:
    values, (payments, succeeded, failed, cancelled, in_doubt, incidents, *sums) = (
        row[: len(dimensions)],
        row[len(dimensions) :],
    )
    amounts = [(high << _LOW_BITS) + low for high, low in zip(sums[::2], sums[1::2], strict=True)]
    return StatisticsRow(
        group={
            dimension.value: from_us(value) if dimension in _TIMES else value
            for dimension, value in zip(dimensions, values, strict=True)
        },
        payments=payments,
        succeeded=succeeded,
        failed=failed,
        cancelled=cancelled,
        unfinished=payments - succeeded - failed - cancelled,
        in_doubt=in_doubt,
        incidents=incidents,
        **dict(zip(_AMOUNTS, amounts, strict=True)),
    )


def start_of(dimension: GroupBy, at: datetime) -> datetime:
    """Return when the hour or day of `at` began."""
    size_us = _HOUR_US if dimension is GroupBy.HOUR else _DAY_US
    return from_us(to_us(at) - to_us(at) % size_us)


class StatisticsReader:
    """One reading on a connection of its own: it may take seconds, in which no payment must wait for it.

    Args:
        path: of the database.
        query: what to count.
    """

    def __init__(self, path: Path, query: StatisticsQuery) -> None:
        self._path = path
        self._query = query
        self._is_stopped = False

    def read(self) -> tuple[StatisticsRow, ...]:
        """Return the groups. Blocking; on any thread."""
        with closing(sqlite3.connect(uri(self._path, read_only=True), uri=True, isolation_level=None)) as database:
            # Asked now and then, because an interrupt that comes before the statement would be lost.
            database.set_progress_handler(lambda: self._is_stopped, _STEPS)
            return read_statistics(database, self._query)

    def stop(self) -> None:
        """End the reading soon, from another thread: nobody waits for it any more."""
        self._is_stopped = True
