"""What travels between actors: the message, where the reply goes, until when, and on whose behalf."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pykka._envelope import Envelope as PykkaEnvelope
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from aegispay.actors.future import ActorFuture


class Envelope(PykkaEnvelope[Any]):
    """A message under way.

    Attributes:
        deadline: loop time after which the message is answered with a timeout and not handled; only asks have one.
        trace: what the sender had in `current_trace`.
    """

    __slots__ = ("deadline", "trace")

    message: Any
    reply_to: ActorFuture[Any] | None

    def __init__(
        self,
        message: Any,
        reply_to: ActorFuture[Any] | None = None,
        deadline: float | None = None,
        trace: Any = None,
    ) -> None:
        self.message = message
        self.reply_to = reply_to
        self.deadline = deadline
        self.trace = trace

    def __repr__(self) -> str:
        """Show the type only: the content may be private."""
        return f"<Envelope {type(self.message).__name__}>"

    def is_void(self, now: float) -> bool:
        """Return whether the message must not be handled any more: answered already, withdrawn, or too late."""
        reply = self.reply_to
        if reply is None or self.deadline is None:
            return False
        # A stop is carried out even when nobody waits for it any more.
        return reply.is_over(now, self.deadline) and type(self.message) is not _ActorStop


current_trace: ContextVar[Any] = ContextVar("aegispay_trace", default=None)
"""Set it before sending; the handler of the message sees the same value, whoever woke its actor."""
