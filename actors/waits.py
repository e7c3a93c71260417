"""Who waits for whom: an actor whose turn waits for itself, through however many others, would wait for ever."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from aegispay.actors.errors import AskCycleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegispay.actors.cell import Cell

current_cell: ContextVar[Cell | None] = ContextVar("aegispay_cell", default=None)
"""The cell whose turn started the running code; private to the runtime."""


def cell_in_turn() -> Cell | None:
    """Return the cell whose turn the running code is; not for tasks that a turn started beside itself."""
    cell = current_cell.get()
    return cell if cell is not None and cell.is_in_turn() else None


def refuse_cycle(waiting: Cell, target: Cell, message: object) -> None:
    """Raise when `target` waits, directly or through others, for `waiting`.

    Raises:
        AskCycleError: naming everybody on the way round.
    """
    path = [waiting]
    link: Cell | None = target
    while link is not None and link not in path[1:]:
        path.append(link)
        if link is waiting:
            raise AskCycleError(message, tuple(str(cell) for cell in path))
        link = link.waits_for


@contextmanager
def waiting_for(target: Cell) -> Iterator[None]:
    """Note that the running turn, if there is one, waits for `target`."""
    cell = cell_in_turn()
    if cell is None:
        yield
        return
    cell.waits_for = target
    try:
        yield
    finally:
        cell.waits_for = None
