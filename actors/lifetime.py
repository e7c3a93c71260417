"""The outer life of an actor: alive, suspended or ended, and everybody who waits for it to become so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pykka import ActorRef, ActorRegistry
from pykka.messages import _ActorStop

from aegispay.actors.envelope import Envelope
from aegispay.actors.errors import ActorCrashedError, ActorDeadError
from aegispay.actors.mailbox import Mailbox
from aegispay.actors.messages import LIFE_MESSAGES, ChildStopped, Stop, StopReason, Suspend, Terminated
from aegispay.actors.ref import CellRef
from aegispay.actors.state import CellState

if TYPE_CHECKING:
    from aegispay.actors.actor import Actor
    from aegispay.actors.cell import Cell
    from aegispay.actors.system import ActorSystem


class Lifetime:
    """What a cell is to others. Everything here runs on the loop's thread.

    Attributes:
        reason: why it ended, or is asked to end.
        waits_for: the actor that the current turn waits for.
    """

    __slots__ = (
        "_crashed_children",
        "_is_new",
        "_is_renewing",
        "_is_starting",
        "_on_end",
        "_start_waiters",
        "_stop_waiters",
        "_suspension_waiters",
        "_task",
        "_turn",
        "_watchers",
        "actor_class",
        "factory",
        "incarnation",
        "instance",
        "is_registered",
        "mailbox",
        "name",
        "reason",
        "ref",
        "state",
        "supervisor",
        "system",
        "waits_for",
    )

    actor_class: type[Any]
    mailbox: Mailbox
    ref: CellRef[Any]

    if TYPE_CHECKING:

        def accept(self, envelope: Envelope) -> None:
            """Implemented by `Cell`."""

        def drop_instance(self) -> None:
            """Implemented by `Incarnation`."""

    def __init__(
        self,
        system: ActorSystem,
        factory: Callable[[], Actor],
        *,
        name: str,
        supervisor: CellRef[Any] | None,
        on_end: Callable[[Any], None],
    ) -> None:
        self.system = system
        self.factory = factory
        self.incarnation = 0
        self.name = name
        self.supervisor = supervisor
        self.state = CellState.READY
        self.reason: StopReason | None = None
        self.instance: Actor | None = None
        self.is_registered = False
        self.waits_for: Cell | None = None
        self._on_end = on_end
        self._task: asyncio.Task[None] | None = None
        self._turn: Envelope | None = None
        self._is_new = False
        self._is_starting = False
        self._is_renewing = False
        self._crashed_children: set[Lifetime] | None = None
        self._watchers: list[ActorRef[Any]] | None = None
        self._start_waiters: list[asyncio.Future[None]] | None = None
        self._stop_waiters: list[asyncio.Future[None]] | None = None
        self._suspension_waiters: list[asyncio.Future[None]] | None = None
        system.alive += 1

    # --- being watched ------------------------------------------------------------------------------

    def watch(self, watcher: ActorRef[Any]) -> None:
        """Tell `watcher` once when this actor ends, or at once when it has."""
        if self.state is CellState.STOPPED:
            _tell_if_alive(watcher, Terminated(self.ref, self.reason or StopReason.NORMAL))
            return
        if self._watchers is None:
            self._watchers = []
        if watcher not in self._watchers:
            self._watchers.append(watcher)

    async def started(self) -> None:
        """Wait until the start hook has run.

        Raises:
            ActorDeadError: it ended instead.
            Exception: what the hook or the constructor raised.
        """
        if self.state is CellState.READY and not self._is_new and not self._is_starting:
            return
        if self.state is CellState.STOPPED:
            raise ActorDeadError(f"{self} not found")
        waiter: asyncio.Future[None] = self.system.loop.create_future()
        self._start_waiters = [*(self._start_waiters or ()), waiter]
        await waiter

    def _answer_start(self, error: BaseException | None) -> None:
        waiters, self._start_waiters = self._start_waiters, None
        for waiter in waiters or ():
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            elif isinstance(error, asyncio.CancelledError):
                waiter.set_exception(ActorDeadError(f"the start of {self} was cancelled"))
            else:
                waiter.set_exception(error)

    # --- children that wait for a verdict -----------------------------------------------------------

    def await_verdict_on(self, child: Lifetime) -> None:
        """Keep a crashed child in mind: it ends with this actor if nobody decides before."""
        if self._crashed_children is None:
            self._crashed_children = set()
        self._crashed_children.add(child)

    def forget_verdict_on(self, child: Lifetime) -> None:
        """A child lives again, or has ended."""
        if self._crashed_children is not None:
            self._crashed_children.discard(child)

    def _verdict_given(self) -> None:
        if self.supervisor is not None:
            self.supervisor.cell.forget_verdict_on(self)

    # --- suspending ---------------------------------------------------------------------------------

    def request_suspension(self) -> asyncio.Future[None]:
        """Ask to be suspended after the current turn; the future is done once suspended or ended."""
        suspended: asyncio.Future[None] = self.system.loop.create_future()
        if self.state is not CellState.READY:
            suspended.set_result(None)
            return suspended
        self._suspension_waiters = [*(self._suspension_waiters or ()), suspended]
        self.accept(Envelope(Suspend()))
        return suspended

    def force_suspension(self) -> None:
        """Suspend in the middle of a turn."""
        turn = self._turn
        if turn is not None and turn.reply_to is not None:
            turn.reply_to.refuse(ActorCrashedError(turn.message, self, asyncio.CancelledError()))
        self._abandon_turn()
        self.suspend()

    def suspend(self) -> None:
        """Drop the instance; keep cell and mail."""
        self.drop_instance()
        self.state = CellState.SUSPENDED
        self._answer_start(ActorDeadError(f"{self} was suspended before it started"))
        self._answer_suspension()

    def _answer_suspension(self) -> None:
        waiters, self._suspension_waiters = self._suspension_waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    # --- ending -------------------------------------------------------------------------------------

    def request_stop(self, reason: StopReason) -> asyncio.Future[None]:
        """Ask to end after the current turn, ahead of waiting mail; the future is done once ended."""
        ended: asyncio.Future[None] = self.system.loop.create_future()
        if self.state is CellState.STOPPED:
            ended.set_result(None)
            return ended
        self.reason = reason
        self._stop_waiters = [*(self._stop_waiters or ()), ended]
        if self.state is CellState.READY:
            self.accept(Envelope(Stop(reason)))
        elif self._task is None:
            self.end(reason)
        return ended

    def abandon(self, reason: StopReason) -> None:
        """End now, in the middle of a turn."""
        self._abandon_turn()
        self.end(reason)

    def _abandon_turn(self) -> None:
        """Let the current turn run into the void: cancelled, its asker told, its outcome ignored."""
        task, self._task = self._task, None
        turn, self._turn = self._turn, None
        self.waits_for = None
        if turn is not None:
            self.reject(turn, "was abandoned while it handled")
        if task is not None:
            task.cancel()

    def cut_turn(self) -> None:
        """Cancel what the current turn, or the start hook, is waiting for; never the stop hook."""
        if self._task is not None and self.state is CellState.READY and (self._is_starting or self._turn is not None):
            self._task.cancel()

    def end(self, reason: StopReason) -> None:
        """Become dead: nothing of this actor is left but what others hold."""
        if self.state is CellState.STOPPED:
            return
        self.state = CellState.STOPPED
        self.reason = reason
        self.drop_instance()
        self._verdict_given()
        if self.is_registered:
            ActorRegistry.unregister(self.ref)
        self.system.alive -= 1
        self._on_end(self)
        while (envelope := self.mailbox.popleft()) is not None:
            self.reject(envelope, "ended before it handled")
        self._tell_of_end(reason)
        crashed, self._crashed_children = self._crashed_children, None
        for child in crashed or ():
            child.end(StopReason.CRASHED)

    def _tell_of_end(self, reason: StopReason) -> None:
        watchers, self._watchers = self._watchers, None
        for watcher in watchers or ():
            _tell_if_alive(watcher, Terminated(self.ref, reason))
        if self.supervisor is not None:
            _tell_if_alive(self.supervisor, ChildStopped(self.ref, reason))
        waiters, self._stop_waiters = self._stop_waiters, None
        for ended in waiters or ():
            if not ended.done():
                ended.set_result(None)
        self._answer_start(ActorDeadError(f"{self} ended before it started"))
        self._answer_suspension()

    def reject(self, envelope: Envelope, why: str) -> None:
        """Account for a message that will not be handled: answer it, or keep it as a dead letter."""
        message, reply = envelope.message, envelope.reply_to
        if isinstance(message, _ActorStop):
            if reply is not None:
                reply.answer(None)
        elif reply is not None:
            reply.refuse(ActorDeadError(f"{self} {why} {type(message).__name__}"))
        elif type(message) not in LIFE_MESSAGES and not envelope.is_void(0.0):
            self.system.dead_letters.add(message, str(self), f"the actor {why} it")


def _tell_if_alive(ref: ActorRef[Any], message: Any) -> None:
    if ref.is_alive():
        ref.tell(message)
