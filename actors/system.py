"""The actor system: spawns, finds, restarts, stops and counts the actors of one event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pykka import ActorRef

from aegispay.actors.cell import Cell
from aegispay.actors.clock import Clock
from aegispay.actors.dead_letters import DeadLetters
from aegispay.actors.errors import DuplicateActorError
from aegispay.actors.messages import StopReason
from aegispay.actors.ref import CellRef

if TYPE_CHECKING:
    from aegispay.actors.actor import Actor

_thread = threading.local()


def constructing() -> list[Cell]:
    """Return the cells whose factories are running in this thread, innermost last."""
    stack: list[Cell] | None = getattr(_thread, "constructing", None)
    if stack is None:
        stack = _thread.constructing = []
    return stack


_systems: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, ActorSystem] = weakref.WeakKeyDictionary()


class _LoopClock:
    """Wall time for systems that were given no clock."""

    def now(self) -> datetime:
        """Return the wall clock."""
        return datetime.now(UTC)  # noqa: TID251 - only for systems started without a clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStats:
    """Counters of one system since its start.

    Attributes:
        actors: alive now, those of directories included.
        refused: refusals of messages whose sender did not ask.
    """

    actors: int
    handled: int
    crashes: int
    refused: int
    dead_letters: int


class ActorSystem:
    """The actors of one event loop. Make it on the loop's own thread.

    Args:
        name: for names and logs.
        clock: wall clock of dead letters.
        ask_timeout_s: deadline of an ask that names none.
        dead_letter_capacity: how many of the latest dead letters are kept.
    """

    def __init__(
        self,
        *,
        name: str = "actors",
        clock: Clock | None = None,
        ask_timeout_s: float = 30.0,
        dead_letter_capacity: int = 1_000,
    ) -> None:
        self.name = name
        self.loop = asyncio.get_running_loop()
        self.thread_id = threading.get_ident()
        self.ask_timeout_s = ask_timeout_s
        self.dead_letters = DeadLetters(clock or _LoopClock(), capacity=dead_letter_capacity)
        self.handled = 0
        self.crashes = 0
        self.refused = 0
        self.alive = 0
        self._cells: dict[str, Cell] = {}
        self._names = 0

    def __repr__(self) -> str:
        """Show name and size."""
        return f"<ActorSystem {self.name} actors={self.alive}>"

    @classmethod
    def current(cls) -> ActorSystem:
        """Return the running loop's default system, made on first use."""
        loop = asyncio.get_running_loop()
        system = _systems.get(loop)
        if system is None:
            system = _systems[loop] = cls(name="default")
        return system

    @classmethod
    def cell_being_made(cls) -> Cell:
        """Return the cell whose factory is running; private to `Actor`."""
        stack = constructing()
        if not stack:
            raise RuntimeError("start actors with ActorSystem.spawn or the class's start(), not by calling the class")
        return stack[-1]

    @staticmethod
    def constructing_here() -> list[Cell]:
        """Return this thread's stack of cells being made; private to `Cell`."""
        return constructing()

    def is_here(self) -> bool:
        """Return whether the caller is on the loop's thread."""
        return threading.get_ident() == self.thread_id

    def next_name(self, actor_class: type[Actor]) -> str:
        """Return a fresh name."""
        self._names += 1
        return f"urn:{self.name}:{id(self):x}:{actor_class.__name__}-{self._names}"

    def spawn(
        self,
        factory: Callable[[], Actor],
        *,
        name: str,
        supervisor: ActorRef[Any] | None = None,
        capacity: int = 1_000,
        register: bool = False,
    ) -> CellRef[Any]:
        """Start an actor.

        Args:
            factory: makes an instance, now and after each crash.
            name: unique among the living; also the `actor_urn`.
            supervisor: is told of crashes and decides; without one a crash is the end.
            capacity: user messages that may wait.
            register: whether pykka's `ActorRegistry` should know it. Removal there takes time for each entry, so
                only for the few actors that live long.

        Raises:
            DuplicateActorError: the name is taken.
        """
        if name in self._cells:
            raise DuplicateActorError(name)
        cell = self.make_cell(
            factory, name=name, supervisor=supervisor, capacity=capacity, register=register, on_end=self._ended
        )
        self._cells[name] = cell
        return cell.ref

    def make_cell(
        self,
        factory: Callable[[], Actor],
        *,
        name: str,
        supervisor: ActorRef[Any] | None,
        capacity: int,
        on_end: Callable[[Cell], None],
        register: bool = False,
    ) -> Cell:
        """Make a cell that somebody else keeps track of; for directories."""
        cell = Cell(
            self,
            factory,
            name=name,
            supervisor=supervisor,
            capacity=capacity,
            on_end=on_end,
            is_registered=register,
        )
        self.alive += 1
        return cell

    def _ended(self, cell: Cell) -> None:
        self._cells.pop(cell.name, None)

    def find(self, name: str) -> CellRef[Any] | None:
        """Return the living actor of that name, if there is one."""
        cell = self._cells.get(name)
        return None if cell is None else cell.ref

    def restart(self, ref: ActorRef[Any]) -> None:
        """Put a new instance on the actor's cell, after the current turn; its mail stays."""
        _cell(ref).request_restart()

    async def stop(
        self,
        ref: ActorRef[Any],
        *,
        reason: StopReason = StopReason.SHUTDOWN,
        timeout_s: float | None = None,
    ) -> bool:
        """End an actor after its current turn, ahead of its mail.

        Args:
            ref: which.
            reason: what watchers and the supervisor are told.
            timeout_s: how long the turn may take before it is cancelled; ``None`` for as long as it takes.

        Returns:
            Whether it ended by itself.
        """
        cell = _cell(ref)
        ended = cell.request_stop(reason)
        done, _ = await asyncio.wait((ended,), timeout=timeout_s)
        if done:
            return True
        cell.abandon(reason)
        return False

    async def suspend(self, ref: ActorRef[Any], *, timeout_s: float | None = None) -> None:
        """Run the actor's stop hook after its current turn and keep cell and mail until `restart`.

        A turn that takes longer than `timeout_s` is cancelled in the middle.
        """
        cell = _cell(ref)
        suspended = cell.request_suspension()
        done, _ = await asyncio.wait((suspended,), timeout=timeout_s)
        if not done:
            cell.cut_turn()
            await asyncio.wait((suspended,))

    async def started(self, ref: ActorRef[Any]) -> None:
        """Wait until the actor's start hook has run; raises what the hook or the constructor raised."""
        await _cell(ref).started()

    def watch(self, watcher: ActorRef[Any], target: ActorRef[Any]) -> None:
        """Tell `watcher` exactly once, with `Terminated`, when `target` has ended."""
        _cell(target).watch(watcher)

    async def shutdown(self, timeout_s: float = 5.0) -> None:
        """End all actors this system keeps track of, newest first; supervisors end their own children."""
        for cell in reversed([each for each in self._cells.values() if each.supervisor is None]):
            await self.stop(cell.ref, timeout_s=timeout_s)
        for cell in tuple(self._cells.values()):
            await self.stop(cell.ref, timeout_s=timeout_s)

    def stats(self) -> SystemStats:
        """Return the counters."""
        return SystemStats(
            actors=self.alive,
            handled=self.handled,
            crashes=self.crashes,
            refused=self.refused,
            dead_letters=self.dead_letters.count,
        )

    def log_failure(
        self,
        cell: Cell,
        exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> None:
        """Report a crash nobody supervises, where pykka reports its own."""
        kind = exc_info[0]
        name = "unknown" if kind is None else kind.__name__
        logging.getLogger("pykka").error("%s crashed with %s", cell, name)


def _cell(ref: ActorRef[Any]) -> Cell:
    if not isinstance(ref, CellRef):
        raise TypeError(f"{ref} belongs to another runtime")
    return ref.cell
