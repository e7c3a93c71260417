"""What is supervised and how, as data: checked once, before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from aegispay.actors import Actor
from aegispay.supervision.backoff import Backoff
from aegispay.supervision.decider import Decider
from aegispay.supervision.errors import InvalidSpecError


class RestartType(StrEnum):
    """Whether a child that ended is started again: always, after a crash only, or never."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Strategy(StrEnum):
    """Who else is restarted with a crashed child: nobody, everybody, or those started after it."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartIntensity:
    """How many restarts are normal: one more within the period and the supervisor gives up.

    Attributes:
        restarts: OTP's default is 1; three also survive a short burst with one cause.
        period_s: seconds.
    """

    restarts: int = 3
    period_s: float = 5.0

    def __post_init__(self) -> None:
        if not _is_whole(self.restarts, 0):
            raise InvalidSpecError("restarts", self.restarts, "use 0 or more")
        if not self.period_s > 0:
            raise InvalidSpecError("period_s", self.period_s, "use more than 0 seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child of a supervisor.

    Attributes:
        id: unique within the supervisor, and the actor's name.
        start: makes an instance.
        restart: when it is started again.
        shutdown_s: how long its last turn may take when it is stopped; OTP's five seconds.
        backoff: how long to wait before each restart.
        decider: what to do about which exception.
        capacity: user messages that may wait for it.
        is_registered: whether pykka's `ActorRegistry` knows it.
    """

    id: str
    start: Callable[[], Actor]
    restart: RestartType = RestartType.PERMANENT
    shutdown_s: float = 5.0
    backoff: Backoff = field(default_factory=Backoff)
    decider: Decider = field(default_factory=Decider)
    capacity: int = 1_000
    is_registered: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.id, str) and self.id):
            raise InvalidSpecError("id", self.id, "give the child a name")
        if not callable(self.start):
            raise InvalidSpecError("start", self.start, "pass a function that makes an actor")
        if not isinstance(self.restart, RestartType):
            raise InvalidSpecError("restart", self.restart, f"use one of {', '.join(RestartType)}")
        if not self.shutdown_s > 0:
            raise InvalidSpecError("shutdown_s", self.shutdown_s, "use more than 0 seconds")
        if not isinstance(self.backoff, Backoff):
            raise InvalidSpecError("backoff", self.backoff, "use a Backoff")
        if not isinstance(self.decider, Decider):
            raise InvalidSpecError("decider", self.decider, "use a Decider")
        if not _is_whole(self.capacity, 1):
            raise InvalidSpecError("capacity", self.capacity, "use 1 or more")


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def check_ids(specs: tuple[ChildSpec, ...]) -> None:
    """Refuse two children of one id.

    Raises:
        InvalidSpecError: naming the id.
    """
    seen: set[str] = set()
    for spec in specs:
        if spec.id in seen:
            raise InvalidSpecError("id", spec.id, "give each child its own id")
        seen.add(spec.id)
