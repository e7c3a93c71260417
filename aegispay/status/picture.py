"""What the picture shows: only what the engine's memory knows, and nothing about any one payment or person."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aegispay.domain.breaker import BreakerScope, BreakerState


class _Picture(BaseModel):
    """A part of the picture; what a later version adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class GatewayPicture(_Picture):
    """How one gateway is doing: see `GatewayMetrics`.

    Attributes:
        breaker: of charges. not_closed: the other operations whose breaker is not closed.
    """

    name: str
    is_enabled: bool
    breaker: BreakerState
    not_closed: tuple[BreakerScope, ...] = ()
    health: float
    is_up: bool | None = None
    success_rate: float | None = None
    approval_rate: float | None = None
    calls: int = 0
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    in_flight: int = 0
    concurrency_limit: int = 0
    refused: int = 0


class SubscriberPicture(_Picture):
    """What of a running subscription stands in no file.

    Attributes:
        delivered, failed: tries since the engine was opened. running: tries going on now.
    """

    name: str
    is_paused: bool = False
    delivered: int = 0
    failed: int = 0
    running: int = 0


class ActorPicture(_Picture):
    """The runtime: see `ActorMetrics`."""

    alive: int = 0
    messages: int = 0
    waiting: dict[str, int] = {}
    refused: int = 0
    crashes: dict[str, int] = {}
    restarts: dict[str, int] = {}


class LatelyPicture(_Picture):
    """The last pictures together, about thirty of them.

    Attributes:
        seconds: how long that is.
        payments_per_s: begun. events_per_s: written.
        payment_p50_s, payment_p95_s: from creation to the end, of those that ended.
        commits_per_s: transactions. writes_per_commit: on average.
        commit_p50_s, commit_p95_s: how long a transaction took.
    """

    seconds: float
    payments_per_s: float = 0.0
    events_per_s: float = 0.0
    payment_p50_s: float | None = None
    payment_p95_s: float | None = None
    commits_per_s: float = 0.0
    writes_per_commit: float | None = None
    commit_p50_s: float | None = None
    commit_p95_s: float | None = None


class EngineStatus(_Picture):
    """The whole picture.

    Attributes:
        pid, host: of the engine's process. epoch: how many times the database had been opened by then.
        opened_at, written_at: when. interval_s: between two pictures.
        halted: the kind of error for which no commands are taken any more; empty while they are.
        payments: by the state they reached, since the engine was opened; a payment counts in each of its states.
        failures: failed payments by reason. retried: payments that needed more than one attempt.
        requests: of callers inside the engine. calls: gateway calls running. parked: payments set aside.
        recovering: payments of an earlier run that are still being picked up.
        payments_per_s: begun between two pictures, oldest first, for a small curve. lately: see there; ``None`` in the
            first picture.
    """

    version: Literal[1] = 1
    pid: int
    host: str
    epoch: int
    opened_at: datetime
    written_at: datetime
    interval_s: float
    halted: str = ""
    payments: dict[str, int] = {}
    failures: dict[str, int] = {}
    retried: int = 0
    requests: int = 0
    calls: int = 0
    parked: int = 0
    recovering: int = 0
    payments_per_s: tuple[float, ...] = ()
    lately: LatelyPicture | None = None
    gateways: tuple[GatewayPicture, ...] = ()
    subscribers: tuple[SubscriberPicture, ...] = ()
    actors: ActorPicture = ActorPicture()
