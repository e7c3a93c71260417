"""``aegispay top``: an engine that runs in another process, live."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from aegispay.cli.interrupt import on_interrupt
from aegispay.cli.reporting import EXIT_INTERRUPTED, out, reported
from aegispay.cli.top_frame import NARROWEST, frame, room_of
from aegispay.cli.top_json import to_json
from aegispay.cli.top_view import Looker, View
from aegispay.clock import SystemClock
from aegispay.storage.sqlite import SqliteStore

Show = Callable[[View], None]


def top(
    database: Annotated[Path, typer.Option("--database", help="The SQLite file.")] = Path("payments.db"),
    interval_s: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, print that and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Look once, and print one JSON object.")] = False,
) -> None:
    """Watch an engine that runs in another process: throughput, states, gateways, doubts, subscribers, actors.

    On a terminal the picture is renewed in place, elsewhere frames follow each other, until Ctrl-C.

    Exits with 0 after --once or --json; 2 when an option is wrong; 3 when the database cannot be used; 130 after
    Ctrl-C.
    """
    with reported():
        if once or as_json:
            asyncio.run(_look_once(database, as_json=as_json))
            return
        was_interrupted = asyncio.run(_watch(database, interval_s))
    if was_interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)


async def _look_once(database: Path, *, as_json: bool) -> None:
    async with _opened(database) as store:
        view = await Looker(store, SystemClock()).look()
    if as_json:
        out.print(to_json(view), soft_wrap=True)
    else:
        out.print(frame(view, room_of(out, is_live=False)))


async def _watch(database: Path, interval_s: float) -> bool:
    """Show frames until Ctrl-C, or until nobody reads them; return whether it was Ctrl-C."""
    stop = asyncio.Event()
    async with _opened(database) as store:
        looker = Looker(store, SystemClock())
        with on_interrupt(stop.set), contextlib.ExitStack() as stack:
            show = _on_screen(stack, out) if is_screen(out) else _as_text
            while not stop.is_set() and not out.quiet:
                show(await looker.look())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(interval_s):
                        await stop.wait()
    return stop.is_set()


def is_screen(console: Console) -> bool:
    """Return whether a picture can be renewed in place: on a terminal that is one and has room for it."""
    return console.is_terminal and not console.is_dumb_terminal and console.width >= NARROWEST


def _on_screen(stack: contextlib.ExitStack, console: Console) -> Show:
    live = stack.enter_context(Live(console=console, screen=True, auto_refresh=False))

    def show(view: View) -> None:
        live.update(frame(view, room_of(console, is_live=True)), refresh=True)

    return show


def _as_text(view: View) -> None:
    out.print(frame(view, room_of(out, is_live=False)))
    out.print()


@contextlib.asynccontextmanager
async def _opened(database: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(database, read_only=True)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
