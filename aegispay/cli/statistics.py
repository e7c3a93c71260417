"""``aegispay payments --stats``: payments counted and added up by groups."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from aegispay.cli.console import make_table, printable
from aegispay.cli.rows import UsageError
from aegispay.domain.card_data import shown
from aegispay.domain.money import exponent
from aegispay.errors import ValidationError
from aegispay.ports.audit import GroupBy, StatisticsQuery, StatisticsRow
from aegispay.storage.sqlite import SqliteStore

_WIDEST = 20
"""Columns of one group's name, so that a line stays readable."""


def parse_dimensions(by: str) -> tuple[GroupBy, ...]:
    """Return what to group by, from names with commas between them.

    Raises:
        UsageError: there is no such name.
    """
    names = [name.strip() for name in by.split(",") if name.strip()]
    for name in names:
        if name not in list(GroupBy):
            raise UsageError(f"--by: {shown(name)} is not known; use some of {', '.join(GroupBy)}")
    return tuple(map(GroupBy, names))


def parse_time(option: str, value: str | None) -> datetime | None:
    """Return an instant; UTC unless it says otherwise.

    Raises:
        UsageError: it is none.
    """
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise UsageError(f"{option}: write 2026-03-01 or 2026-03-01T12:00, not {shown(value)}") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def count_payments(database: Path, query: StatisticsQuery) -> tuple[StatisticsRow, ...]:
    """Return the groups.

    Raises:
        ValidationError: a filter is wrong, or there are too many groups.
    """

    async def read() -> tuple[StatisticsRow, ...]:
        store = SqliteStore(database, read_only=True)
        await store.open()
        try:
            return await store.statistics(query)
        finally:
            await store.close()

    return asyncio.run(read())


def print_statistics(rows: Sequence[StatisticsRow], by: Sequence[GroupBy], out: Console, *, is_json: bool) -> None:
    """Print the groups as a table, or one JSON object per line."""
    if is_json:
        for row in rows:
            out.print(json.dumps(_as_json(row)), soft_wrap=True)
        return
    names = [*(each.value for each in by if each is not GroupBy.CURRENCY)]
    table = make_table(*names, "payments", "success", "doubt", "captured", "refunded", "", left=len(names))
    table.columns[-1].justify = "left"
    for column in table.columns[: len(names)]:
        column.max_width = _WIDEST
    for row in rows:
        values = [_value(each, row.group[each]) for each in by if each is not GroupBy.CURRENCY]
        rate = "-" if row.success_rate is None else f"{row.success_rate:.1%}"
        amounts = [_major(amount, row.currency) for amount in (row.captured_minor, row.refunded_minor)]
        table.add_row(*values, str(row.payments), rate, str(row.in_doubt), *amounts, row.currency)
    out.print(table)


def _value(dimension: GroupBy, value: str | datetime | None) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if dimension is GroupBy.DAY else f"{value:%Y-%m-%d %H}h"
    return "-" if value is None else printable(value)


def _major(amount_minor: int, currency: str) -> str:
    # A sum may be more than any one amount can be.
    try:
        digits = exponent(currency)
    except ValidationError:
        return str(amount_minor)
    whole, part = divmod(amount_minor, 10**digits)
    return f"{whole}.{part:0{digits}d}" if digits else str(whole)


def _as_json(row: StatisticsRow) -> dict[str, object]:
    group: dict[str, object] = {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.group.items()
    }
    return group | {
        "payments": row.payments,
        "succeeded": row.succeeded,
        "failed": row.failed,
        "cancelled": row.cancelled,
        "unfinished": row.unfinished,
        "in_doubt": row.in_doubt,
        "incidents": row.incidents,
        "success_rate": row.success_rate,
        "amount_minor": row.amount_minor,
        "captured_minor": row.captured_minor,
        "refunded_minor": row.refunded_minor,
    }
