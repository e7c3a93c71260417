"""``aegispay events``: what happened, as it happened, to read or to pipe elsewhere."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aegispay.cli.console import printable
from aegispay.cli.event_feed import Feed, Log, Seen, Wanted
from aegispay.cli.interrupt import on_interrupt
from aegispay.cli.reporting import EXIT_INTERRUPTED, err, out, reported
from aegispay.cli.rows import UsageError
from aegispay.domain.deliveries.interests import Interests
from aegispay.domain.story import Story
from aegispay.outbox.cloud_events import cloud_event
from aegispay.outbox.envelope import public_event, to_bytes
from aegispay.storage.sqlite import SqliteStore

_INDENT = " " * 10


class EventFormat(StrEnum):
    """How events are written."""

    TEXT = "text"
    JSON = "json"
    CLOUDEVENTS = "cloudevents"


@dataclass(slots=True)
class TextLines:
    """Writes an event in two lines: when, which payment and what; then what that means, in words.

    Attributes:
        width: columns. day: of the event written last; each day begins with a line of its own.
    """

    width: int
    day: date | None = field(default=None)

    def __call__(self, seen: Seen) -> str:
        """Return the lines of one event."""
        stored, at = seen.stored, seen.stored.event.at
        first, *_ = Story(seen.payment).sentences(stored.event)
        text = printable(first, longest=2_000)
        name = stored.event.type.removeprefix("payment.")
        time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
        lines = [
            f"{stored.position:>8}  {time}  {stored.payment_id}  {name}",
            textwrap.fill(text, self.width, initial_indent=_INDENT, subsequent_indent=_INDENT),
        ]
        if at.date() != self.day:
            self.day = at.date()
            lines.insert(0, f"{self.day} UTC")
        return "\n".join(lines)


def json_line(seen: Seen) -> str:
    """Return the published event and the payment as it was then, as one line."""
    return to_bytes(public_event(seen.stored, seen.payment)).decode()


def cloud_event_line(seen: Seen) -> str:
    """Return the event as a CloudEvent, as one line."""
    payment = seen.payment
    return to_bytes(cloud_event(seen.stored, merchant=payment.merchant, trace=payment.trace)).decode()


async def print_events(
    log: Log,
    wanted: Wanted,
    write: Callable[[Seen], str],
    *,
    interval_s: float | None,
    stop: asyncio.Event,
    to: Console,
) -> Feed:
    """Print events until there are no more, or until `stop` or the reader of the output ends it.

    Returns:
        The feed, which says where it ended.
    """
    feed = Feed(log, wanted)
    async for page in feed.pages(stop, interval_s=interval_s):
        if page:
            to.out("\n".join(map(write, page)), highlight=False)
        if to.quiet:
            break
    return feed


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsOptions:
    """What `aegispay events` was asked for.

    Attributes:
        after: as for `Wanted`; ``None`` for the beginning, or for the end of the log when following it.
        interval_s: how often to look for more; ``None`` not to follow.
    """

    wanted: Wanted
    after: int | None
    form: EventFormat
    interval_s: float | None


async def _run(database: Path, options: EventsOptions) -> tuple[Feed, bool]:
    """Return the feed where it ended, and whether Ctrl-C ended it."""
    stop = asyncio.Event()
    store = SqliteStore(database, read_only=True)
    await store.open()
    try:
        end, after = await store.end_position(), options.after
        if after is not None and after > end:
            raise UsageError(f"--after {after} is ahead of the log, which ends at position {end}")
        if after is None:
            after = 0 if options.interval_s is None or options.wanted.payment_id else end
        writers: dict[EventFormat, Callable[[Seen], str]] = {
            EventFormat.TEXT: TextLines(out.width),
            EventFormat.JSON: json_line,
            EventFormat.CLOUDEVENTS: cloud_event_line,
        }
        with on_interrupt(stop.set):
            feed = await print_events(
                store,
                replace(options.wanted, after=after),
                writers[options.form],
                interval_s=options.interval_s,
                stop=stop,
                to=out,
            )
        return feed, stop.is_set()
    finally:
        await store.close()


def events(
    database: Annotated[Path, typer.Option("--database", help="The SQLite file.")] = Path("payments.db"),
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type, such as payment.refund_*; repeatable.")
    ] = None,
    payment: Annotated[str | None, typer.Option(help="Only events of this payment.")] = None,
    merchant: Annotated[str | None, typer.Option(help="Only events of this merchant's payments.")] = None,
    after: Annotated[
        int | None, typer.Option(min=0, help="Only events behind this position; with --follow, the end by default.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many events at most.")] = None,
    form: Annotated[EventFormat, typer.Option("--format", help="text, json or cloudevents.")] = EventFormat.TEXT,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,
    interval_s: Annotated[float, typer.Option(min=0.05, max=3600, help="Seconds between two looks for more.")] = 0.5,
) -> None:
    """Show what happened, in the order in which it happened. An engine may have the database open meanwhile.

    Exits with 0 at the end of the log; 2 when an option is wrong; 3 when the database cannot be used; 130 after Ctrl-C.
    """
    with reported():
        interests = Interests.parse(types, field="--type") if types else Interests.everything()
        options = EventsOptions(
            wanted=Wanted(interests=interests, payment_id=payment, merchant=merchant, limit=limit),
            after=after,
            form=form,
            interval_s=interval_s if follow else None,
        )
        feed, was_interrupted = asyncio.run(_run(database, options))
        if feed.is_full or was_interrupted:
            err.print(f"to go on: --after {feed.position}")
    if was_interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
