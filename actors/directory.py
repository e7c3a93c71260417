"""The directory: names that are always reachable. Actors start on demand and are put away when idle."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pykka import ActorRef

from aegispay.actors.cell import Cell, CellState
from aegispay.actors.errors import ActorError, DirectoryFullError
from aegispay.actors.future import ActorFuture
from aegispay.actors.messages import StopReason
from aegispay.actors.ref import CellRef

if TYPE_CHECKING:
    from aegispay.actors.actor import Actor
    from aegispay.actors.system import ActorSystem

_MAKE_ROOM_TRIES = 64
"""How many of the longest unused actors are looked at to make room for a new one."""


class Directory:
    """Actors by id, at most `size_max` in memory; every operation takes the same time however many there are.

    Args:
        factory: makes the actor of an id.
        supervisor: of all of them.
        capacity: user messages that may wait for one of them.
        idle_s: how long one stays in memory unused; at least that long, at most twice.
        size_max: how many may be in memory.
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
        self._capacity = capacity
        self._idle_s = idle_s
        self._size_max = size_max
        self._cells: OrderedDict[str, Cell] = OrderedDict()
        self._sweep: asyncio.TimerHandle | None = None
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

    def ask(self, actor_id: str, message: Any, *, timeout_s: float) -> ActorFuture[Any]:
        """Send a message and return the future of its reply, starting the actor when needed."""
        return self.cell(actor_id).ref.ask_now(message, timeout_s)

    def cell(self, actor_id: str) -> Cell:
        """Return the actor's cell, started when needed; on the loop's thread only.

        Raises:
            DirectoryFullError: no room, and nobody to put away.
        """
        cell = self._cells.get(actor_id)
        if cell is None:
            cell = self._spawn(actor_id)
        else:
            self._cells.move_to_end(actor_id)
        self._recent.add(actor_id)
        return cell

    def on_loop(self, do: Callable[..., None], *arguments: Any) -> None:
        """Do something on the loop's thread: now when this is it, soon otherwise."""
        if self.system.is_here():
            do(*arguments)
        else:
            self.system.loop.call_soon_threadsafe(do, *arguments)

    def refs(self) -> Iterator[CellRef[Any]]:
        """Return the refs of all actors in memory."""
        return (cell.ref for cell in tuple(self._cells.values()))

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
        """End all actors, whatever they do."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        await asyncio.gather(
            *(
                self.system.stop(cell.ref, reason=StopReason.SHUTDOWN, timeout_s=timeout_s)
                for cell in tuple(self._cells.values())
            )
        )

    def _spawn(self, actor_id: str) -> Cell:
        if len(self._cells) >= self._size_max:
            self._make_room(actor_id)
        cell = self.system.make_cell(
            lambda: self._factory(actor_id),
            name=actor_id,
            supervisor=self._supervisor,
            capacity=self._capacity,
            on_end=self._ended,
        )
        self._cells[actor_id] = cell
        if self._sweep is None:
            self._sweep = self.system.loop.call_later(self._idle_s, self._put_idle_away)
        return cell

    def _make_room(self, actor_id: str) -> None:
        for index, candidate in enumerate(self):
            if self._cells[candidate].passivate():
                return
            if index >= _MAKE_ROOM_TRIES:
                break
        raise DirectoryFullError(actor_id, self._size_max)

    def _put_idle_away(self) -> None:
        """Put away what was not used for a whole period; each actor is looked at once per period at most."""
        unused, self._older, self._recent = self._older - self._recent, self._recent, set()
        for actor_id in unused:
            cell = self._cells.get(actor_id)
            if cell is not None and not cell.passivate() and cell.state is CellState.READY:
                self._older.add(actor_id)
        self._sweep = None
        if self._cells:
            self._sweep = self.system.loop.call_later(self._idle_s, self._put_idle_away)

    def _ended(self, cell: Cell) -> None:
        if self._cells.get(cell.name) is cell:
            del self._cells[cell.name]


class DirectoryRef(CellRef[Any]):
    """A ref by id: each message goes to whichever cell has the id then, started when needed."""

    __slots__ = ("_directory", "_id")

    def __init__(self, directory: Directory, actor_id: str) -> None:
        self._directory = directory
        self._id = actor_id

    def __str__(self) -> str:
        """Return the id."""
        return self._id

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """The actor's id."""
        return self._id

    def is_alive(self) -> bool:
        """Return whether it can be reached, which is always."""
        return True

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Put the actor away after the messages that wait already; the next message starts it again."""
        result = super().stop(block=False, timeout=timeout)
        return result.get() if block else result

    def tell(self, message: Any) -> None:
        """Send a message and forget it; from another thread, what goes wrong becomes a dead letter."""
        self._directory.on_loop(self._tell_here, message)

    def ask_now(self, message: Any, timeout: float | None) -> ActorFuture[Any]:
        """Send a message and return the future of its reply."""
        system = self._directory.system
        if system.is_here():
            return self._target().ref.ask_now(message, timeout)
        future: ActorFuture[Any] = ActorFuture(system)
        self._directory.on_loop(self._ask_here, message, timeout, future)
        return future

    def _tell_here(self, message: Any) -> None:
        self._target().ref.tell(message)

    def _ask_here(self, message: Any, timeout: float | None, future: ActorFuture[Any]) -> None:
        try:
            asked = self._target().ref.ask_now(message, timeout)
        except ActorError as error:
            future.refuse(error)
            return
        asked.reply.add_done_callback(lambda reply: _copy(reply, future))

    def _target(self) -> Cell:
        return self._directory.cell(self._id)


def _copy(reply: asyncio.Future[Any], future: ActorFuture[Any]) -> None:
    error = reply.exception()
    if error is None:
        future.answer(reply.result())
    else:
        future.refuse(error)
