"""The engine's numbers at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aegispay.observability import semantics as s
from aegispay.observability.series import Attributes, Distribution, empty

if TYPE_CHECKING:  # what counts a gateway's calls uses this package
    from aegispay.actors.gateway_metrics import GatewayMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtMetrics:
    """What is not known, and how long it has taken to find out.

    Attributes:
        payments: payments of which a charge or an operation is in doubt now.
        oldest_age_s: how long the oldest of them has been open; ``None`` when there is none.
        resolved: doubts that have ended since the engine was opened.
        resolved_by: the same by evidence: ``lookup``, ``resend``, ``webhook``, ``operator``, ``answer`` (a late one).
        resolution_p50_s, resolution_p95_s, resolution_max_s: how long the last 1,000 of them took.
    """

    payments: int
    oldest_age_s: float | None
    resolved: int
    resolved_by: dict[str, int] = field(default_factory=dict)
    resolution_p50_s: float | None = None
    resolution_p95_s: float | None = None
    resolution_max_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMetrics:
    """Answered calls of one kind.

    Attributes:
        operation: the adapter's method, such as ``charge`` or ``fetch_payment``.
        outcome: the type of the answer, such as ``approved`` or ``unknown``; ``not_found`` for look-ups.
        latency: in seconds.
    """

    gateway: str
    operation: str
    outcome: str
    latency: Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorMetrics:
    """The runtime.

    Attributes:
        alive: actors in memory, payments and others. messages: handled so far.
        waiting: messages in mailboxes now, by group: ``router``, ``gateways``, ``scheduler``, ``payments``.
        refused: messages that found their mailbox full.
        crashes, restarts: by supervisor.
    """

    alive: int = 0
    messages: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0
    crashes: Mapping[str, int] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitMetrics:
    """Durable transactions; empty for a store that does not say.

    Attributes:
        size: writes that shared one transaction. latency: in seconds, waiting for an earlier one not included.
    """

    size: Distribution = field(default_factory=lambda: empty(s.COMMIT_SIZE))
    latency: Distribution = field(default_factory=lambda: empty(s.COMMIT_DURATION))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberMetrics:
    """One subscriber.

    Attributes:
        lag: events behind its position. lag_s: how long ago the first of them was committed.
        waiting: deliveries that wait for another try. dead: its dead letters.
        delivered, failed: tries since the engine was opened.
    """

    name: str
    lag: int
    lag_s: float
    waiting: int
    dead: int
    delivered: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMetrics:
    """The engine's numbers. Counts are those since the engine object was made, unless they say "now".

    Attributes:
        incidents: payments with an open incident.
        payments: by the state they reached; a payment counts in each of its states.
        durations: from creation to the end, by state, in seconds.
        failures: failed payments by reason. retried: payments that needed more than one attempt.
        events: events written by payments, by type.
        attempts: begun, by gateway and ``first`` or ``retry``. routed: by gateway and strategy.
        calls: answered gateway calls. calls_in_flight: running now, by gateway.
        doubt_durations: how long doubts took to end, by evidence, in seconds.
        gateways: each with its breakers; of one whose actor is being restarted, nothing is known now.
        parked: payments set aside now. requests: of callers inside the engine now.
        repetitions: requests under a key that was known: ``same``, answered as before, or ``conflict``.
    """

    doubts: DoubtMetrics
    incidents: int
    payments: Mapping[str, int] = field(default_factory=dict)
    durations: Mapping[str, Distribution] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    retried: int = 0
    events: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[Attributes, int] = field(default_factory=dict)
    routed: Mapping[Attributes, int] = field(default_factory=dict)
    calls: tuple[CallMetrics, ...] = ()
    doubt_durations: Mapping[str, Distribution] = field(default_factory=dict)
    gateways: tuple[GatewayMetrics, ...] = ()
    actors: ActorMetrics = field(default_factory=ActorMetrics)
    commits: CommitMetrics = field(default_factory=CommitMetrics)
    subscribers: tuple[SubscriberMetrics, ...] = ()
    parked: int = 0
    requests: int = 0
    repetitions: Mapping[str, int] = field(default_factory=dict)

    @property
    def calls_in_flight(self) -> dict[str, int]:
        """Gateway calls running now, by gateway."""
        return {gateway.name: gateway.in_flight for gateway in self.gateways}

    @property
    def success_rate(self) -> float | None:
        """Share of payments charged or failed that were charged; ``None`` before the first has ended."""
        good = self.payments.get("success", 0)
        ended = good + self.payments.get("failure", 0)
        return good / ended if ended else None


NOTHING = EngineMetrics(doubts=DoubtMetrics(payments=0, oldest_age_s=None, resolved=0), incidents=0)
"""What is known before anything was."""
