"""Every instrument there is: one table, from which recording, exposition, documentation and dashboard follow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LATENCIES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds for what takes from a commit to the longest call."""
LONG_TIMES_S = (0.01, 0.05, 0.2, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0)
"""Upper bounds in seconds for what is usually over at once, and may take days."""
SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Upper bounds for sizes of batches."""


class Kind(StrEnum):
    """What a number means."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One kind of number.

    Attributes:
        name: dotted, as OpenTelemetry names instruments.
        unit: a UCUM code: ``s``, ``1``, or what is counted, in braces.
        attributes: names of what tells its series apart; each has few values: never an id of a payment.
        bounds: of a histogram's buckets, upper ones, inclusive.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def prometheus(self) -> str:
        """The name in Prometheus, made as OpenTelemetry's own exporter makes it; without a histogram's suffixes."""
        name = self.name.replace(".", "_")
        if self.unit == "s":
            name += "_seconds"
        elif self.unit == "1" and self.kind is Kind.GAUGE:
            name += "_ratio"
        return name + "_total" if self.kind is Kind.COUNTER else name

    def together(self, first: float, second: float) -> float:
        """Return one number for two engines: counts add up; of ages, shares and states the largest is shown."""
        return max(first, second) if self.unit in _NO_SUMS and self.kind is Kind.GAUGE else first + second


_NO_SUMS = frozenset({"s", "1", "{state}", "{gateway}"})


def _counter(name: str, unit: str, description: str, *attributes: str) -> Instrument:
    return Instrument(name=name, kind=Kind.COUNTER, unit=unit, description=description, attributes=attributes)


def _gauge(name: str, unit: str, description: str, *attributes: str) -> Instrument:
    return Instrument(name=name, kind=Kind.GAUGE, unit=unit, description=description, attributes=attributes)


def _histogram(name: str, unit: str, description: str, bounds: tuple[float, ...], *attributes: str) -> Instrument:
    return Instrument(
        name=name, kind=Kind.HISTOGRAM, unit=unit, description=description, attributes=attributes, bounds=bounds
    )


