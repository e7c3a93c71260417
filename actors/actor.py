"""What users subclass: pykka's `Actor`, run by the event loop."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

import pykka
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

from aegispay.actors.construction import adopting_cell
from aegispay.actors.errors import UnknownMessageError
from aegispay.actors.future import ActorFuture
from aegispay.actors.system import ActorSystem
from aegispay.actors.timers import Timers

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell


_PROXY_MESSAGES = frozenset({ProxyCall, ProxyGetAttr, ProxySetAttr})


class Actor(pykka.Actor):
    """An actor on the event loop: one message at a time, from its start to its end, awaits included.

    ``on_start``, ``on_receive``, ``on_stop``, ``on_failure`` and methods called through a proxy may be ``async``.
    An instance may be replaced after a crash; its ref, name and mail stay.
    """

    is_supervisor = False
    """Whether it answers for children of its own."""

    _cell: Cell
    _timers: Timers | None

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self._timers = None
        self._cell = adopting_cell(self)

    def __str__(self) -> str:
        """Return class and name, as pykka writes them."""
        return str(self._cell)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Any:
        """Start an actor of this class on the running loop, registered in pykka's registry, and return its ref."""
        system = ActorSystem.current()
        return system.spawn(lambda: cls(*args, **kwargs), name=system.next_name(cls), register=True)

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """The actor's name, unique among the living."""
        return self._cell.name

    @property
    def actor_inbox(self) -> Any:  # type: ignore[override]
        """The actor's mailbox."""
        return self._cell.mailbox

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        """Whether the actor has ended, as an object with `is_set`."""
        return self._cell.ref.actor_stopped

    @property
    def _actor_ref(self) -> Any:  # type: ignore[override]
        return self._cell.ref

    @property
    def system(self) -> ActorSystem:
        """The system this actor lives in."""
        return self._cell.system

    @property
    def incarnation(self) -> int:
        """How often the instance on this cell has been replaced."""
        return self._cell.incarnation

    @property
    def timers(self) -> Timers:
        """Timers of this instance, arriving as messages."""
        if self._timers is None:
            self._timers = Timers(self._cell)
        return self._timers

    def cancel_timers(self) -> None:
        """Stop all timers; the runtime calls it when the instance ends."""
        if self._timers is not None:
            self._timers.cancel_all()

    def can_passivate(self) -> bool:
        """Return whether the actor may be put away while idle; override to stay in memory."""
        return True

    def on_start(self) -> Any:
        """Do what must come before the first message, of every incarnation; override it, async or not."""

    def on_stop(self) -> Any:
        """Do what must come after the last message; override it, async or not."""

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        """Do what must come after a crash of this instance; override it, async or not."""

    @classmethod
    def has_start_hook(cls) -> bool:
        """Return whether the class does something when it starts."""
        return cls.on_start is not Actor.on_start

    @classmethod
    def has_stop_hook(cls) -> bool:
        """Return whether the class does something when it ends."""
        return cls.on_stop is not Actor.on_stop

    def on_receive(self, message: Any) -> Any:
        """Handle a message; override it. The default refuses, so that a wrong message is not taken for a success.

        Raises:
            UnknownMessageError: always, as the reply.
        """
        raise UnknownMessageError(message, self)

    def stop(self) -> None:
        """End after the messages that wait already."""
        self._cell.ref.stop(block=False)

    def _handle_receive(self, message: Any) -> Any:
        return super()._handle_receive(message) if type(message) in _PROXY_MESSAGES else self.on_receive(message)

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise NotImplementedError("the cell has the mailbox")

    @staticmethod
    def _create_future() -> ActorFuture[Any]:
        return ActorFuture(ActorSystem.current())

    def _start_actor_loop(self) -> None:
        """Nothing to do: the cell runs its turns on the event loop."""
