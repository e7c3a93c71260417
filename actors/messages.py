"""Messages of the runtime itself, and the marker for messages that pass ahead of others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pykka import ActorRef
from pykka.messages import _ActorStop


class ControlMessage:
    """Marker: instances pass ahead of user mail and do not count towards the mailbox's bound."""

    __slots__ = ()


class StopReason(StrEnum):
    """Why an actor ended."""

    NORMAL = "normal"
    SHUTDOWN = "shutdown"
    PASSIVATED = "passivated"
    CRASHED = "crashed"


class Phase(StrEnum):
    """When an actor crashed."""

    START = "start"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class ChildCrashed(ControlMessage):
    """Told to the supervisor: the child is suspended, its mail kept, until restarted or stopped.

    Attributes:
        message_type: what it was handling; empty outside of messages.
    """

    ref: ActorRef[Any]
    cause: BaseException
    message_type: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class ChildStopped(ControlMessage):
    """Told to the supervisor: the child ended and stays ended."""

    ref: ActorRef[Any]
    reason: StopReason


@dataclass(frozen=True, slots=True)
class Terminated(ControlMessage):
    """Told once to each watcher: the watched actor has ended."""

    ref: ActorRef[Any]
    reason: StopReason


@dataclass(frozen=True, slots=True)
class Stop(ControlMessage):
    """End after the current turn, ahead of waiting mail; private to the runtime."""

    reason: StopReason


@dataclass(frozen=True, slots=True)
class Restart(ControlMessage):
    """Replace the instance after the current turn; private to the runtime."""


@dataclass(frozen=True, slots=True)
class Suspend(ControlMessage):
    """Run the stop hook, drop the instance, keep cell and mail; private to the runtime."""


LifeMessage = Stop | Restart | Suspend | _ActorStop

LIFE_MESSAGES = frozenset({Stop, Restart, Suspend, _ActorStop})
"""What the cell handles itself. pykka's own stop waits its turn behind the mail that came before it."""
