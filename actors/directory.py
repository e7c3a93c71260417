"""The directory: names that are always reachable. Actors start on demand and are put away when idle."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pykka import ActorRef

from aegispay.actors.cell import Cell
from aegispay.actors.directory_ref import DirectoryRef
from aegispay.actors.errors import DirectoryFullError
from aegispay.actors.future import ActorFuture
from aegispay.actors.messages import ControlMessage, StopReason
from aegispay.actors.state import CellState

if TYPE_CHECKING:
    from aegispay.actors.actor import Actor
    from aegispay.actors.ref import CellRef
    from aegispay.actors.system import ActorSystem

_MAKE_ROOM_TRIES = 64
"""How many of the longest unused actors are looked at to make room for a new one."""

_SWEEP_SLICE = 256
"""Idle actors put away before the loop gets a turn."""


class Directory:
    """Actors by id, at most `size_max` in memory; every operation takes the same time however many there are.

    Args:
        factory: makes the actor of an id.
        supervisor: of all of them.
        capacity: user messages that may wait for one of them.
        idle_s: how long one stays in memory unused; at least that long, at most twice.
        size_max: how many may be in memory, not counting at most 64 whose stop hooks are still running.
    """

    def __init__(
        self,
        system: ActorSystem,
        factory: Callable[[str], Actor],
        *,
        supervisor: ActorRef[Any] | None = None,
        capacity: int = 1_000,
        idle_s: float = 60.0,
        size_max: int = 100_000,
    ) -> None:
        self.system = system
        self._factory = factory
        self._supervisor = supervisor
        self.capacity = capacity
        self._idle_s = idle_s
        self._size_max = size_max
        self._cells: OrderedDict[str, Cell] = OrderedDict()
        self._inbound = 0
        self._sweep: asyncio.Handle | None = None
        self._on_end = self._ended
        self._recent: set[str] = set()
        self._older: set[str] = set()

    def __len__(self) -> int:
        """Return how many actors are in memory."""
        return len(self._cells)

    def __iter__(self) -> Iterator[str]:
        """Return the ids in memory, longest unused first."""
        return iter(tuple(self._cells))

    def __contains__(self, actor_id: str) -> bool:
        """Return whether the actor is in memory."""
        return actor_id in self._cells

    def ref(self, actor_id: str) -> DirectoryRef:
        """Return a ref that outlives incarnations and passivation; usable from any thread."""
        return DirectoryRef(self, actor_id)

    def tell(self, actor_id: str, message: Any) -> None:
        """Send a message, starting the actor when needed. Raises what `CellRef.tell` and `cell` raise."""
        self.cell(actor_id).ref.tell(message)

    def ask(self, actor_id: str, message: Any, *, timeout_s: float | None = None) -> ActorFuture[Any]:
        """Send a message and return the future of its reply, starting the actor when needed.

        What goes wrong is the reply, never raised: what `CellRef.ask` and `cell` raise.
        """
        try:
            cell = self.cell(actor_id)
        except Exception as error:  # noqa: BLE001 - a constructor may raise anything, and an ask has one answer
            refused: ActorFuture[Any] = ActorFuture(self.system)
            refused.refuse(error)
            return refused
        return cell.ref.ask_now(message, timeout_s)

    def cell(self, actor_id: str) -> Cell:
        """Return the actor's cell, started when needed; on the loop's thread only.

        Raises:
            DirectoryFullError: no room, and nobody to put away.
            Exception: what the constructor raises; with a supervisor that is a crash, which the supervisor decides on.
        """
        cell = self._cells.get(actor_id)
        if cell is None:
            cell = self._spawn(actor_id)
        else:
            self._cells.move_to_end(actor_id)
        self._recent.add(actor_id)
        return cell

    def take_inbound(self, message: Any) -> bool:
        """Count a message from another thread; return whether there is room for it on its way to the loop."""
        with self.system.inbound_lock:
            if self._inbound >= self.capacity and not isinstance(message, ControlMessage):
                return False
            self._inbound += 1
            return True

    def inbound_arrived(self) -> None:
        """Count a message from another thread as arrived."""
        with self.system.inbound_lock:
            self._inbound -= 1

    def refs(self) -> Iterator[CellRef[Any]]:
        """Return the refs of all actors in memory."""
        return (cell.ref for cell in tuple(self._cells.values()))

    def has_mail(self, actor_id: str) -> bool:
        """Return whether messages wait for the actor."""
        cell = self._cells.get(actor_id)
        return cell is not None and bool(cell.mailbox)

    def passivate(self, actor_id: str) -> None:
        """Put the actor away if it is in memory and idle."""
        cell = self._cells.get(actor_id)
        if cell is not None:
            cell.passivate()

    def passivate_all(self) -> int:
        """Put away whoever is idle; return how many are left."""
        for actor_id in self:
            self._cells[actor_id].passivate()
        return len(self._cells)

    async def stop_all(self, *, timeout_s: float) -> None:
        """End all actors, whatever they do, and those that are started meanwhile."""
        if self._sweep is not None:
            self._sweep.cancel()
        while self._cells:
            stops = [
                self.system.stop(cell.ref, reason=StopReason.SHUTDOWN, timeout_s=timeout_s)
                for cell in tuple(self._cells.values())
                if not cell.end_if_idle(StopReason.SHUTDOWN)
            ]
            await asyncio.gather(*stops)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _spawn(self, actor_id: str) -> Cell:
        if len(self._cells) >= self._size_max:
            self._make_room(actor_id)
        cell = self.system.make_cell(
            lambda: self._factory(actor_id),
            name=actor_id,
            supervisor=self._supervisor,
            capacity=self.capacity,
            on_end=self._on_end,
        )
        self._cells[actor_id] = cell
        if self._sweep is None:
            self._sweep = self.system.loop.call_later(self._idle_s, self._put_idle_away)
        return cell

    def _make_room(self, actor_id: str) -> None:
        for candidate in tuple(islice(self._cells, _MAKE_ROOM_TRIES)):
            cell = self._cells[candidate]
            if cell.passivate():
                return
            if cell.is_idle:
                # It wants to stay, so the next search must not find it again before all others.
                self._cells.move_to_end(candidate)
        raise DirectoryFullError(actor_id, self._size_max)

    def _put_idle_away(self) -> None:
        """Put away what was not used for a whole period; each actor is looked at once per period at most."""
        unused, self._older, self._recent = self._older - self._recent, self._recent, set()
        self._sweep_some(iter(unused))

    def _sweep_some(self, unused: Iterator[str]) -> None:
        ids = tuple(islice(unused, _SWEEP_SLICE))
        for actor_id in ids:
            cell = self._cells.get(actor_id)
            if cell is None or actor_id in self._recent:
                continue
            if not cell.passivate() and cell.state is CellState.READY:
                self._older.add(actor_id)
        if ids:
            self._sweep = self.system.loop.call_soon(self._sweep_some, unused)
        elif self._cells:
            self._sweep = self.system.loop.call_later(self._idle_s, self._put_idle_away)
        else:
            self._sweep = None

    def _ended(self, cell: Cell) -> None:
        if self._cells.get(cell.name) is cell:
            del self._cells[cell.name]
