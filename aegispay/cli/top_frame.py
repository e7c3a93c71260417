"""One frame of `aegispay top`, made for the width and height there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from aegispay.cli.console import make_table, printable
from aegispay.cli.top_facts import Fact, facts, presence_of
from aegispay.cli.top_rows import Sheet, gateways, left_out, lines, subscribers
from aegispay.cli.top_view import View

NARROWEST = 72
"""Columns below which tables would lose what they are for."""
_WIDE = 118
_ROWS_MIN = 3
_FRAME_LINES = 21
"""Lines of a frame beside the rows of its tables."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much fits.

    Attributes:
        columns: of a line. rows: of each table at most. ascii_only: whether there are no other characters.
    """

    columns: int
    rows: int = 1_000
    ascii_only: bool = False


def room_of(console: Console, *, is_live: bool) -> Room:
    """Return how much fits on this console; one that is not live scrolls."""
    rows = max(_ROWS_MIN, (console.height - _FRAME_LINES) // 2) if is_live else 1_000
    return Room(columns=console.width, rows=rows, ascii_only=console.options.ascii_only)


def frame(view: View, room: Room) -> RenderableType:
    """Return everything a view says."""
    if room.columns < NARROWEST:
        return Group(*_narrow(view, room))
    is_wide = room.columns >= _WIDE
    parts: list[RenderableType] = [_title(view, room.columns), Text(), _facts(view, room, is_wide=is_wide)]
    for sheet in _sheets(view, is_wide=is_wide):
        parts += [Text(), _table(sheet, room.rows)]
        if left_out(sheet.rows, room.rows):
            parts.append(Text(f"and {left_out(sheet.rows, room.rows):,} more", style="dim"))
    return Group(*parts)


def _sheets(view: View, *, is_wide: bool) -> Iterator[Sheet]:
    """Yield the tables that have rows."""
    for sheet in (gateways(view, is_wide=is_wide), subscribers(view, is_wide=is_wide)):
        if sheet.rows:
            yield sheet


def _title(view: View, columns: int) -> Text:
    time = f"{view.at:%Y-%m-%d %H:%M:%S} UTC"
    name = f"aegispay top  {printable(view.database, longest=max(10, columns - len(time) - 18))}"
    return Text(name.ljust(columns - len(time)) + time, style="bold", no_wrap=True, overflow="crop")


def _facts(view: View, room: Room, *, is_wide: bool) -> Table:
    found = list(facts(view, ascii_only=room.ascii_only))
    grid = Table.grid(padding=(0, 2, 0, 0), expand=is_wide)
    pairs = 2 if is_wide else 1
    for _ in range(pairs):
        grid.add_column(no_wrap=True, style="bold")
        grid.add_column(ratio=1)
    first = -(-len(found) // pairs)
    for number in range(first):
        cells = [cell for fact in found[number::first] for cell in _cells(fact)]
        grid.add_row(*cells)
    return grid


def _cells(fact: Fact) -> tuple[Text, Text]:
    return Text(fact.topic), Text(fact.words, style=fact.style)


def _table(sheet: Sheet, most: int) -> Table:
    table = make_table(*sheet.columns, left=sheet.texts)
    for cells, style in zip(sheet.rows[:most], sheet.styles[:most], strict=True):
        table.add_row(cells[0], Text(cells[1], style=style), *cells[2:])
    return table


def _narrow(view: View, room: Room) -> Iterator[Text]:
    yield Text(f"{printable(view.database, longest=40)}: {presence_of(view)}")
    for fact in facts(view, ascii_only=room.ascii_only):
        yield Text(f"{fact.topic}: {fact.words}")
    for sheet in _sheets(view, is_wide=False):
        for name, words in lines(sheet, most=room.rows):
            yield Text(f"{sheet.columns[0]} {name}: {words}")
