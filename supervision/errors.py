"""What supervision itself can complain about."""

from __future__ import annotations

from aegispay.actors import Refusal


class SupervisionError(Exception):
    """Root of supervision's errors."""


class InvalidSpecError(Refusal, SupervisionError):
    """A specification makes no sense; as the answer to a request it is a refusal.

    Attributes:
        field: which part.
    """

    def __init__(self, field: str, value: object, way_out: str) -> None:
        self.field = field
        super().__init__(f"{field} is {value!r}: {way_out}")


class RestartIntensityExceededError(SupervisionError):
    """A supervisor gave up: a child kept crashing, so restarting it here does not help.

    Attributes:
        child: the one that crashed last.
    """

    def __init__(self, supervisor: str, child: str, restarts: int, period_s: float) -> None:
        self.child = child
        super().__init__(f"{supervisor} gave up: {child} crashed beyond {restarts} restarts in {period_s:g} s")


class CrashEscalatedError(SupervisionError):
    """A supervisor gave up over one crash: its decider leaves this exception to whoever is above.

    Attributes:
        child: the one that crashed.
    """

    def __init__(self, supervisor: str, child: str, cause: BaseException) -> None:
        self.child = child
        super().__init__(f"{supervisor} gave up: {child} crashed with {type(cause).__name__}, which it escalates")


class ChildNotStartedError(Refusal, SupervisionError):
    """A child that was to be added could not be started. Nothing of it is left; the supervisor goes on.

    Attributes:
        child: its id.
    """

    def __init__(self, supervisor: str, child: str, cause: BaseException) -> None:
        self.child = child
        super().__init__(f"{supervisor} did not start {child}: {type(cause).__name__}")


class CommonCauseError(SupervisionError):
    """So many different children crashed at once that the cause cannot lie in them."""

    def __init__(self, supervisor: str, children: int, period_s: float) -> None:
        super().__init__(f"{supervisor} gave up: {children} different children crashed in {period_s:g} s")
