"""The actor system: spawns, finds, restarts, stops and counts the actors of one event loop."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any

from pykka import ActorRef

from aegispay.actors.cell import Cell
from aegispay.actors.clock import Clock
from aegispay.actors.dead_letters import DeadLetters
from aegispay.actors.deadlines import Deadlines
from aegispay.actors.errors import ActorDeadError, DuplicateActorError
from aegispay.actors.messages import StopReason
from aegispay.actors.ref import CellRef
from aegispay.actors.waits import waiting_for

if TYPE_CHECKING:
    from aegispay.actors.actor import Actor
    from aegispay.actors.interception import Interception

_defaults: dict[asyncio.AbstractEventLoop, ActorSystem] = {}


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
        waiting: user messages in mailboxes now.
        overflows: messages that found their mailbox full, those from other threads included.
    """

    actors: int
    handled: int
    crashes: int
    refused: int
    dead_letters: int
    waiting: int = 0
    overflows: int = 0


class ActorSystem:
    """The actors of one event loop. Make it, and call its methods, on the loop's own thread; refs work from any.

    Args:
        name: for names and logs.
        clock: wall clock of dead letters.
        ask_timeout_s: deadline of an ask that names none.
        dead_letter_capacity: how many of the latest dead letters are kept.
        interception: sees every message, and may disturb it; for tests.
    """

    def __init__(
        self,
        *,
        name: str = "actors",
        clock: Clock | None = None,
        ask_timeout_s: float = 30.0,
        dead_letter_capacity: int = 1_000,
        interception: Interception | None = None,
    ) -> None:
        self.name = name
        self.interception = interception
        self.loop = asyncio.get_running_loop()
        self.thread_id = get_ident()
        self.ask_timeout_s = ask_timeout_s
        self.dead_letters = DeadLetters(clock or _LoopClock(), capacity=dead_letter_capacity)
        self.deadlines = Deadlines(self.loop)
        self.inbound_lock = Lock()
        self.handled = 0
        self.waiting = 0
        self.crashes = 0
        self.refused = 0
        self.overflows = 0
        self.alive = 0
        self._cells: dict[str, Cell] = {}
        self._names = 0
        self._on_end = self._ended

    def __repr__(self) -> str:
        """Show name and size."""
        return f"<ActorSystem {self.name} actors={self.alive}>"

    @classmethod
    def current(cls) -> ActorSystem:
        """Return the running loop's default system, made on first use."""
        loop = asyncio.get_running_loop()
        system = _defaults.get(loop)
        if system is None:
            for closed in [each for each in _defaults if each.is_closed()]:
                del _defaults[closed]
            system = _defaults[loop] = cls(name="default")
        return system

    def is_here(self) -> bool:
        """Return whether the caller is on the loop's thread."""
        return get_ident() == self.thread_id

    def call_soon(self, do: Callable[..., object], *arguments: Any) -> None:
        """Have the loop do something, from another thread.

        Raises:
            ActorDeadError: the loop is closed, and with it all its actors are gone.
        """
        try:
            self.loop.call_soon_threadsafe(do, *arguments)
        except RuntimeError as error:
            raise ActorDeadError(f"the event loop of {self.name} is closed") from error

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
            Exception: what the constructor raises; with a supervisor that is a crash, which the supervisor decides on.
        """
        if name in self._cells:
            raise DuplicateActorError(name)
        cell = self.make_cell(
            factory, name=name, supervisor=supervisor, capacity=capacity, register=register, on_end=self._on_end
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
        """Make a cell that somebody else keeps track of; for directories. Raises what `spawn` raises."""
        if not self.is_here():
            raise RuntimeError(f"{name} was not started: start actors on the thread of their event loop")
        return Cell(
            self,
            factory,
            name=name,
            supervisor=None if supervisor is None else _cell(supervisor).ref,
            capacity=capacity,
            on_end=on_end,
            is_registered=register,
        )

    def _ended(self, cell: Cell) -> None:
        if self._cells.get(cell.name) is cell:
            del self._cells[cell.name]

    def find(self, name: str) -> CellRef[Any] | None:
        """Return the living actor of that name, if there is one; those of directories are found there."""
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
            timeout_s: how long the turn and the stop hook may take before they are cancelled; ``None`` for as long
                as it takes. A supervisor's turn is cancelled, its stop hook never: it gives each of its children the
                child's own time, and who cancels it leaves them behind.

        Returns:
            Whether it ended by itself.
        """
        cell = _cell(ref)
        ended = cell.request_stop(reason)
        with waiting_for(cell):
            if await _wait(ended, timeout_s):
                return True
            if cell.is_supervisor:
                cell.cut_turn()
                await _wait(ended, None)
            else:
                cell.abandon(reason)
        return False

    async def suspend(self, ref: ActorRef[Any], *, timeout_s: float | None = None) -> None:
        """Run the actor's stop hook after its current turn and keep cell and mail until `restart`.

        What takes longer than `timeout_s` is cancelled, as by `stop`.
        """
        cell = _cell(ref)
        suspended = cell.request_suspension()
        with waiting_for(cell):
            if await _wait(suspended, timeout_s):
                return
            if cell.is_supervisor:
                cell.cut_turn()
                await _wait(suspended, None)
            else:
                cell.force_suspension()

    async def started(self, ref: ActorRef[Any]) -> None:
        """Wait until the actor's start hook has run; raises what the hook or the constructor raised."""
        cell = _cell(ref)
        with waiting_for(cell):
            await cell.started()

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
            waiting=self.waiting,
            crashes=self.crashes,
            refused=self.refused,
            overflows=self.overflows,
            dead_letters=self.dead_letters.count,
        )

    def log_failure(self, cell: object, error: BaseException) -> None:
        """Report a crash that nobody else hears of, where pykka reports its own; without the exception's text."""
        frames = traceback.extract_tb(error.__traceback__)
        where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        logging.getLogger("pykka").error("%s crashed with %s%s", cell, type(error).__name__, where)


async def _wait(future: asyncio.Future[None], timeout_s: float | None) -> bool:
    done, _ = await asyncio.wait((future,), timeout=timeout_s)
    return bool(done)


def _cell(ref: ActorRef[Any]) -> Cell:
    if not isinstance(ref, CellRef):
        raise TypeError(f"{ref} belongs to another runtime")
    return ref.cell
