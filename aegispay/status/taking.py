"""Taking the picture: from memory alone, so that it also shows an engine whose disk does not answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aegispay.actors import ActorSystem
from aegispay.actors.gateway_metrics import GatewayMetrics
from aegispay.actors.services import GatewayEntry
from aegispay.dispatch import Dispatcher
from aegispay.domain.breaker import BreakerScope, BreakerState
from aegispay.errors import AegisPayError
from aegispay.observability.gathering import gather
from aegispay.observability.snapshot import ActorMetrics
from aegispay.observability.telemetry import Telemetry
from aegispay.outbox.relay import Relay
from aegispay.parking import ParkingLot
from aegispay.ports import Clock
from aegispay.recovery import Recovery
from aegispay.status.picture import ActorPicture, EngineStatus, GatewayPicture, SubscriberPicture
from aegispay.status.window import Window


class Parts(Protocol):
    """The parts of an engine that know numbers without asking the store."""

    system: ActorSystem
    telemetry: Telemetry
    parking: ParkingLot
    recovery: Recovery
    relay: Relay
    dispatcher: Dispatcher
    refusal: AegisPayError | None

    @property
    def gateways(self) -> Mapping[str, GatewayEntry]:
        """Registered gateways by name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose picture it is: see `EngineStatus`."""

    pid: int
    host: str
    epoch: int
    opened_at: datetime
    interval_s: float


class StatusTaker:
    """Takes pictures of one open engine."""

    def __init__(self, parts: Parts, identity: Identity, clock: Clock) -> None:
        self._parts = parts
        self._identity = identity
        self._clock = clock
        self._window = Window()

    async def take(self) -> EngineStatus:
        """Return the picture of this moment."""
        parts, identity = self._parts, self._identity
        counted = parts.telemetry.recorder.fill(parts.telemetry.gauges)
        metrics = await gather(counted, system=parts.system, gateways=parts.gateways)
        self._window.add(metrics, self._clock.monotonic())
        return EngineStatus(
            pid=identity.pid,
            host=identity.host,
            epoch=identity.epoch,
            opened_at=identity.opened_at,
            written_at=self._clock.now(),
            interval_s=identity.interval_s,
            halted="" if parts.refusal is None else type(parts.refusal).__name__,
            payments=dict(metrics.payments),
            failures=dict(metrics.failures),
            retried=metrics.retried,
            requests=parts.dispatcher.in_flight,
            calls=sum(metrics.calls_in_flight.values()),
            parked=len(parts.parking),
            recovering=len(parts.recovery),
            payments_per_s=self._window.payments_per_s(),
            lately=self._window.lately(),
            gateways=tuple(map(_gateway, metrics.gateways)),
            subscribers=tuple(_subscribers(parts.relay)),
            actors=_actors(metrics.actors),
        )


def _gateway(metrics: GatewayMetrics) -> GatewayPicture:
    not_closed = (
        each.operation
        for each in metrics.breakers
        if each.operation is not BreakerScope.CHARGE and each.state is not BreakerState.CLOSED
    )
    return GatewayPicture(
        name=metrics.name,
        is_enabled=metrics.is_enabled,
        breaker=metrics.breaker,
        not_closed=tuple(not_closed),
        health=round(metrics.health, 4),
        is_up=metrics.is_up,
        success_rate=metrics.success_rate,
        approval_rate=metrics.approval_rate,
        calls=metrics.calls,
        latency_p50_s=metrics.latency_p50_s,
        latency_p95_s=metrics.latency_p95_s,
        in_flight=metrics.in_flight,
        concurrency_limit=metrics.concurrency_limit,
        refused=metrics.refused,
    )


def _subscribers(relay: Relay) -> Iterable[SubscriberPicture]:
    for name, tally in relay.tallies().items():
        yield SubscriberPicture(
            name=name,
            is_paused=tally.paused_until is not None,
            delivered=tally.delivered,
            failed=tally.failed,
            running=tally.running,
        )


def _actors(metrics: ActorMetrics) -> ActorPicture:
    return ActorPicture(
        alive=metrics.alive,
        messages=metrics.messages,
        waiting=dict(metrics.waiting),
        refused=metrics.refused,
        crashes=dict(metrics.crashes),
        restarts=dict(metrics.restarts),
    )
