"""The one place where messages and turns can be disturbed on purpose: for tests of what survives it."""

from __future__ import annotations

from collections.abc import Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

from aegispay.actors.envelope import Envelope
from aegispay.actors.messages import LIFE_MESSAGES, ChildCrashed, ChildStopped, Terminated

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell

_OWN = LIFE_MESSAGES | {ChildCrashed, ChildStopped, Terminated}
"""What the runtime tells itself is never disturbed: without it nothing could be mended."""

AT_ONCE = (0.0,)
"""One copy, now: what happens to a message that nobody disturbs."""


class Interception(Protocol):
    """Sees every message twice: when it is delivered, and when it is handled. Called on the loop's thread."""

    def arrivals(self, actor_class: type[Any], name: str, message: Any, *, is_asked: bool) -> Sequence[float]:
        """Return after how many seconds copies of the message arrive; empty when it is lost.

        Args:
            actor_class: of the receiver.
            name: of the receiver.
            message: as it was sent.
            is_asked: whether somebody waits for the answer. The first copy is the one that answers.
        """
        ...

    def before_turn(self, actor_class: type[Any], name: str, message: Any) -> None:
        """Called before the message is handled; what it raises crashes the actor as if the handler had raised it."""
        ...

    def after_turn(self, actor_class: type[Any], name: str, message: Any) -> None:
        """Called after the message was handled, before its asker hears; what it raises crashes the actor."""
        ...


class LateEnvelope(Envelope):
    """A copy that was disturbed already, and is not again."""

    __slots__ = ()


def divert(interception: Interception, cell: Cell, envelope: Envelope) -> bool:
    """Return whether the message is not to be taken in now; if so, its copies come later or never."""
    message = envelope.message
    if type(envelope) is LateEnvelope or type(message) in _OWN:
        return False
    is_asked = envelope.reply_to is not None
    arrivals = interception.arrivals(cell.actor_class, cell.name, message, is_asked=is_asked)
    if arrivals == AT_ONCE:
        return False
    for number, delay_s in enumerate(arrivals):
        answered = (envelope.reply_to, envelope.deadline) if number == 0 else (None, None)
        copy = LateEnvelope(message, *answered, envelope.trace)
        if delay_s <= 0:
            cell.accept(copy)
        else:
            _send_later(cell, copy, delay_s)
    return True


def _send_later(cell: Cell, copy: LateEnvelope, delay_s: float) -> None:
    with cell.system.inbound_lock:
        # It counts as waiting, so that nobody puts the actor away meanwhile.
        cell.mailbox.inbound += 1
    cell.system.loop.call_later(delay_s, _arrive, cell, copy)


def _arrive(cell: Cell, copy: LateEnvelope) -> None:
    with cell.system.inbound_lock:
        cell.mailbox.inbound -= 1
    cell.accept(copy)


async def intercepted(interception: Interception, cell: Cell, message: Any) -> Any:
    """Handle the message between two chances to crash."""
    assert cell.instance is not None
    is_own = type(message) in _OWN
    if not is_own:
        interception.before_turn(cell.actor_class, cell.name, message)
    result = cell.instance._handle_receive(message)  # noqa: SLF001 - pykka's dispatch, proxies included
    if isinstance(result, CoroutineType):
        result = await result
    if not is_own:
        interception.after_turn(cell.actor_class, cell.name, message)
    return result
