"""``aegispay webhooks``: who is posted to, what came of it, and posting again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from aegispay.cli.console import make_table, printable
from aegispay.cli.reporting import out, reported
from aegispay.cli.rows import UsageError
from aegispay.clock import SystemClock
from aegispay.delivery_errors import UnknownSubscriberError
from aegispay.domain.deliveries.interests import Interests
from aegispay.domain.text import text
from aegispay.errors import StoreLockedError
from aegispay.log import logger
from aegispay.outbox.statuses import SubscriptionStatus, read_statuses
from aegispay.outbox.webhooks.choosing import CHOSEN_MAX, choose
from aegispay.outbox.webhooks.offline import enable_in, kept_endpoint, replay_in
from aegispay.outbox.webhooks.registry import WebhookLog, read_log
from aegispay.ports.outbox import SubscriberKind, WebhookAttempt
from aegispay.storage.sqlite import SqliteStore

T = TypeVar("T")

webhooks_app = typer.Typer(
    help="Webhook endpoints: how they stand, what was sent to them, and sending it again.", no_args_is_help=True
)

Database = Annotated[Path, typer.Option("--database", help="The SQLite file.")]
Name = Annotated[str, typer.Argument(help="The endpoint's name.")]
Operator = Annotated[str, typer.Option("--operator", help="Who says so; logged.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]

_OPERATOR_MAX = 100
_POSITION_DIGITS_MAX = 18


@webhooks_app.command("list")
def list_command(database: Database = Path("payments.db"), *, as_json: AsJson = False) -> None:
    """List webhook endpoints, how far each has got, and what it is owed. An engine may be running.

    Addresses are not in the database, so they are not shown. Exits with 0; 3 when the database cannot be used.
    """
    with reported():
        found = _look(database, lambda store: read_statuses(store, SystemClock().now()))
        endpoints = [status for status in found if status.kind is SubscriberKind.WEBHOOK]
        if as_json:
            for status in endpoints:
                out.print(json.dumps(_status_as_json(status)), soft_wrap=True)
            return
        table = make_table("endpoint", "lag", "lag s", "waiting", "dead", "disabled")
        table.columns[-1].justify = "left"
        for status in endpoints:
            table.add_row(
                printable(status.name, longest=24),
                f"{status.lag_events:,}",
                f"{status.lag_s:,.0f}",
                f"{status.waiting:,}",
                f"{status.dead:,}",
                printable(status.disabled, longest=28) or "-",
            )
        out.print(table)


@webhooks_app.command("log")
def log_command(
    name: Name,
    database: Database = Path("payments.db"),
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Requests at most.")] = 20,
    before: Annotated[int | None, typer.Option(help="The number that the page before ended with.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what was sent to an endpoint within the last 30 days, newest first. An engine may be running.

    Exits with 0; 2 when there is no such endpoint; 3 when the database cannot be used.
    """
    with reported():

        async def read(store: SqliteStore) -> WebhookLog:
            await kept_endpoint(store, name)
            return await read_log(store, name, before=before, limit=limit)

        page = _look(database, read)
        for attempt in page.attempts:
            line = json.dumps(_attempt_as_json(attempt)) if as_json else _attempt_in_words(attempt)
            out.print(line, soft_wrap=True)
        if page.next_cursor is not None and not as_json:
            out.print(f"more: --before {page.next_cursor}", soft_wrap=True)