PAYMENTS = _counter("aegispay.payments", "{payment}", "Payments that have reached a state.", "state")
PAYMENT_DURATION = _histogram(
    "aegispay.payment.duration", "s", "From its creation to a payment's success, failure or end.", LONG_TIMES_S, "state"
)
PAYMENT_RETRIES = _counter("aegispay.payments.retried", "{payment}", "Payments that needed more than one attempt.")
PAYMENTS_PARKED = _gauge("aegispay.payments.parked", "{payment}", "Payments set aside until a person looks.")
FAILURES = _counter("aegispay.payment.failures", "{payment}", "Payments that have failed, and why.", "reason")
ATTEMPTS = _counter("aegispay.attempts", "{attempt}", "Attempts begun.", "gateway", "kind")
ROUTED = _counter("aegispay.routing.choices", "{decision}", "Gateways chosen, and how.", "gateway", "strategy")
CALL_DURATION = _histogram(
    "aegispay.gateway.call.duration",
    "s",
    "How long gateways take to answer.",
    LATENCIES_S,
    "gateway",
    "operation",
    "outcome",
)
CALLS_IN_FLIGHT = _gauge("aegispay.gateway.calls", "{call}", "Gateway calls running now.", "gateway")
CALLS_REFUSED = _counter(
    "aegispay.gateway.calls.refused", "{call}", "Calls that were not made, and why.", "gateway", "reason"
)
GATEWAY_HEALTH = _gauge("aegispay.gateway.health", "1", "Health of a gateway, from 0 to 1.", "gateway")
GATEWAY_ENABLED = _gauge("aegispay.gateway.enabled", "{gateway}", "1 while operators allow its use.", "gateway")
BREAKER_STATE = _gauge(
    "aegispay.gateway.breaker.state",
    "{state}",
    "Circuit breakers: 0 closed, 1 half open, 2 open.",
    "gateway",
    "operation",
)
BREAKER_OPENINGS = _counter(
    "aegispay.gateway.breaker.openings", "{opening}", "How often circuit breakers have opened.", "gateway", "operation"
)
COMMIT_DURATION = _histogram("aegispay.commit.duration", "s", "How long durable transactions take.", LATENCIES_S)
COMMIT_SIZE = _histogram("aegispay.commit.size", "{request}", "Writes that share one transaction.", SIZES)
EVENTS = _counter("aegispay.events", "{event}", "Events written by payments.", "type")
ACTORS = _gauge("aegispay.actors", "{actor}", "Actors alive.")
MESSAGES = _counter("aegispay.actor.messages", "{message}", "Messages handled by actors.")
MAIL_WAITING = _gauge("aegispay.mailbox.waiting", "{message}", "Messages that wait, by group of actors.", "group")
MAIL_REFUSED = _counter("aegispay.mailbox.refused", "{message}", "Messages that found a mailbox full.")
CRASHES = _counter("aegispay.actor.crashes", "{crash}", "Crashes of actors, by supervisor.", "supervisor")
RESTARTS = _counter("aegispay.actor.restarts", "{restart}", "Restarts of actors, by supervisor.", "supervisor")
REQUESTS = _gauge("aegispay.requests", "{request}", "Requests of callers inside the engine now.")
REPETITIONS = _counter(
    "aegispay.requests.repeated", "{request}", "Requests under a known key: the same one, or a conflict.", "kind"
)
DOUBTS = _gauge("aegispay.doubts", "{payment}", "Payments of which something has an unknown outcome.")
DOUBT_AGE = _gauge("aegispay.doubt.age", "s", "Age of the oldest unknown outcome; 0 when there is none.")
DOUBT_DURATION = _histogram(
    "aegispay.doubt.duration", "s", "How long unknown outcomes took to settle.", LONG_TIMES_S, "evidence"
)
INCIDENTS = _gauge("aegispay.incidents", "{payment}", "Payments with an incident that waits for a person.")
SUBSCRIBER_LAG = _gauge("aegispay.subscriber.lag", "{event}", "Events a subscriber has not come to.", "subscriber")
SUBSCRIBER_LAG_AGE = _gauge(
    "aegispay.subscriber.lag.age", "s", "Age of the first event a subscriber has not come to.", "subscriber"
)
SUBSCRIBER_TRIES = _counter(
    "aegispay.subscriber.deliveries", "{delivery}", "Tries to hand an event over.", "subscriber", "result"
)
SUBSCRIBER_WAITING = _gauge(
    "aegispay.subscriber.waiting", "{event}", "Deliveries that wait for another try.", "subscriber"
)
SUBSCRIBER_DEAD = _gauge("aegispay.subscriber.dead_letters", "{event}", "Dead letters of a subscriber.", "subscriber")

INSTRUMENTS = (
    PAYMENTS,
    PAYMENT_DURATION,
    PAYMENT_RETRIES,
    PAYMENTS_PARKED,
    FAILURES,
    ATTEMPTS,
    ROUTED,
    CALL_DURATION,
    CALLS_IN_FLIGHT,
    CALLS_REFUSED,
    GATEWAY_HEALTH,
    GATEWAY_ENABLED,
    BREAKER_STATE,
    BREAKER_OPENINGS,
    COMMIT_DURATION,
    COMMIT_SIZE,
    EVENTS,
    ACTORS,
    MESSAGES,
    MAIL_WAITING,
    MAIL_REFUSED,
    CRASHES,
    RESTARTS,
    REQUESTS,
    REPETITIONS,
    DOUBTS,
    DOUBT_AGE,
    DOUBT_DURATION,
    INCIDENTS,
    SUBSCRIBER_LAG,
    SUBSCRIBER_LAG_AGE,
    SUBSCRIBER_TRIES,
    SUBSCRIBER_WAITING,
    SUBSCRIBER_DEAD,
)
"""All of them, in the order of the documentation."""
