"""From the engine's numbers to the samples of each instrument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from aegispay.domain.breaker import BreakerState
from aegispay.observability import semantics as s
from aegispay.observability.semantics import Instrument
from aegispay.observability.series import Attributes, Distribution
from aegispay.observability.snapshot import EngineMetrics

Samples = Mapping[Attributes, float]
Distributions = Mapping[Attributes, Distribution]


class Source(Protocol):
    """What numbers can be had from, in any thread."""

    def latest(self) -> EngineMetrics:
        """Return counts as they are, and the rest as it was lately."""
        ...


def _alone(value: float) -> Samples:
    return {(): value}


def _by_one(values: Mapping[str, int]) -> Samples:
    return {(name,): value for name, value in values.items()}


def _breakers(metrics: EngineMetrics) -> Samples:
    return {
        (gateway.name, breaker.operation.value): _STATES[breaker.state]
        for gateway in metrics.gateways
        for breaker in gateway.breakers
    }


def _openings(metrics: EngineMetrics) -> Samples:
    return {
        (gateway.name, breaker.operation.value): breaker.openings
        for gateway in metrics.gateways
        for breaker in gateway.breakers
    }


def _refused(metrics: EngineMetrics) -> Samples:
    return {
        (gateway.name, reason.value): count
        for gateway in metrics.gateways
        for reason, count in gateway.refused_by_reason.items()
    }


def _tries(metrics: EngineMetrics) -> Samples:
    delivered: dict[Attributes, float] = {(each.name, "delivered"): each.delivered for each in metrics.subscribers}
    return delivered | {(each.name, "failed"): each.failed for each in metrics.subscribers}


_STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}

_SAMPLES: dict[str, Callable[[EngineMetrics], Samples]] = {
    s.PAYMENTS.name: lambda m: _by_one(m.payments),
    s.PAYMENT_RETRIES.name: lambda m: _alone(m.retried),
    s.PAYMENTS_PARKED.name: lambda m: _alone(m.parked),
    s.FAILURES.name: lambda m: _by_one(m.failures),
    s.ATTEMPTS.name: lambda m: m.attempts,
    s.ROUTED.name: lambda m: m.routed,
    s.CALLS_IN_FLIGHT.name: lambda m: _by_one(m.calls_in_flight),
    s.CALLS_REFUSED.name: _refused,
    s.GATEWAY_HEALTH.name: lambda m: {(each.name,): each.health for each in m.gateways},
    s.GATEWAY_ENABLED.name: lambda m: {(each.name,): float(each.is_enabled) for each in m.gateways},
    s.BREAKER_STATE.name: _breakers,
    s.BREAKER_OPENINGS.name: _openings,
    s.EVENTS.name: lambda m: _by_one(m.events),
    s.ACTORS.name: lambda m: _alone(m.actors.alive),
    s.MESSAGES.name: lambda m: _alone(m.actors.messages),
    s.MAIL_WAITING.name: lambda m: _by_one(m.actors.waiting),
    s.MAIL_REFUSED.name: lambda m: _alone(m.actors.refused),
    s.CRASHES.name: lambda m: _by_one(m.actors.crashes),
    s.RESTARTS.name: lambda m: _by_one(m.actors.restarts),
    s.REQUESTS.name: lambda m: _alone(m.requests),
    s.REPETITIONS.name: lambda m: _by_one(m.repetitions),
    s.DOUBTS.name: lambda m: _alone(m.doubts.payments),
    s.DOUBT_AGE.name: lambda m: _alone(m.doubts.oldest_age_s or 0.0),
    s.INCIDENTS.name: lambda m: _alone(m.incidents),
    s.SUBSCRIBER_LAG.name: lambda m: {(each.name,): each.lag for each in m.subscribers},
    s.SUBSCRIBER_LAG_AGE.name: lambda m: {(each.name,): each.lag_s for each in m.subscribers},
    s.SUBSCRIBER_TRIES.name: _tries,
    s.SUBSCRIBER_WAITING.name: lambda m: {(each.name,): each.waiting for each in m.subscribers},
    s.SUBSCRIBER_DEAD.name: lambda m: {(each.name,): each.dead for each in m.subscribers},
}

_DISTRIBUTIONS: dict[str, Callable[[EngineMetrics], Distributions]] = {
    s.PAYMENT_DURATION.name: lambda m: {(state,): found for state, found in m.durations.items()},
    s.CALL_DURATION.name: lambda m: {(each.gateway, each.operation, each.outcome): each.latency for each in m.calls},
    s.COMMIT_DURATION.name: lambda m: {(): m.commits.latency},
    s.COMMIT_SIZE.name: lambda m: {(): m.commits.size},
    s.DOUBT_DURATION.name: lambda m: {(name,): found for name, found in m.doubt_durations.items()},
}


def samples(metrics: EngineMetrics, instrument: Instrument) -> Samples:
    """Return the values of a counter or a gauge."""
    return _SAMPLES[instrument.name](metrics)


def distributions(metrics: EngineMetrics, instrument: Instrument) -> Distributions:
    """Return the values of a histogram."""
    return _DISTRIBUTIONS[instrument.name](metrics)
