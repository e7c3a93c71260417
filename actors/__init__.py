"""Actors: pykka's model on asyncio. This face is the generic runtime; payments live in the modules beside it."""

if __name__ != "aegispay.actors":
    raise ImportError("import aegispay.actors; the folder actors/ is mapped into the aegispay package")

from pykka import ActorRef

from aegispay.actors.actor import Actor
from aegispay.actors.dead_letters import DeadLetter, DeadLetters
from aegispay.actors.directory import Directory
from aegispay.actors.envelope import current_trace
from aegispay.actors.errors import (
    ActorCrashedError,
    ActorDeadError,
    ActorError,
    AskCycleError,
    AskTimeoutError,
    DirectoryFullError,
    DuplicateActorError,
    MailboxFullError,
    NotReadyError,
    Refusal,
    UnknownMessageError,
)
from aegispay.actors.future import ActorFuture
from aegispay.actors.messages import ChildCrashed, ChildStopped, ControlMessage, Phase, StopReason, Terminated
from aegispay.actors.ref import CellRef
from aegispay.actors.system import ActorSystem, SystemStats

__all__ = [
    "Actor",
    "ActorCrashedError",
    "ActorDeadError",
    "ActorError",
    "ActorFuture",
    "ActorRef",
    "ActorSystem",
    "AskCycleError",
    "AskTimeoutError",
    "CellRef",
    "ChildCrashed",
    "ChildStopped",
    "ControlMessage",
    "DeadLetter",
    "DeadLetters",
    "Directory",
    "DirectoryFullError",
    "DuplicateActorError",
    "MailboxFullError",
    "NotReadyError",
    "Phase",
    "Refusal",
    "StopReason",
    "SystemStats",
    "Terminated",
    "UnknownMessageError",
    "current_trace",
]
