"""The engine's numbers: what was counted, and what is true now, taken when somebody wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from aegispay.actors import ActorSystem
from aegispay.actors.services import GatewayEntry
from aegispay.dispatch import Dispatcher
from aegispay.domain.evidence import Evidence
from aegispay.errors import StoreError
from aegispay.history import rebuild
from aegispay.observability.gathering import gather
from aegispay.observability.snapshot import EngineMetrics, SubscriberMetrics
from aegispay.observability.telemetry import Telemetry
from aegispay.outbox.relay import Relay
from aegispay.outbox.statuses import SubscriptionStatus
from aegispay.parking import ParkingLot
from aegispay.ports import Clock, EventStore
from aegispay.resolutions import Resolutions

_REFRESH_S = 5.0
"""How old gauges may be that a reader in another thread sees: taking them asks the store and all gateways' actors."""


class Parts(Protocol):
    """The parts of an engine that know numbers."""

    system: ActorSystem
    parking: ParkingLot
    relay: Relay
    dispatcher: Dispatcher

    @property
    def gateways(self) -> Mapping[str, GatewayEntry]:
        """Registered gateways by name."""
        ...


class Measuring:
    """Takes the gauges of one open engine.

    Args:
        parts: of the engine; asked when numbers are wanted.
        telemetry: what counts the rest.
    """

    def __init__(self, parts: Parts, telemetry: Telemetry, store: EventStore, clock: Clock) -> None:
        self._parts = parts
        self._telemetry = telemetry
        self._store = store
        self._clock = clock
        self._resolutions = Resolutions()
        self._refreshed_s: float | None = None
        telemetry.find = self._find
        observe = getattr(store, "observe_commits", None)
        if observe is not None:
            observe(telemetry.batch_committed)

    async def _find(self, payment_id: str) -> str | None:
        payment = rebuild(payment_id, await self._store.load(payment_id))
        return None if payment is None else payment.trace

    def doubt_ended(self, duration_s: float, evidence: Evidence) -> None:
        """Take in that something was in doubt for so long."""
        self._resolutions.ended(duration_s, evidence)
        self._telemetry.doubt_ended(duration_s, evidence)

    async def metrics(self) -> EngineMetrics:
        """Return all numbers.

        Raises:
            StoreError: what only the store knows cannot be read.
        """
        base = self._resolutions.metrics(await self._store.doubts(), now=self._clock.now())
        parts = self._parts
        gathered = await gather(base, system=parts.system, gateways=parts.gateways)
        statuses = await parts.relay.statuses()
        self._telemetry.gauges = replace(
            gathered,
            subscribers=tuple(map(_subscriber, statuses)),
            parked=len(parts.parking),
            requests=parts.dispatcher.in_flight,
        )
        return self._telemetry.latest()

    def is_due(self) -> bool:
        """Return whether somebody reads the gauges from outside and they have become old."""
        if not self._telemetry.is_read:
            return False
        return self._refreshed_s is None or self._clock.monotonic() - self._refreshed_s >= _REFRESH_S

    async def refresh(self) -> None:
        """Take the gauges; what cannot be read now stays as it was."""
        self._refreshed_s = self._clock.monotonic()
        try:
            await self.metrics()
        except StoreError:
            return


def _subscriber(status: SubscriptionStatus) -> SubscriberMetrics:
    return SubscriberMetrics(
        name=status.name,
        lag=status.lag_events,
        lag_s=status.lag_s,
        waiting=status.waiting,
        dead=status.dead,
        delivered=status.delivered,
        failed=status.failed,
    )
