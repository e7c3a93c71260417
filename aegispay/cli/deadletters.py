"""``aegispay deadletters`` and ``aegispay subscriptions``: who has got what, on the file, with or without an engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from aegispay.cli.console import make_table, printable
from aegispay.cli.reporting import out, reported
from aegispay.clock import SystemClock
from aegispay.delivery_errors import DeadLetterNotFoundError
from aegispay.domain.text import text
from aegispay.errors import StoreLockedError
from aegispay.log import logger
from aegispay.outbox.dead_letters import DeadLetter, drop_in, find_dead_letter, list_dead_letters, replay_in
from aegispay.outbox.envelope import public_event
from aegispay.outbox.statuses import SubscriptionStatus, read_statuses
from aegispay.storage.sqlite import SqliteStore

T = TypeVar("T")

deadletters_app = typer.Typer(
    help="Events that a subscriber could not be given: look at them, try them again, or drop them.",
    no_args_is_help=True,
)

Database = Annotated[Path, typer.Option("--database", help="The SQLite file.")]
Subscriber = Annotated[str, typer.Argument(help="The subscriber's name.")]
EventId = Annotated[str, typer.Argument(help="The event's id.")]
Operator = Annotated[str, typer.Option("--operator", help="Who decides; logged.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]

_NAME_MAX = 100
_EVENT_ID_MAX = 200
_WORDS_MAX = 500
_ERROR_SHOWN_MAX = 500


def subscriptions(database: Database = Path("payments.db"), *, as_json: AsJson = False) -> None:
    """List who is handed events, how far that has got, and what is owed. An engine may be running.

    Exits with 0; 3 when the database cannot be used.
    """
    with reported():
        found = _look(database, lambda store: read_statuses(store, SystemClock().now()))
        if as_json:
            for status in found:
                out.print(json.dumps(_status_as_json(status)), soft_wrap=True)
            return
        table = make_table("subscriber", "kind", "lag", "lag s", "waiting", "dead", "disabled", left=2)
        for status in found:
            table.add_row(
                printable(status.name, longest=24),
                status.kind.value,
                f"{status.lag_events:,}",
                f"{status.lag_s:,.0f}",
                f"{status.waiting:,}",
                f"{status.dead:,}",
                printable(status.disabled, longest=16) or "-",
            )
        out.print(table)


@deadletters_app.command("list")
def list_command(
    database: Database = Path("payments.db"),
    subscriber: Annotated[str | None, typer.Option(help="Only this subscriber's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 100,
    after: Annotated[str, typer.Option(help="Subscriber and position of the last one shown, such as mailer:17.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """List dead letters, by subscriber and position. An engine may be running.

    Exits with 0; 2 when an option is wrong; 3 when the database cannot be used.
    """
    with reported():
        place = _place(after)
        found = _look(database, lambda store: list_dead_letters(store, subscriber, after=place, limit=limit))
        if as_json:
            for letter in found:
                out.print(json.dumps(_letter_as_json(letter)), soft_wrap=True)
            return
        table = make_table("subscriber", "event", "type", "tries", "error", left=3)
        table.columns[-1].justify = "left"
        table.columns[-1].no_wrap = False
        for letter in found:
            kind = _kind(letter)
            name = printable(letter.subscriber, longest=24)
            table.add_row(name, letter.event_id, kind, str(letter.tries), printable(letter.error, longest=60))
        out.print(table)
        if len(found) == limit:
            last = found[-1]
            out.print(f"more: --after {last.subscriber}:{last.position}", soft_wrap=True)


@deadletters_app.command("show")
def show_command(subscriber: Subscriber, event_id: EventId, database: Database = Path("payments.db")) -> None:
    """Show a dead letter: why it was given up, and its event without anything personal.

    Exits with 0; 2 when there is none; 3 when the database cannot be used.
    """
    with reported():
        letter = _look(database, lambda store: _find(store, subscriber, event_id))
        failed_at = "" if letter.failed_at is None else f", last at {letter.failed_at.isoformat(timespec='seconds')}"
        out.print(
            f"{letter.event_id} to {printable(letter.subscriber)}, tries: {letter.tries}{failed_at}", soft_wrap=True
        )
        out.print(f"error: {printable(letter.error, longest=_ERROR_SHOWN_MAX)}", soft_wrap=True)
        if letter.stored is not None:
            out.print(json.dumps(public_event(letter.stored), indent=2), soft_wrap=True)


@deadletters_app.command("replay")
def replay_command(
    subscriber: Subscriber, event_id: EventId, operator: Operator, database: Database = Path("payments.db")
) -> None:
    """Have the next engine try a dead letter again, as if it were new; what is held behind it follows.

    Exits with 0; 2 when there is none; 3 when the database cannot be used, or an engine has it open.
    """
    with reported():
        text("--operator", operator, longest=_NAME_MAX)

        async def act(store: SqliteStore) -> None:
            await replay_in(store, await _find(store, subscriber, event_id), SystemClock().now())

        _change(database, act, instead="replay_dead_letter")
        _log().info("dead_letter_replayed", subscriber=subscriber, event_id=event_id, operator=operator)
        out.print(f"{event_id} will be handed to {printable(subscriber)} again when it subscribes", soft_wrap=True)


@deadletters_app.command("drop")
def drop_command(
    subscriber: Subscriber,
    event_id: EventId,
    operator: Operator,
    reason: Annotated[str, typer.Option(help="Why the subscriber need not get it; logged.")],
    database: Database = Path("payments.db"),
) -> None:
    """Give a dead letter up for good; what is held behind it follows when the subscriber subscribes again.

    Exits with 0; 2 when there is none; 3 when the database cannot be used, or an engine has it open.
    """
    with reported():
        text("--operator", operator, longest=_NAME_MAX)
        text("--reason", reason, longest=_WORDS_MAX)

        async def act(store: SqliteStore) -> None:
            await drop_in(store, await _find(store, subscriber, event_id))

        _change(database, act, instead="drop_dead_letter")
        _log().warning(
            "dead_letter_dropped", subscriber=subscriber, event_id=event_id, operator=operator, reason=reason
        )
        out.print(f"{event_id} will never be handed to {printable(subscriber)}", soft_wrap=True)


async def _find(store: SqliteStore, subscriber: str, event_id: str) -> DeadLetter:
    text("SUBSCRIBER", subscriber, longest=_NAME_MAX)
    text("EVENT_ID", event_id, longest=_EVENT_ID_MAX)
    return await find_dead_letter(store, subscriber, event_id)


def _look(database: Path, ask: Callable[[SqliteStore], Awaitable[T]]) -> T:
    return asyncio.run(_asked(SqliteStore(database, read_only=True), ask, instead=""))


def _change(database: Path, act: Callable[[SqliteStore], Awaitable[None]], *, instead: str) -> None:
    if not database.is_file():
        # Opening it would make one.
        raise DeadLetterNotFoundError(f"there is no database {database}")
    asyncio.run(_asked(SqliteStore(database), act, instead=instead))


async def _asked(store: SqliteStore, ask: Callable[[SqliteStore], Awaitable[T]], *, instead: str) -> T:
    try:
        await store.open()
    except StoreLockedError as locked:
        raise StoreLockedError(str(locked), hint=f"Call {instead} on the engine that has it open.") from locked
    try:
        return await ask(store)
    finally:
        await store.close()


def _place(after: str) -> tuple[str, int]:
    if not after:
        return "", 0
    name, _, position = after.rpartition(":")
    if not (position.isascii() and position.isdigit() and len(position) < 19):
        raise typer.BadParameter("write it as subscriber:position", param_hint="--after")
    return name, int(position)


def _kind(letter: DeadLetter) -> str:
    return "unreadable" if letter.stored is None else letter.stored.event.type.value


def _letter_as_json(letter: DeadLetter) -> dict[str, object]:
    return {
        "subscriber": letter.subscriber,
        "event_id": letter.event_id,
        "type": _kind(letter),
        "payment_id": letter.payment_id,
        "position": letter.position,
        "tries": letter.tries,
        "error": letter.error,
        "failed_at": None if letter.failed_at is None else letter.failed_at.isoformat(),
    }


def _status_as_json(status: SubscriptionStatus) -> dict[str, object]:
    return {
        "name": status.name,
        "kind": status.kind.value,
        "position": status.position,
        "end": status.end,
        "lag_events": status.lag_events,
        "lag_s": round(status.lag_s, 3),
        "waiting": status.waiting,
        "dead": status.dead,
        "disabled": status.disabled,
        "since": status.since.isoformat(),
    }


def _log() -> Any:
    return logger("aegispay.outbox")
