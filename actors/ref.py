"""Refs: the only handle on an actor, safe to pass around and to use from any thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

import pykka
from pykka.messages import _ActorStop

from aegispay.actors.envelope import Chain, Envelope, current_trace, current_turn
from aegispay.actors.errors import ActorDeadError, AskCycleError, AskTimeoutError, MailboxFullError
from aegispay.actors.future import ActorFuture
from aegispay.actors.messages import ControlMessage

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell

A = TypeVar("A", bound=pykka.Actor)


class CellRef(pykka.ActorRef[A], Generic[A]):
    """A ref to the actor on one cell, whichever instance lives there."""

    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def __repr__(self) -> str:
        """Return pykka's form."""
        return f"<ActorRef for {self}>"

    def __str__(self) -> str:
        """Return class and name."""
        return str(self._target())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellRef) and other.actor_urn == self.actor_urn

    def __hash__(self) -> int:
        return hash(self.actor_urn)

    def _target(self) -> Cell:
        return self._cell

    @property
    def actor_class(self) -> Any:  # type: ignore[override]
        """The class of the actor."""
        return self._target().actor_class

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """The actor's name."""
        return self._cell.name

    @property
    def actor_inbox(self) -> Any:  # type: ignore[override]
        """The actor's mailbox."""
        return self._target().mailbox

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        """Whether the actor has ended, as an object with `is_set`."""
        return self._target().stopped

    @property
    def _actor_weakref(self) -> Callable[[], Any]:  # type: ignore[override]
        return lambda: self._target().instance

    @property
    def cell(self) -> Cell:
        """The actor's permanent part; for the runtime and supervisors."""
        return self._target()

    def is_alive(self) -> bool:
        """Return whether the actor has not ended; a suspended one is alive."""
        return not self._target().stopped.is_set()

    def tell(self, message: Any) -> None:
        """Send a message and forget it. Never blocks.

        Raises:
            ActorDeadError: the actor has ended.
            MailboxFullError: its bound of waiting messages is reached.
        """
        cell = self._target()
        if cell.stopped.is_set():
            raise ActorDeadError(f"{cell} not found")
        if len(cell.mailbox) >= cell.capacity and not isinstance(message, ControlMessage):
            cell.system.dead_letters.add(message, str(cell), "mailbox full")
            raise MailboxFullError(message, cell, cell.capacity)
        cell.deliver(Envelope(message, trace=current_trace.get()))

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
            AskTimeoutError: no answer in time.
            ActorDeadError: the actor has ended.
            ActorCrashedError: it crashed over this message.
            MailboxFullError: its bound of waiting messages is reached.
            AskCycleError: the actor waits, directly or not, for the asker.
        """
        future = self.ask_now(message, timeout)
        return future.get() if block else future

    def ask_now(self, message: Any, timeout: float | None) -> ActorFuture[Any]:
        """Send a message and return the future of its reply."""
        cell = self._target()
        system = cell.system
        future: ActorFuture[Any] = ActorFuture(system)
        if cell.stopped.is_set():
            self._refuse(future, ActorDeadError(f"{cell} not found"))
            return future
        if len(cell.mailbox) >= cell.capacity and not isinstance(message, ControlMessage | _ActorStop):
            self._refuse(future, MailboxFullError(message, cell, cell.capacity))
            return future
        deadline = system.loop.time() + (system.ask_timeout_s if timeout is None else timeout)
        if system.is_here():
            chain = _chain()
            if chain is not None and _waits_for(chain, cell):
                future.refuse(AskCycleError(message, _names(chain, cell)))
                return future
            future.refuse_at(deadline, lambda: AskTimeoutError(message, cell))
        else:
            chain = None
            system.loop.call_soon_threadsafe(future.refuse_at, deadline, lambda: AskTimeoutError(message, cell))
        cell.deliver(Envelope(message, future, deadline=deadline, chain=chain, trace=current_trace.get()))
        return future

    def _refuse(self, future: ActorFuture[Any], error: Exception) -> None:
        if self._target().system.is_here():
            future.refuse(error)
        else:
            future.set_exception((type(error), error, None))

    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None) -> bool: ...

    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> ActorFuture[bool]: ...

    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any: ...

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Ask the actor to end after the messages that wait already, as pykka documents.

        Returns:
            Whether it was alive, or a future of that.
        """
        stopped = self.ask_now(_ActorStop(), timeout)
        result: ActorFuture[bool] = ActorFuture(self._target().system)

        def arrived(reply: Any) -> None:
            error = reply.exception()
            if error is None or isinstance(error, ActorDeadError):
                result.answer(error is None)
            else:
                result.refuse(error)

        stopped._on_loop(stopped.reply.add_done_callback, arrived)  # noqa: SLF001 - the same module of ideas
        return result.get() if block else result


def _chain() -> Chain | None:
    """Return the turns that would wait for an ask made here and now."""
    turn = current_turn.get()
    if turn is None:
        return None
    cell, envelope = turn
    return (cell, envelope, envelope.chain) if cell.is_in_turn(envelope) else None


def _waits_for(chain: Chain, target: Cell) -> bool:
    link: Chain | None = chain
    while link is not None:
        cell, envelope, link = link
        if cell is target and cell.is_in_turn(envelope):
            return True
    return False


def _names(chain: Chain, target: Cell) -> tuple[str, ...]:
    names = [str(target)]
    link: Chain | None = chain
    while link is not None:
        cell, _, link = link
        names.append(str(cell))
        if cell is target:
            break
    return tuple(reversed(names))
