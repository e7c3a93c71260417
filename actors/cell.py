"""The cell: what survives of an actor when its instance is replaced. Here: its mail and its turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import pykka

from aegispay.actors.envelope import Envelope, current_trace
from aegispay.actors.errors import ActorCrashedError, Refusal
from aegispay.actors.incarnation import Incarnation, uncancel
from aegispay.actors.interception import divert, intercepted
from aegispay.actors.mailbox import Mailbox
from aegispay.actors.messages import LIFE_MESSAGES, LifeMessage, Phase, Restart, Stop, StopReason, Suspend
from aegispay.actors.ref import CellRef
from aegispay.actors.state import CellState
from aegispay.actors.waits import current_cell

if TYPE_CHECKING:
    from aegispay.actors.actor import Actor
    from aegispay.actors.system import ActorSystem

_SLICE = 16
"""Messages handled before the loop gets a turn: enough to amortise the switch, few enough to stay fair."""


class Cell(Incarnation):
    """One actor's permanent part. Everything here runs on the loop's thread, `deliver` excepted.

    A constructor that fails is raised here; with a supervisor it is a crash at start, which the supervisor decides on.
    """

    __slots__ = ()

    def __init__(
        self,
        system: ActorSystem,
        factory: Callable[[], Actor],
        *,
        name: str,
        supervisor: CellRef[Any] | None,
        capacity: int,
        on_end: Callable[[Cell], None],
        is_registered: bool = False,
    ) -> None:
        super().__init__(system, factory, name=name, supervisor=supervisor, on_end=on_end)
        self.mailbox = Mailbox(self, capacity)
        self.ref = CellRef(self)
        self.actor_class = pykka.Actor
        try:
            self._construct()
        except BaseException as error:
            if supervisor is None or not isinstance(error, Exception):
                self.end(StopReason.CRASHED)
                raise
            self._crash_at_birth(error)
        if is_registered:
            pykka.ActorRegistry.register(self.ref)
            self.is_registered = True
        if self._is_new:
            self.schedule()

    def __str__(self) -> str:
        """Return class and name, as pykka writes them."""
        return f"{self.actor_class.__name__} ({self.name})"

    def __repr__(self) -> str:
        """Show name, state and load."""
        return f"<Cell {self} {self.state} mail={len(self.mailbox)} incarnation={self.incarnation}>"

    # --- mail ---------------------------------------------------------------------------------------

    def deliver(self, envelope: Envelope) -> None:
        """Accept a message from any thread. Bounds are checked by the ref, which knows the sender."""
        if self.system.is_here():
            self.accept(envelope)
        else:
            self.system.call_soon(self.accept, envelope)

    def accept(self, envelope: Envelope) -> None:
        """Take a message in, on the loop's thread."""
        if self.state is CellState.STOPPED:
            self.reject(envelope, "ended before it handled")
            return
        interception = self.system.interception
        if interception is not None and divert(interception, self, envelope):
            return
        self.mailbox.append(envelope)
        if self._task is None and self.state is CellState.READY:
            self.schedule()

    def accept_control(self, envelope: Envelope) -> None:
        """Take a message in ahead of user mail."""
        self.mailbox.append_control(envelope)
        if self._task is None and self.state is CellState.READY:
            self.schedule()

    def accept_inbound(self, envelope: Envelope) -> None:
        """Take over a message that another thread has sent."""
        with self.system.inbound_lock:
            self.mailbox.inbound -= 1
        if envelope.reply_to is not None and envelope.deadline is not None:
            self.system.deadlines.add(envelope.deadline, envelope.reply_to)
        self.accept(envelope)

    def is_in_turn(self) -> bool:
        """Return whether the running code is this actor's turn."""
        return self._task is not None and self._task is asyncio.current_task()

    @property
    def is_supervisor(self) -> bool:
        """Whether this actor answers for children of its own."""
        return bool(getattr(self.actor_class, "is_supervisor", False))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is running, nothing waits and nothing is on its way."""
        return self._task is None and not self.mailbox and not self.mailbox.inbound

    def passivate(self) -> bool:
        """Put an idle actor away; return whether it is away or, having a stop hook, on its way."""
        if not self.is_idle or self.state is not CellState.READY or not self.may_passivate():
            return False
        if self.instance is not None and self.instance.has_stop_hook():
            self.accept(Envelope(Stop(StopReason.PASSIVATED)))
        else:
            self.end(StopReason.PASSIVATED)
        return True

    def end_if_idle(self, reason: StopReason) -> bool:
        """End at once if nothing is running, nothing waits and no stop hook has to run; return whether it did."""
        if not self.is_idle or (self.instance is not None and self.instance.has_stop_hook()):
            return False
        self.end(reason)
        return True

    # --- turns --------------------------------------------------------------------------------------

    def schedule(self, first: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run `first`, if given, and then turns, until no mail is left."""
        # A context of its own: what the waking sender had in its context variables is none of the actor's business.
        # The class instead of `create_task`: a loop may start its tasks at once, in the middle of the sender.
        self._task = asyncio.Task(self._drain(first), loop=self.system.loop, context=Context())

    async def _drain(self, first: Callable[[], Awaitable[None]] | None) -> None:
        task = self._task
        current_cell.set(self)
        mailbox, loop = self.mailbox, self.system.loop
        handled = 0
        try:
            if first is not None:
                await first()
            if self._is_new and not await self._start():
                return
            while self.state is CellState.READY and self._task is task:
                envelope = mailbox.popleft()
                if envelope is None:
                    return
                if envelope.deadline is None or not envelope.is_void(loop.time()):
                    await self._handle(envelope)
                if self._is_new and not await self._start():
                    return
                handled += 1
                if handled % _SLICE == 0:
                    await _let_others_run()
        finally:
            if self._task is task:
                self._turn_over()

    def _turn_over(self) -> None:
        """Leave the loop until there is something to do."""
        self._task = None
        self._turn = None
        if self.system.loop.is_closed() or self._is_asked_to_end():
            return
        if self.state is CellState.READY:
            if self._is_new or self.mailbox:
                self.schedule()
        elif self._is_renewing:
            self.schedule(self.renew)

    async def _handle(self, envelope: Envelope) -> None:
        message = envelope.message
        self.system.handled += 1
        if type(message) in LIFE_MESSAGES:
            await self._handle_life(message, envelope)
            return
        self._turn = envelope
        current_trace.set(envelope.trace)
        assert self.instance is not None
        disturbed = self.system.interception
        try:
            handle = self.instance._handle_receive  # noqa: SLF001 - pykka's dispatch, proxies included
            result = handle(message) if disturbed is None else intercepted(disturbed, self, message)
            if isinstance(result, CoroutineType):
                result = await result
        except Refusal as refusal:
            self._refused(envelope, refusal)
        except asyncio.CancelledError as error:
            self._cancelled(envelope, error)
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - let it crash: the supervisor decides
            await self._crash(error, envelope, Phase.MESSAGE)
            self._pass_on(error)
        else:
            if envelope.reply_to is not None:
                envelope.reply_to.answer(result)
        finally:
            if self._turn is envelope:
                self._turn = None

    async def _handle_life(self, message: LifeMessage, envelope: Envelope) -> None:
        if isinstance(message, Suspend) and self._suspension_waiters is None:
            # It was suspended by force meanwhile, and lives again.
            return
        if isinstance(message, Restart | Suspend):
            instance = self.instance
            await self._run_stop_hook()
            if self.instance is not instance:
                return
            if isinstance(message, Restart):
                await self.renew()
            else:
                self.suspend()
        else:
            await self._stop(message.reason if isinstance(message, Stop) else StopReason.NORMAL, envelope)

    def _refused(self, envelope: Envelope, refusal: Refusal) -> None:
        if envelope.reply_to is None:
            self.system.refused += 1
        else:
            envelope.reply_to.refuse(refusal)

    def _cancelled(self, envelope: Envelope, error: asyncio.CancelledError) -> None:
        """End a turn whose handler waited for something that was cancelled; nobody else notices."""
        uncancel()
        if envelope.reply_to is not None:
            envelope.reply_to.refuse(ActorCrashedError(envelope.message, self, error))
        elif self.is_in_turn():
            self.system.dead_letters.add(envelope.message, str(self), "its turn was cancelled")


class _let_others_run:  # noqa: N801 - reads as the statement it is
    """Yield to the loop once."""

    __slots__ = ()

    def __await__(self) -> Any:
        yield