@webhooks_app.command("replay")
def replay_command(
    name: Name,
    operator: Operator,
    database: Database = Path("payments.db"),
    event: Annotated[list[str] | None, typer.Option(help="An event's id; may be given several times.")] = None,
    since: Annotated[
        str, typer.Option(help="All events from this moment on (2026-03-01T12:00:00Z), or behind this position.")
    ] = "",
    events: Annotated[
        list[str] | None, typer.Option(help="With --since: only these event types; patterns as payment.*.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=CHOSEN_MAX, help="With --since: events at most.")] = 1_000,
) -> None:
    """Have the next engine post events to an endpoint once more, with the same ids and bodies.

    Which events the endpoint wants is not in the database: name them with --events, or all of them are sent.

    Exits with 0; 2 when there is no such endpoint or event; 3 when the database cannot be used, or an engine has it
    open.
    """
    with reported():
        who = text("--operator", operator, longest=_OPERATOR_MAX)
        interests = Interests.parse(events, field="--events") if events else Interests.everything()

        async def act(store: SqliteStore) -> tuple[int, int | None]:
            await kept_endpoint(store, name)
            chosen = await choose(store, event_ids=event or (), since=_moment(since), interests=interests, limit=limit)
            return await replay_in(store, name, chosen.events, SystemClock().now()), chosen.more_after

        count, more_after = _change(database, act, instead="replay_webhook")
        logger("aegispay.outbox").info("webhook_replayed", subscriber=name, operator=who, events=count)
        out.print(f"{count} events will be posted to {printable(name)} once more", soft_wrap=True)
        if more_after is not None:
            out.print(f"more: --since {more_after}", soft_wrap=True)


@webhooks_app.command("enable")
def enable_command(name: Name, operator: Operator, database: Database = Path("payments.db")) -> None:
    """Let an endpoint that was disabled be posted to again by the next engine.

    Exits with 0; 2 when there is no such endpoint; 3 when the database cannot be used, or an engine has it open.
    """
    with reported():
        who = text("--operator", operator, longest=_OPERATOR_MAX)
        _change(database, lambda store: enable_in(store, name), instead="enable_webhook_endpoint")
        logger("aegispay.outbox").info("webhook_endpoint_enabled", subscriber=name, operator=who)
        out.print(f"{printable(name)} will be posted to again", soft_wrap=True)


def _look(database: Path, ask: Callable[[SqliteStore], Awaitable[T]]) -> T:
    return asyncio.run(_asked(SqliteStore(database, read_only=True), ask, instead=""))


def _change(database: Path, act: Callable[[SqliteStore], Awaitable[T]], *, instead: str) -> T:
    if not database.is_file():
        # Opening it would make one.
        raise UnknownSubscriberError(f"there is no database {database}")
    return asyncio.run(_asked(SqliteStore(database), act, instead=instead))


async def _asked(store: SqliteStore, ask: Callable[[SqliteStore], Awaitable[T]], *, instead: str) -> T:
    try:
        await store.open()
    except StoreLockedError as locked:
        raise StoreLockedError(str(locked), hint=f"Call {instead} on the engine that has it open.") from locked
    try:
        return await ask(store)
    finally:
        await store.close()


def _moment(since: str) -> datetime | int | None:
    if not since:
        return None
    if since.isascii() and since.isdigit() and len(since) <= _POSITION_DIGITS_MAX:
        return int(since)
    try:
        return datetime.fromisoformat(since)
    except ValueError:
        raise UsageError("--since: write a moment as 2026-03-01T12:00:00Z, or a position of the log") from None


def _attempt_in_words(attempt: WebhookAttempt) -> str:
    said = "-" if attempt.status is None else str(attempt.status)
    what = f"{attempt.at:%Y-%m-%d %H:%M:%S} {attempt.event_id} {said} {attempt.latency_s * 1000:,.0f} ms"
    return f"{what}\n    {printable(attempt.error, longest=300)}" if attempt.error else what


def _attempt_as_json(attempt: WebhookAttempt) -> dict[str, object]:
    return {
        "at": attempt.at.isoformat(),
        "event_id": attempt.event_id,
        "position": attempt.position,
        "status": attempt.status,
        "latency_s": round(attempt.latency_s, 6),
        "error": attempt.error,
    }


def _status_as_json(status: SubscriptionStatus) -> dict[str, object]:
    return {
        "name": status.name,
        "position": status.position,
        "end": status.end,
        "lag_events": status.lag_events,
        "lag_s": round(status.lag_s, 3),
        "waiting": status.waiting,
        "dead": status.dead,
        "disabled": status.disabled,
    }
