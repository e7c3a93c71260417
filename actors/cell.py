"""The cell: what survives of an actor when its instance is replaced. Name, mailbox, ref, supervisor, turns."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from contextvars import Context
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pykka import ActorRef, ActorRegistry
from pykka.messages import _ActorStop

from aegispay.actors.envelope import Envelope, current_trace, current_turn
from aegispay.actors.errors import ActorCrashedError, ActorDeadError, AskTimeoutError, Refusal
from aegispay.actors.mailbox import Mailbox
from aegispay.actors.messages import (
    ChildCrashed,
    ChildStopped,
    Phase,
    Restart,
    Stop,
    StopReason,
    Suspend,
    Terminated,
)
from aegispay.actors.ref import CellRef

if TYPE_CHECKING:
    from aegispay.actors.actor import Actor
    from aegispay.actors.system import ActorSystem

_SLICE = 16
"""Messages handled before the loop gets a turn: enough to amortise the switch, few enough to stay fair."""


class CellState(StrEnum):
    """Whether messages are handled: `SUSPENDED` keeps them for the next incarnation."""

    READY = "ready"
    SUSPENDED = "suspended"
    STOPPED = "stopped"


class StopFlag:
    """What `actor_stopped` is here: the part of `threading.Event` that pykka's ref uses."""

    __slots__ = ("_is_set",)

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether the actor has ended."""
        return self._is_set

    def set(self) -> None:
        """Say that the actor has ended."""
        self._is_set = True


class Cell:
    """One actor's permanent part. Everything here runs on the loop's thread, `deliver` excepted."""

    __slots__ = (
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
        "capacity",
        "factory",
        "incarnation",
        "instance",
        "is_registered",
        "mailbox",
        "name",
        "ref",
        "state",
        "stopped",
        "supervisor",
        "system",
    )

    def __init__(
        self,
        system: ActorSystem,
        factory: Callable[[], Actor],
        *,
        name: str,
        supervisor: ActorRef[Any] | None,
        capacity: int,
        on_end: Callable[[Cell], None],
        is_registered: bool = False,
    ) -> None:
        self.system = system
        self.factory = factory
        self.name = name
        self.supervisor = supervisor
        self.capacity = capacity
        self.incarnation = 0
        self.state = CellState.READY
        self.mailbox = Mailbox(self)
        self.stopped = StopFlag()
        self.instance: Actor | None = None
        self.is_registered = is_registered
        self._on_end = on_end
        self._task: asyncio.Task[None] | None = None
        self._turn: Envelope | None = None
        self._is_new = True
        self._is_renewing = False
        self._is_starting = False
        self._watchers: list[ActorRef[Any]] | None = None
        self._start_waiters: list[asyncio.Future[None]] | None = None
        self._stop_waiters: list[asyncio.Future[bool]] | None = None
        self._suspension_waiters: list[asyncio.Future[None]] | None = None
        self.instance = self._make()
        self.actor_class = type(self.instance)
        self.ref: CellRef[Any] = CellRef(self)
        if is_registered:
            ActorRegistry.register(self.ref)
        if self.instance.has_start_hook():
            self._schedule()
        else:
            self._is_new = False

    def __str__(self) -> str:
        """Return class and name, as pykka writes them."""
        return f"{self.actor_class.__name__} ({self.name})"

    def __repr__(self) -> str:
        """Show name, state and load."""
        return f"<Cell {self} {self.state} mail={len(self.mailbox)} incarnation={self.incarnation}>"

    # --- delivery -----------------------------------------------------------------------------------

    def deliver(self, envelope: Envelope) -> None:
        """Accept a message from any thread. Bounds are checked by the ref, which knows the sender."""
        if self.system.is_here():
            self._accept(envelope)
        else:
            self.system.loop.call_soon_threadsafe(self._accept, envelope)

    def _accept(self, envelope: Envelope) -> None:
        if self.state is CellState.STOPPED:
            self._reject(envelope)
            return
        self.mailbox.append(envelope)
        if self._task is None and self.state is CellState.READY:
            self._schedule()

    def is_in_turn(self, envelope: Envelope) -> bool:
        """Return whether the turn that handles `envelope` is still going on."""
        return self._turn is envelope

    @property
    def supervises(self) -> bool:
        """Whether this actor has children of its own to show."""
        return self.actor_class.is_supervisor

    @property
    def is_idle(self) -> bool:
        """Whether nothing is running and nothing waits."""
        return self._task is None and not self.mailbox

    def _reject(self, envelope: Envelope) -> None:
        if envelope.reply_to is None:
            self.system.dead_letters.add(envelope.message, str(self), "the actor has ended")
        elif isinstance(envelope.message, _ActorStop):
            envelope.reply_to.answer(None)
        else:
            envelope.reply_to.refuse(ActorDeadError(f"{self} ended before it handled {_type(envelope)}"))

    # --- turns --------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        # A context of its own: what the waking sender had in its context variables is none of the actor's business.
        self._task = self.system.loop.create_task(self._drain(), context=Context())

    async def _drain(self) -> None:
        handled = 0
        try:
            if self._is_new and not await self._start():
                return
            while self.state is CellState.READY:
                envelope = self.mailbox.popleft()
                if envelope is None:
                    return
                if not self._is_too_late(envelope):
                    await self._handle(envelope)
                if self._is_new and not await self._start():
                    return
                handled += 1
                if handled % _SLICE == 0:
                    await _let_others_run()
        finally:
            self._task = None
            self._turn = None
            if self._is_ready() and (self.mailbox or self._is_new):
                self._schedule()

    def _is_ready(self) -> bool:
        return self.state is CellState.READY

    async def _start(self) -> bool:
        self._is_new = False
        self._is_starting = True
        assert self.instance is not None
        try:
            result: Any = self.instance.on_start()
            if inspect.isawaitable(result):
                await result
            self._is_starting = False
        except asyncio.CancelledError as error:
            _uncancel()
            await self._crash(error, None, Phase.START)
            return False
        except Exception as error:  # noqa: BLE001 - let it crash: the supervisor decides
            await self._crash(error, None, Phase.START)
            return False
        self._answer_start(None)
        return True

    def _answer_start(self, error: BaseException | None) -> None:
        waiters, self._start_waiters = self._start_waiters, None
        for waiter in waiters or ():
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
                waiter.exception()

    async def started(self) -> None:
        """Wait until the start hook has run; raise what it raised."""
        if not self._is_new and self.state is CellState.READY and not self._is_starting:
            return
        if self.state is CellState.STOPPED:
            raise ActorDeadError(f"{self} not found")
        waiter: asyncio.Future[None] = self.system.loop.create_future()
        if self._start_waiters is None:
            self._start_waiters = []
        self._start_waiters.append(waiter)
        await waiter

    async def _handle(self, envelope: Envelope) -> None:
        reply, message = envelope.reply_to, envelope.message
        self.system.handled += 1
        if isinstance(message, Stop | Restart | Suspend | _ActorStop):
            await self._handle_life(message, envelope)
            return
        self._turn = envelope
        current_turn.set((self, envelope))
        current_trace.set(envelope.trace)
        assert self.instance is not None
        try:
            result = self.instance._handle_receive(message)  # noqa: SLF001 - pykka's dispatch, proxies included
            if inspect.iscoroutine(result):
                result = await result
        except Refusal as refusal:
            self._refused(envelope, refusal)
        except asyncio.CancelledError as error:
            # Something the handler waited for was cancelled: this turn ends, nobody else notices.
            _uncancel()
            if reply is not None:
                reply.refuse(ActorCrashedError(message, self, error))
        except Exception as error:  # noqa: BLE001 - let it crash: the supervisor decides
            await self._crash(error, envelope, Phase.MESSAGE)
        except BaseException as error:
            await self._crash(error, envelope, Phase.MESSAGE)
            raise
        else:
            if reply is not None:
                reply.answer(result)
        finally:
            self._turn = None

    def _is_too_late(self, envelope: Envelope) -> bool:
        """Answer a message whose deadline has passed; it must not be handled any more."""
        if envelope.deadline is None or self.system.loop.time() < envelope.deadline:
            return False
        if envelope.reply_to is not None:
            envelope.reply_to.refuse(AskTimeoutError(envelope.message, self))
        return True

    def _refused(self, envelope: Envelope, refusal: Refusal) -> None:
        if envelope.reply_to is None:
            self.system.refused += 1
        else:
            envelope.reply_to.refuse(refusal)

    # --- life ---------------------------------------------------------------------------------------

    def _make(self) -> Actor:
        stack = self.system.constructing_here()
        stack.append(self)
        try:
            return self.factory()
        finally:
            stack.pop()

    async def _handle_life(self, message: Stop | Restart | Suspend | _ActorStop, envelope: Envelope) -> None:
        if isinstance(message, Restart):
            await self._run_stop_hook()
            await self.renew()
            return
        if isinstance(message, Suspend):
            await self._run_stop_hook()
            self._drop_instance()
            self.state = CellState.SUSPENDED
            self._answer_suspension()
            return
        reason = message.reason if isinstance(message, Stop) else StopReason.NORMAL
        if reason is StopReason.PASSIVATED and (self.mailbox or not self._may_passivate()):
            return
        crashed = await self._run_stop_hook()
        if reason is StopReason.PASSIVATED and self.mailbox:
            # Mail came while the stop hook ran: it belongs to a next incarnation, not to the dead letters.
            await self.renew()
            return
        if envelope.reply_to is not None:
            envelope.reply_to.answer(None)
        self.end(StopReason.CRASHED if crashed else reason)

    def _may_passivate(self) -> bool:
        return self.instance is None or self.instance.can_passivate()

    async def _run_stop_hook(self) -> bool:
        """Run `on_stop`; return whether it crashed, which is logged and cannot keep the actor alive."""
        if self.instance is None:
            return False
        try:
            result: Any = self.instance.on_stop()
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - the actor ends either way
            self.system.log_failure(self, sys.exc_info())
            return True
        return False

    async def renew(self) -> None:
        """Put a new instance on this cell; waiting mail is its own. A failing constructor is a crash at start."""
        self._drop_instance()
        self.incarnation += 1
        self.state = CellState.READY
        try:
            self.instance = self._make()
        except Exception as error:  # noqa: BLE001 - let it crash: the supervisor decides
            await self._crash(error, None, Phase.START)
            return
        self._is_new = True

    def request_suspension(self) -> asyncio.Future[None]:
        """Ask to be suspended after the current turn; the future is done once suspended or ended."""
        suspended: asyncio.Future[None] = self.system.loop.create_future()
        if self.state is not CellState.READY:
            suspended.set_result(None)
            return suspended
        if self._suspension_waiters is None:
            self._suspension_waiters = []
        self._suspension_waiters.append(suspended)
        self._accept(Envelope(Suspend()))
        return suspended

    def _answer_suspension(self) -> None:
        waiters, self._suspension_waiters = self._suspension_waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def cut_turn(self) -> None:
        """Cancel what the current turn is doing; its asker is told."""
        if self._task is not None:
            self._task.cancel()

    def request_restart(self) -> None:
        """Carry out a supervisor's verdict: at once when suspended, else after the current turn."""
        if self.state is CellState.SUSPENDED:
            if self._task is None and not self._is_renewing:
                self._is_renewing = True
                self._task = self.system.loop.create_task(self._renew_and_drain(), context=Context())
        elif self.state is CellState.READY:
            self._accept(Envelope(Restart()))

    async def _renew_and_drain(self) -> None:
        self._is_renewing = False
        await self.renew()
        if self.state is CellState.READY:
            await self._drain()
        else:
            self._task = None

    async def _crash(self, error: BaseException, envelope: Envelope | None, phase: Phase) -> None:
        self.system.crashes += 1
        self._turn = None
        self._is_starting = False
        if phase is Phase.START:
            self._answer_start(error)
        instance = self.instance
        self._drop_instance()
        has_supervisor = self.supervisor is not None and self.supervisor.is_alive()
        self.state = CellState.SUSPENDED
        await self._run_failure_hook(instance, error)
        if envelope is not None and envelope.reply_to is not None:
            envelope.reply_to.refuse(_crashed(envelope, self, error))
        self._answer_suspension()
        if self.state is not CellState.SUSPENDED:
            return
        if has_supervisor and self.supervisor is not None:
            message_type = "" if envelope is None else _type(envelope)
            self.supervisor.tell(ChildCrashed(self.ref, error, message_type, phase))
        else:
            self.system.log_failure(self, (type(error), error, error.__traceback__))
            self.end(StopReason.CRASHED)

    async def _run_failure_hook(self, instance: Actor | None, error: BaseException) -> None:
        if instance is None:
            return
        try:
            result: Any = instance.on_failure(type(error), error, error.__traceback__)
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - a failing hook changes nothing: the actor has crashed already
            self.system.log_failure(self, sys.exc_info())

    def _drop_instance(self) -> None:
        if self.instance is not None:
            self.instance.cancel_timers()
            self.instance = None

    def passivate(self) -> bool:
        """Put an idle actor away; return whether it is away now."""
        if not self.is_idle or self.state is not CellState.READY or not self._may_passivate():
            return False
        if self.instance is not None and self.instance.has_stop_hook():
            self._accept(Envelope(Stop(StopReason.PASSIVATED)))
            return False
        self.end(StopReason.PASSIVATED)
        return True

    def request_stop(self, reason: StopReason) -> asyncio.Future[bool]:
        """Ask to end after the current turn, ahead of waiting mail; the future is true once ended."""
        ended: asyncio.Future[bool] = self.system.loop.create_future()
        if self.state is CellState.STOPPED:
            ended.set_result(True)
            return ended
        if self._stop_waiters is None:
            self._stop_waiters = []
        self._stop_waiters.append(ended)
        if self.state is CellState.SUSPENDED:
            self.end(reason)
        else:
            self._accept(Envelope(Stop(reason)))
        return ended

    def abandon(self, reason: StopReason) -> None:
        """End now, in the middle of a turn."""
        task, self._task = self._task, None
        turn = self._turn
        self.end(reason)
        if turn is not None and turn.reply_to is not None:
            turn.reply_to.refuse(ActorDeadError(f"{self} was abandoned while it handled {_type(turn)}"))
        if task is not None:
            task.cancel()

    def watch(self, watcher: ActorRef[Any], reason: StopReason = StopReason.NORMAL) -> None:
        """Tell `watcher` once when this actor ends, or at once when it has."""
        if self.state is CellState.STOPPED:
            _tell_if_alive(watcher, Terminated(self.ref, reason))
            return
        if self._watchers is None:
            self._watchers = []
        if watcher not in self._watchers:
            self._watchers.append(watcher)

    def end(self, reason: StopReason) -> None:
        """Become dead: nothing of this actor is left but what others hold."""
        if self.state is CellState.STOPPED:
            return
        self.state = CellState.STOPPED
        self.stopped.set()
        self._drop_instance()
        if self.is_registered:
            ActorRegistry.unregister(self.ref)
        self.system.alive -= 1
        self._on_end(self)
        while (envelope := self.mailbox.popleft()) is not None:
            self._reject(envelope)
        for watcher in self._watchers or ():
            _tell_if_alive(watcher, Terminated(self.ref, reason))
        if self.supervisor is not None:
            _tell_if_alive(self.supervisor, ChildStopped(self.ref, reason))
        for ended in self._stop_waiters or ():
            if not ended.done():
                ended.set_result(True)
        self._answer_start(ActorDeadError(f"{self} ended before it started"))
        self._answer_suspension()
        self._watchers = self._stop_waiters = None


def _crashed(envelope: Envelope, cell: Cell, error: BaseException) -> ActorCrashedError:
    crashed = ActorCrashedError(envelope.message, cell, error)
    crashed.__cause__ = error
    return crashed


def _type(envelope: Envelope) -> str:
    return type(envelope.message).__name__


def _tell_if_alive(ref: ActorRef[Any], message: Any) -> None:
    if ref.is_alive():
        ref.tell(message)


def _uncancel() -> None:
    task = asyncio.current_task()
    while task is not None and task.cancelling() > 0:
        task.uncancel()


class _let_others_run:  # noqa: N801 - reads as the statement it is
    """Yield to the loop once."""

    __slots__ = ()

    def __await__(self) -> Any:
        yield
