"""What travels between actors: the message, where the reply goes, until when, and on whose behalf."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pykka._envelope import Envelope as PykkaEnvelope

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell
    from aegispay.actors.future import ActorFuture


class Envelope(PykkaEnvelope[Any]):
    """A message under way.

    Attributes:
        deadline: loop time after which the message is answered with a timeout and not handled.
        chain: the turns that wait for this reply: (cell, its envelope, the chain before it), innermost first.
        trace: what the sender had in `current_trace`.
    """

    __slots__ = ("chain", "deadline", "trace")

    message: Any
    reply_to: ActorFuture[Any] | None

    def __init__(
        self,
        message: Any,
        reply_to: ActorFuture[Any] | None = None,
        *,
        deadline: float | None = None,
        chain: Chain | None = None,
        trace: Any = None,
    ) -> None:
        self.message = message
        self.reply_to = reply_to
        self.deadline = deadline
        self.chain = chain
        self.trace = trace


Chain = tuple["Cell", Envelope, "Chain | None"]

current_trace: ContextVar[Any] = ContextVar("aegispay_trace", default=None)
"""Set it before sending; the handler of the message sees the same value, whoever woke its actor."""

current_turn: ContextVar[tuple[Cell, Envelope] | None] = ContextVar("aegispay_turn", default=None)
"""The turn in which the running code was started; private to the runtime."""
