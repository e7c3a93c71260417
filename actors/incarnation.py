"""The inner life of an actor: instances that start, crash, run their hooks, and are replaced on the same cell."""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from aegispay.actors.construction import make_instance
from aegispay.actors.envelope import Envelope
from aegispay.actors.errors import ActorCrashedError
from aegispay.actors.lifetime import Lifetime
from aegispay.actors.messages import ChildCrashed, Phase, Restart, StopReason
from aegispay.actors.state import CellState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aegispay.actors.actor import Actor


class Incarnation(Lifetime):
    """What a cell is to its instances."""

    __slots__ = ()

    if TYPE_CHECKING:

        def schedule(self, first: Callable[[], Awaitable[None]] | None = None) -> None:
            """Implemented by `Cell`."""

        def is_in_turn(self) -> bool:
            """Implemented by `Cell`."""
            return False

    def drop_instance(self) -> None:
        """Take the instance off the cell; its timers end with it."""
        if self.instance is not None:
            self.instance.cancel_timers()
            self.instance = None

    def may_passivate(self) -> bool:
        """Return whether the instance lets itself be put away."""
        if self.instance is None:
            return True
        try:
            return bool(self.instance.can_passivate())
        except Exception as error:  # noqa: BLE001 - one actor's mistake must not end the search for idle ones
            self.system.log_failure(self, error)
            return False

    # --- starting -----------------------------------------------------------------------------------

    def _construct(self) -> None:
        """Make the instance; a failing constructor leaves the cell without one."""
        try:
            instance = make_instance(self)
        except BaseException:
            self.drop_instance()
            raise
        self._is_new = instance.has_start_hook()

    async def _start(self) -> bool:
        """Run the start hook; return whether messages may be handled now."""
        self._is_new = False
        self._is_starting = True
        instance = self.instance
        assert instance is not None
        try:
            result: Any = instance.on_start()
            if inspect.isawaitable(result):
                await result
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - let it crash: the supervisor decides
            await self._crash(error, None, Phase.START)
            self._pass_on(error)
            return False
        if self.instance is not instance:
            return False
        self._is_starting = False
        self._answer_start(None)
        return True

    def request_restart(self) -> None:
        """Put a new instance on the cell: at once when suspended, else after the current turn."""
        if self.state is CellState.READY:
            self.accept(Envelope(Restart()))
        elif self.state is CellState.SUSPENDED and not self._is_renewing:
            self._is_renewing = True
            if self._task is None:
                self.schedule(self.renew)

    async def renew(self) -> None:
        """Put a new instance on this cell; waiting mail is its own. A failing constructor is a crash at start."""
        self._is_renewing = False
        if self._is_asked_to_end():
            return
        self.drop_instance()
        self._verdict_given()
        self.incarnation += 1
        self.state = CellState.READY
        try:
            self._construct()
        except BaseException as error:  # noqa: BLE001 - let it crash: the supervisor decides
            await self._crash(error, None, Phase.START)
            self._pass_on(error)
        else:
            if not self._is_new:
                self._answer_start(None)

    def _is_asked_to_end(self) -> bool:
        """End when somebody asked for it while the actor was suspended."""
        if self.state is CellState.SUSPENDED and self._stop_waiters is not None:
            self.end(self.reason or StopReason.SHUTDOWN)
        return self.state is CellState.STOPPED

    # --- stopping -----------------------------------------------------------------------------------

    async def _stop(self, reason: StopReason, envelope: Envelope) -> None:
        if reason is StopReason.PASSIVATED and (self.mailbox or not self.may_passivate()):
            return
        instance = self.instance
        crashed = await self._run_stop_hook()
        if self.instance is not instance:
            return
        if reason is StopReason.PASSIVATED and self.mailbox:
            # Mail came while the stop hook ran: it belongs to a next incarnation, not to the dead letters.
            await self.renew()
            return
        self.end(StopReason.CRASHED if crashed else reason)
        if envelope.reply_to is not None:
            envelope.reply_to.answer(None)

    async def _run_stop_hook(self) -> bool:
        """Run `on_stop`; return whether it crashed, which is logged and cannot keep the actor alive."""
        instance = self.instance
        if instance is None or not instance.has_stop_hook():
            return False
        try:
            result: Any = instance.on_stop()
            if inspect.isawaitable(result):
                await result
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the actor ends either way
            uncancel()
            self.system.log_failure(self, error)
            return True
        return False

    # --- crashing -----------------------------------------------------------------------------------

    async def _crash(self, error: BaseException, envelope: Envelope | None, phase: Phase) -> None:
        """Suspend; run `on_failure`; tell the asker; leave the rest to the supervisor."""
        uncancel()
        if not self.is_in_turn():
            # The turn was abandoned before: the asker has its answer, and the actor another life.
            if not isinstance(error, asyncio.CancelledError):
                self.system.log_failure(self, error)
            return
        self.system.crashes += 1
        instance, self.instance = self.instance, None
        self.state = CellState.SUSPENDED
        self._is_starting = False
        await self._run_failure_hook(instance, error)
        if not self.is_in_turn():
            return
        self._turn = None
        if envelope is not None:
            self._account_for_crash(envelope, error)
        self._answer_start(error)
        self._answer_suspension()
        self._report_crash(error, envelope, phase)

    async def _run_failure_hook(self, instance: Actor | None, error: BaseException) -> None:
        if instance is None:
            return
        instance.cancel_timers()
        try:
            result: Any = instance.on_failure(type(error), error, error.__traceback__)
            if inspect.isawaitable(result):
                await result
        except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001 - the actor has crashed either way
            uncancel()
            self.system.log_failure(self, failure)

    def _account_for_crash(self, envelope: Envelope, error: BaseException) -> None:
        if envelope.reply_to is None:
            self.system.dead_letters.add(envelope.message, str(self), f"it crashed the actor: {type(error).__name__}")
            return
        crashed = ActorCrashedError(envelope.message, self, error)
        crashed.__cause__ = error
        envelope.reply_to.refuse(crashed)

    def _report_crash(self, error: BaseException, envelope: Envelope | None, phase: Phase) -> None:
        supervisor = self.supervisor
        if self._stop_waiters is not None or supervisor is None or not supervisor.is_alive():
            self.system.log_failure(self, error)
            self.end(StopReason.CRASHED)
            return
        supervisor.cell.await_verdict_on(self)
        message_type = "" if envelope is None else type(envelope.message).__name__
        supervisor.tell(ChildCrashed(self.ref, error, message_type, phase))

    def _pass_on(self, error: BaseException) -> None:
        """Let the loop raise what is meant to end the process; the actor has crashed, and no other one notices."""
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.system.loop.call_soon(_raise, error)

    def _crash_at_birth(self, error: Exception) -> None:
        """Report a constructor that failed at the actor's very first start."""
        self._is_starting = True
        self.schedule(partial(self._crash, error, None, Phase.START))


def _raise(error: BaseException) -> None:
    raise error


def uncancel() -> None:
    """Take back the cancellation of the running task: it was meant for one turn, not for the cell."""
    task = asyncio.current_task()
    while task is not None and task.cancelling() > 0:
        task.uncancel()
