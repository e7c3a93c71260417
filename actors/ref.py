"""Refs: the only handle on an actor, safe to pass around and to use from any thread."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import pykka
from pykka.messages import _ActorStop

from aegispay.actors.envelope import Envelope, current_trace
from aegispay.actors.errors import ActorDeadError, AskTimeoutError, MailboxFullError, NotReadyError
from aegispay.actors.future import ActorFuture
from aegispay.actors.messages import ControlMessage
from aegispay.actors.state import CellState

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell
    from aegispay.actors.system import ActorSystem

A = TypeVar("A", bound=pykka.Actor)

_UNBOUNDED = (ControlMessage, _ActorStop)


class StopFlag:
    """What `actor_stopped` is here: the part of `threading.Event` that pykka's users look at."""

    __slots__ = ("_ref",)

    def __init__(self, ref: CellRef[Any]) -> None:
        self._ref = ref

    def is_set(self) -> bool:
        """Return whether the actor has ended."""
        return not self._ref.is_alive()


class CellRef(pykka.ActorRef[A], Generic[A]):
    """A ref to the actor on one cell, whichever instance lives there. There is one per cell."""

    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def __repr__(self) -> str:
        """Return pykka's form."""
        return f"<ActorRef for {self}>"

    def __str__(self) -> str:
        """Return class and name."""
        return str(self.cell)

    @property
    def cell(self) -> Cell:
        """The actor's permanent part; for the runtime and supervisors."""
        return self._cell

    @property
    def system(self) -> ActorSystem:
        """The system the actor lives in."""
        return self._cell.system

    @property
    def actor_class(self) -> Any:  # type: ignore[override]
        """The class of the actor."""
        return self.cell.actor_class

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """The actor's name."""
        return self._cell.name

    @property
    def actor_inbox(self) -> Any:  # type: ignore[override]
        """The actor's mailbox."""
        return self.cell.mailbox

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        """Whether the actor has ended, as an object with `is_set`."""
        return StopFlag(self)

    @property
    def _actor_weakref(self) -> Callable[[], Any]:  # type: ignore[override]
        return lambda: self.cell.instance

    def is_alive(self) -> bool:
        """Return whether the actor has not ended; a suspended one is alive."""
        return self._cell.state is not CellState.STOPPED

    def tell(self, message: Any) -> None:
        """Send a message and forget it. Never blocks.

        Raises:
            ActorDeadError: the actor has ended.
            MailboxFullError: its bound of waiting messages is reached.
        """
        cell = self._cell
        if cell.state is CellState.STOPPED:
            raise ActorDeadError(f"{cell} not found")
        envelope = Envelope(message, None, None, current_trace.get())
        accept = _accept if get_ident() == cell.system.thread_id else _post
        if not accept(cell, envelope):
            cell.system.overflows += 1
            cell.system.dead_letters.add(message, str(cell), "mailbox full")
            raise MailboxFullError(message, cell, cell.mailbox.capacity)

    @overload
    def ask(self, message: Any, *, block: Literal[False], timeout: float | None = None) -> ActorFuture[Any]: ...

    @overload
    def ask(self, message: Any, *, block: Literal[True], timeout: float | None = None) -> Any: ...

    @overload
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any: ...

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a message and get its reply.

        Args:
            message: anything.
            block: ``False`` returns an `ActorFuture` at once; ``True`` waits, which only other threads may do.
            timeout: seconds until the deadline; the system's default when ``None``. It travels with the message:
                one that is still waiting at its deadline is not handled any more.

        Raises (on waiting or awaiting):
            NotReadyError: ``block=True`` on the loop's own thread; nothing was sent.
            AskTimeoutError: no answer in time.
            ActorDeadError: the actor has ended.
            ActorCrashedError: it crashed over this message.
            MailboxFullError: its bound of waiting messages is reached.
            AskCycleError: the actor waits, directly or not, for the turn that awaits the answer.
        """
        if not block:
            return self.ask_now(message, timeout)
        system = self.system
        if system.is_here():
            raise NotReadyError
        future = self.ask_now(message, timeout)
        try:
            # The thread looks at its own watch too: a loop that is stuck cannot say that it is late.
            return future.get(timeout=system.ask_timeout_s if timeout is None else timeout)
        except pykka.Timeout as late:
            if isinstance(late, AskTimeoutError):
                raise
            raise AskTimeoutError(message, self) from None

    def ask_now(self, message: Any, timeout: float | None) -> ActorFuture[Any]:
        """Send a message and return the future of its reply. What goes wrong is the reply, never raised."""
        cell = self._cell
        system = cell.system
        future: ActorFuture[Any] = ActorFuture(system, cell, type(message))
        if cell.state is CellState.STOPPED:
            return _refused(future, ActorDeadError(f"{cell} not found"))
        deadline = system.loop.time() + (system.ask_timeout_s if timeout is None else timeout)
        envelope = Envelope(message, future, deadline, current_trace.get())
        if get_ident() != system.thread_id:
            is_accepted = _post(cell, envelope)
        else:
            is_accepted = _accept(cell, envelope)
            if is_accepted:
                system.deadlines.add(deadline, future)
        if not is_accepted:
            system.overflows += 1
            return _refused(future, MailboxFullError(message, cell, cell.mailbox.capacity))
        return future

    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None) -> bool: ...

    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> ActorFuture[bool]: ...

    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any: ...

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Ask the actor to end after the messages that wait already, as pykka documents.

        The actor ends also when nobody waits for it any more because `timeout` seconds are over.

        Returns:
            Whether it was alive, or a future of that.

        Raises:
            NotReadyError: ``block=True`` on the loop's own thread; nothing was sent.
            AskTimeoutError: it has not ended in time.
        """
        system = self.system
        if block and system.is_here():
            raise NotReadyError
        result: ActorFuture[bool] = ActorFuture(system)
        if system.loop.is_closed():
            # It was abandoned with its loop, for which pykka's registry may still name it.
            pykka.ActorRegistry.unregister(self)
            result.answer(False)  # noqa: FBT003 - the reply itself
            return result.get() if block else result
        self.ask_now(_ActorStop(), timeout).when_answered(lambda reply: result.resolve(lambda: _was_alive(reply)))
        return result.get() if block else result


def _accept(cell: Cell, envelope: Envelope) -> bool:
    """Put a message into the mailbox, on the loop's thread; return whether there was room."""
    if cell.mailbox.is_full() and not isinstance(envelope.message, _UNBOUNDED):
        return False
    cell.accept(envelope)
    return True


def _post(cell: Cell, envelope: Envelope) -> bool:
    """Send a message from another thread; return whether there was room."""
    system = cell.system
    with system.inbound_lock:
        if cell.mailbox.is_full() and not isinstance(envelope.message, _UNBOUNDED):
            return False
        cell.mailbox.inbound += 1
    system.call_soon(cell.accept_inbound, envelope)
    return True


def _refused(future: ActorFuture[Any], error: Exception) -> ActorFuture[Any]:
    future.set_exception((type(error), error, None))
    return future


def _was_alive(reply: Any) -> bool:
    error = reply.exception()
    if error is None or isinstance(error, ActorDeadError):
        return error is None
    raise error
