"""Looking at a database: ``payments``, ``show``, ``verify``. Nothing here writes, and an engine may be running."""

from __future__ import annotations

import asyncio
import json
import os
import textwrap
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from aegispay.cli.console import make_table, printable
from aegispay.cli.mentions import find_mention
from aegispay.domain.evolve import replay
from aegispay.domain.ids import derive_payment_id
from aegispay.domain.money import Money
from aegispay.domain.payment import Payment
from aegispay.domain.projection import PaymentRow
from aegispay.domain.story import Story, headline, since
from aegispay.errors import PaymentNotFoundError
from aegispay.ports import PaymentQuery, RowPage, StoredEvent, StoreReport
from aegispay.storage.sqlite import SqliteStore
from aegispay.storage.verify import verify

_INDENT = " " * 13


def list_page(database: Path, query: PaymentQuery) -> RowPage:
    """Return a page of payments."""

    async def read() -> RowPage:
        store = SqliteStore(database, read_only=True)
        await store.open()
        try:
            return await store.list_payments(query)
        finally:
            await store.close()

    return asyncio.run(read())


def print_page(page: RowPage, out: Console, *, is_json: bool) -> None:
    """Print payments as a table, or one JSON object per line."""
    if is_json:
        for row in page.rows:
            out.print(json.dumps(_as_json(row)), soft_wrap=True)
        return
    table = make_table("payment", "state", "amount", "gateway", left=2)
    table.columns[-1].justify = "left"
    for row in page.rows:
        state = f"{row.state}, in doubt" if row.in_doubt else row.state.value
        table.add_row(row.payment_id, state, str(Money(row.amount_minor, row.currency)), row.gateway or "-")
    out.print(table)
    if page.next_cursor is not None:
        out.print(f"more: --after {page.next_cursor}", soft_wrap=True)


def _as_json(row: PaymentRow) -> dict[str, object]:
    return {
        "payment_id": row.payment_id,
        "merchant": row.merchant,
        "idempotency_key": row.idempotency_key,
        "state": row.state.value,
        "in_doubt": row.in_doubt,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "captured_minor": row.captured_minor,
        "customer_id": row.customer_id,
        "method": row.method,
        "gateway": row.gateway,
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
    }


def named_payment(store: SqliteStore, *, payment_id: str | None, key: str | None, merchant: str) -> str:
    """Return the id of the payment that is named by its id or by its idempotency key."""
    return payment_id if payment_id is not None else derive_payment_id(store.salt, merchant, key or "")


def load_history(
    database: Path, *, payment_id: str | None, key: str | None, merchant: str, mention: str | None = None
) -> tuple[Payment, tuple[StoredEvent, ...]]:
    """Return a payment and its events, by id, by idempotency key, or by something that only its events mention.

    Raises:
        PaymentNotFoundError: there is none.
        UsageError: several payments mention it; they are named.
    """
    if mention is not None:
        payment_id = find_mention(database, mention)

    async def read() -> tuple[str, tuple[StoredEvent, ...]]:
        store = SqliteStore(database, read_only=True)
        await store.open()
        try:
            wanted = named_payment(store, payment_id=payment_id, key=key, merchant=merchant)
            return wanted, await store.load(wanted)
        finally:
            await store.close()

    wanted, events = asyncio.run(read())
    payment = replay(wanted, (stored.event for stored in events))
    if payment is None:
        raise PaymentNotFoundError(f"there is no payment {payment_id or f'with the key {key!r}'}")
    return payment, events


def print_history(payment: Payment, events: tuple[StoredEvent, ...], out: Console) -> None:
    """Print a payment and everything that happened to it."""
    for line in headline(payment):
        out.print(line, soft_wrap=True)
    start = events[0].event.at
    out.print(f"\n{start:%Y-%m-%d %H:%M:%S}.{start.microsecond // 1000:03d} UTC")
    story = Story(payment)
    for stored in events:
        out.print(f"{since(start, stored.event.at):>11}  {stored.event.type}")
        for sentence in story.sentences(stored.event):
            text = printable(sentence, longest=2_000)
            out.print(textwrap.fill(text, out.width, initial_indent=_INDENT, subsequent_indent=_INDENT), soft_wrap=True)


class _RateColumn(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate of the last moments."""
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


def verify_database(database: Path, err: Console, *, workers: int = 1, expect_head: str | None = None) -> StoreReport:
    """Check the whole file, with a progress bar where there is a terminal."""
    if not err.is_terminal:
        return verify(database, workers=workers, expect_head=expect_head)
    bar = Progress(
        TextColumn("events"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )
    with bar:
        task = bar.add_task("events", total=None)
        return verify(
            database,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            workers=workers,
            expect_head=expect_head,
        )


def usable_cores() -> int:
    """Return how many processes can compute at once."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
