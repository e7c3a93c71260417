"""Refs by id: good for any thread, and for longer than the actor stays in memory."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

from aegispay.actors.dead_letters import DeadLetters
from aegispay.actors.errors import MailboxFullError
from aegispay.actors.future import ActorFuture
from aegispay.actors.ref import CellRef

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell
    from aegispay.actors.directory import Directory
    from aegispay.actors.system import ActorSystem


class DirectoryRef(CellRef[Any]):
    """A ref by id: each message goes to whichever cell has the id then, started when needed."""

    __slots__ = ("_directory", "_id")

    def __init__(self, directory: Directory, actor_id: str) -> None:
        self._directory = directory
        self._id = actor_id

    def __str__(self) -> str:
        """Return the id."""
        return self._id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DirectoryRef) and (self._directory, self._id) == (other._directory, other._id)

    def __hash__(self) -> int:
        return hash(self._id)

    @property
    def cell(self) -> Cell:
        """The cell that has the id now, started when needed."""
        if self.system.is_here():
            return self._directory.cell(self._id)
        found: concurrent.futures.Future[Cell] = concurrent.futures.Future()
        self.system.call_soon(self._find, found)
        return found.result(self.system.ask_timeout_s)

    def _find(self, found: concurrent.futures.Future[Cell]) -> None:
        try:
            found.set_result(self._directory.cell(self._id))
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that asks
            found.set_exception(error)

    @property
    def system(self) -> ActorSystem:
        """The system the actor lives in."""
        return self._directory.system

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """The actor's id."""
        return self._id

    def is_alive(self) -> bool:
        """Return whether it can be reached, which is always."""
        return True

    def tell(self, message: Any) -> None:
        """Send a message and forget it.

        Raises:
            MailboxFullError: its bound of waiting messages is reached.
            DirectoryFullError: no room to start it. In another thread than the loop's this, and whatever else goes
                wrong after the message was sent, becomes a dead letter.
        """
        if self.system.is_here():
            self._directory.tell(self._id, message)
        elif self._directory.take_inbound(message):
            self.system.call_soon(self._tell_here, message)
        else:
            self.system.overflows += 1
            self._letters.add(message, self._id, "mailbox full")
            raise MailboxFullError(message, self._id, self._directory.capacity)

    def _tell_here(self, message: Any) -> None:
        self._directory.inbound_arrived()
        try:
            self._directory.tell(self._id, message)
        except MailboxFullError:
            pass  # counted where it was refused
        except Exception as error:  # noqa: BLE001 - the sender is in another thread, and has gone on
            self._letters.add(message, self._id, f"not started: {type(error).__name__}")

    @property
    def _letters(self) -> DeadLetters:
        return self.system.dead_letters

    def ask_now(self, message: Any, timeout: float | None) -> ActorFuture[Any]:
        """Send a message and return the future of its reply. What goes wrong is the reply, never raised."""
        if self.system.is_here():
            return self._directory.ask(self._id, message, timeout_s=timeout)
        future: ActorFuture[Any] = ActorFuture(self.system)
        if self._directory.take_inbound(message):
            self.system.call_soon(self._ask_here, message, timeout, future)
        else:
            self.system.overflows += 1
            error = MailboxFullError(message, self._id, self._directory.capacity)
            future.set_exception((type(error), error, None))
        return future

    def _ask_here(self, message: Any, timeout: float | None, future: ActorFuture[Any]) -> None:
        self._directory.inbound_arrived()
        asked = self._directory.ask(self._id, message, timeout_s=timeout)
        asked.reply.add_done_callback(lambda reply: future.resolve(reply.result))
