"""An actor's waiting messages in two lanes: control, which passes ahead, and the user's, which is bounded."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from aegispay.actors.messages import ControlMessage

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell
    from aegispay.actors.envelope import Envelope


class Mailbox:
    """Two queues that exist only while they hold something: most actors are idle, and a queue takes 600 bytes.

    Attributes:
        capacity: user messages that may wait.
        inbound: messages that other threads have sent and the loop has not taken over yet; they count as waiting.
    """

    __slots__ = ("_cell", "_control", "_user", "capacity", "inbound")

    def __init__(self, cell: Cell, capacity: int) -> None:
        self._cell = cell
        self._control: deque[Envelope] | None = None
        self._user: deque[Envelope] | None = None
        self.capacity = capacity
        self.inbound = 0

    def __len__(self) -> int:
        """Return how many user messages wait."""
        return 0 if self._user is None else len(self._user)

    def __bool__(self) -> bool:
        """Return whether anything waits."""
        return self._user is not None or self._control is not None

    def is_full(self) -> bool:
        """Return whether the user's lane has reached its bound."""
        user = self._user
        return self.inbound + (0 if user is None else len(user)) >= self.capacity

    def append(self, envelope: Envelope) -> None:
        """Add a message to the end of its lane."""
        if isinstance(envelope.message, ControlMessage):
            self.append_control(envelope)
        else:
            if self._user is None:
                self._user = deque()
            self._user.append(envelope)
            self._cell.system.waiting += 1

    def append_control(self, envelope: Envelope) -> None:
        """Add a message to the lane that passes ahead, whatever its type."""
        if self._control is None:
            self._control = deque()
        self._control.append(envelope)

    def popleft(self) -> Envelope | None:
        """Take the next message, control first; ``None`` when nothing waits."""
        lane = self._control
        if lane is not None:
            envelope = lane.popleft()
            if not lane:
                self._control = None
            return envelope
        lane = self._user
        if lane is None:
            return None
        envelope = lane.popleft()
        self._cell.system.waiting -= 1
        if not lane:
            self._user = None
        return envelope

    def put(self, envelope: Any, /) -> None:
        """Deliver an envelope, as pykka's inbox does."""
        self._cell.deliver(envelope)

    def get(self) -> Envelope:
        """Not for actors of this runtime: they are handed their messages."""
        raise NotImplementedError("the runtime takes messages out, nobody else")

    def empty(self) -> bool:
        """Return whether nothing waits."""
        return not self
