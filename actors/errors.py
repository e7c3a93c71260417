"""What can go wrong between actors. Messages name the message's type and the target, never the content."""

from __future__ import annotations

from pykka import ActorDeadError, Timeout


def _name(message: object) -> str:
    """Return the type's name of a message, or of the type itself."""
    return message.__name__ if isinstance(message, type) else type(message).__name__


class ActorError(Exception):
    """Root of the runtime's own errors."""


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error
    """A declared refusal: raised in a handler it is the reply, and the actor lives on."""


class UnknownMessageError(Refusal):
    """The actor does not know this type of message."""

    def __init__(self, message: object, target: object) -> None:
        super().__init__(f"{target} does not understand {_name(message)}")


class MailboxFullError(ActorError):
    """The target has its bound of messages waiting. The message was not accepted."""

    def __init__(self, message: object, target: object, capacity: int) -> None:
        super().__init__(f"{_name(message)} was not accepted: {target} has {capacity} messages waiting")


class DirectoryFullError(ActorError):
    """The directory has its bound of actors and none of them may be put away."""

    def __init__(self, name: str, size_max: int) -> None:
        super().__init__(f"{name} was not started: all {size_max} actors of its directory are busy")


class DuplicateActorError(ActorError):
    """An actor of that name is alive."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an actor named {name} is alive already")


class AskCycleError(ActorError):
    """The ask would wait for itself: the target waits, directly or through others, for the asker."""

    def __init__(self, message: object, chain: tuple[str, ...]) -> None:
        super().__init__(f"{_name(message)} would deadlock: {' asks '.join(chain)}")


class NotReadyError(ActorError):
    """Waiting on the loop's own thread for a reply that is not there would never end. Nothing was sent, or lost."""

    def __init__(self) -> None:
        super().__init__("this is the event loop's own thread: use block=False and await the reply")


class AskTimeoutError(Timeout):
    """No answer before the deadline. A message that still waited by then is not handled any more."""

    def __init__(self, message: object, target: object) -> None:
        super().__init__(f"{target} did not answer {_name(message)} in time")


class ActorCrashedError(ActorError):
    """The actor crashed while it handled the message.

    Attributes:
        outcome: whether the message's effect is ``applied``, ``not_applied`` or ``unknown``.
    """

    def __init__(self, message: object, target: object, cause: BaseException, outcome: str = "unknown") -> None:
        self.outcome = outcome
        super().__init__(f"{target} crashed with {type(cause).__name__} while handling {_name(message)}")


__all__ = [
    "ActorCrashedError",
    "ActorDeadError",
    "ActorError",
    "AskCycleError",
    "AskTimeoutError",
    "DirectoryFullError",
    "DuplicateActorError",
    "MailboxFullError",
    "NotReadyError",
    "Refusal",
    "UnknownMessageError",
]
