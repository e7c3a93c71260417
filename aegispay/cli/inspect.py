"""Looking at a database: ``payments``, ``show``, ``verify``. Nothing here writes, and an engine may be running."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from aegispay.domain import events as e
from aegispay.domain.evolve import replay
from aegispay.domain.ids import derive_payment_id
from aegispay.domain.money import Money
from aegispay.domain.payment import Payment
from aegispay.domain.projection import PaymentRow
from aegispay.errors import PaymentNotFoundError
from aegispay.ports import PaymentQuery, RowPage, StoredEvent, StoreReport
from aegispay.storage.sqlite import SqliteStore
from aegispay.storage.verify import verify


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
            print(json.dumps(_as_json(row)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("payment", min_width=30, no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("gateway", no_wrap=True)
    for row in page.rows:
        state = f"{row.state} ?" if row.in_doubt else row.state.value
        amount = str(Money(row.amount_minor, row.currency))
        table.add_row(row.payment_id, state, amount, row.gateway or "-")
    out.print(table)
    if page.next_cursor is not None:
        out.print(f"more: --after {page.next_cursor}", highlight=False, soft_wrap=True)


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


def load_history(
    database: Path, *, payment_id: str | None, key: str | None, merchant: str
) -> tuple[Payment, tuple[StoredEvent, ...]]:
    """Return a payment and its events, by id or by idempotency key.

    Raises:
        PaymentNotFoundError: there is none.
    """

    async def read() -> tuple[str, tuple[StoredEvent, ...]]:
        store = SqliteStore(database, read_only=True)
        await store.open()
        try:
            wanted = payment_id or derive_payment_id(store.salt, merchant, key or "")
            return wanted, await store.load(wanted)
        finally:
            await store.close()

    wanted, events = asyncio.run(read())
    payment = replay(wanted, (stored.event for stored in events))
    if payment is None:
        raise PaymentNotFoundError(f"there is no payment {payment_id or f'with the key {key!r}'}")
    return payment, events


def print_history(payment: Payment, events: tuple[StoredEvent, ...], out: Console) -> None:
    """Print a payment and its timeline."""
    doubt = " (in doubt)" if payment.in_doubt else ""
    out.print(f"{payment.id}  {payment.state}{doubt}  {payment.money}", highlight=False)
    customer = "" if payment.customer is None else f", customer {payment.customer.id}"
    out.print(
        f"key {payment.idempotency_key!r} of merchant {payment.merchant}, {payment.payment_method.type}{customer}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    start = events[0].event.at
    for stored in events:
        out.print(f"{_after(start, stored.event.at)}  {stored.event.type}", highlight=False)
        for line in _details(stored.event):
            out.print(f"{'':12}{line}", highlight=False, markup=False, soft_wrap=True)


def _after(start: datetime, at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at == start else f"+{(at - start).total_seconds():8.3f} s"[:10].rjust(10)


def _details(event: e.Event) -> list[str]:
    match event:
        case e.PaymentInitiated():
            return [f"at {event.at.isoformat(timespec='milliseconds')}"]
        case e.AttemptStarted():
            return [f"attempt {event.number} at {event.gateway}, key {event.idempotency_key}", event.decision.explain()]
        case e.AttemptFailed() | e.OutcomeBecameUnknown():
            outcome = event.outcome
            words = f": {outcome.message}" if outcome.message else ""
            asked = f", asked {event.checks} times" if isinstance(event, e.OutcomeBecameUnknown) else ""
            return [f"attempt {event.number}: {outcome.reason}{words}{asked}"]
        case e.OutcomeResolved():
            return [f"attempt {event.number}: known by {event.evidence}"]
        case e.PaymentSucceeded() | e.PaymentAuthorized():
            return [f"attempt {event.number}, the gateway calls it {event.reference}"]
        case e.PaymentFailed():
            return [f"{event.reason}{f': {event.message}' if event.message else ''}"]
        case e.PaymentCancelled() | e.CancelRequested():
            return [event.reason]
        case e.IncidentOpened():
            return [event.detail]
        case e.PaymentParked():
            return [event.cause]
        case _:
            return []


def verify_database(database: Path, err: Console) -> StoreReport:
    """Check the whole file, with a progress bar where there is a terminal."""
    if not err.is_terminal:
        return verify(database)
    bar = Progress(TextColumn("events"), BarColumn(), MofNCompleteColumn(), console=err, transient=True)
    with bar:
        task = bar.add_task("events", total=None)
        return verify(database, progress=lambda done, total: bar.update(task, completed=done, total=total))
