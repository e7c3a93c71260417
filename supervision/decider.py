"""What to do about which exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aegispay.supervision.errors import InvalidSpecError


class Verdict(StrEnum):
    """What becomes of a crashed child.

    There is no "resume": a crash may have come in the middle of a commit, so what the instance remembers cannot be
    trusted; only what is on disk can.
    """

    RESTART = "restart"
    STOP = "stop"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Decider:
    """A verdict per exception class; the most specific class counts, restart is the default."""

    verdicts: Mapping[type[BaseException], Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, verdict in self.verdicts.items():
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise InvalidSpecError("verdicts", kind, "use exception classes as keys")
            if not isinstance(verdict, Verdict):
                raise InvalidSpecError("verdicts", verdict, f"use one of {', '.join(Verdict)}")

    def decide(self, cause: BaseException) -> Verdict:
        """Return the verdict on a crash."""
        for kind in type(cause).__mro__:
            if kind in self.verdicts:
                return self.verdicts[kind]
        return Verdict.RESTART
