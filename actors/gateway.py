"""The gateway actor: one per gateway, its bulkhead, circuit breaker and health; it reports to the router by tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pykka import ActorRef

from aegispay.actors import Actor, ControlMessage
from aegispay.actors.calls import CallResult, CallScope, GatewayCall
from aegispay.actors.gateway_memory import GatewayMemory
from aegispay.actors.router import GatewayReport
from aegispay.domain import breaker as breakers
from aegispay.domain.breaker import Breaker, BreakerPolicy, BreakerState
from aegispay.domain.health import HealthSummary, Weights, health_score
from aegispay.domain.outcome import GatewayMisconfigured, NotProcessed, Reason, counts_against_gateway
from aegispay.domain.resolution import Purpose
from aegispay.domain.routing import GatewaySnapshot
from aegispay.log import logger
from aegispay.ports import Clock, Gateway, NotFound, OperationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayMetrics:
    """How one gateway is doing.

    Attributes:
        disabled_because: what the operator said when switching it off; empty while enabled.
        success_rate: share of recent calls without a gateway fault; declines are not faults. ``None`` without calls.
        health: 0.0 to 1.0.
        breaker_age_s: how long the breaker has been in its state.
        in_flight: calls running now.
        refused: calls not made since the start: the bulkhead was full, the breaker open, or it was too late.
    """

    name: str
    is_enabled: bool
    disabled_because: str
    breaker: BreakerState
    breaker_age_s: float
    health: float
    success_rate: float | None
    calls: int
    faults: int
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_p99_s: float | None
    in_flight: int
    refused: int


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """Make this call, or say at once that it was not made."""

    call: GatewayCall


@dataclass(frozen=True, slots=True)
class CallEnded(ControlMessage):
    """A call to this gateway ended; private between scope and actor.

    Attributes:
        breaker_since: since when the breaker had been in the state that let the call pass; its result says nothing
            about a later state.
    """

    latency_s: float
    is_fault: bool
    breaker_since: float


@dataclass(frozen=True, slots=True)
class HealthChecked(ControlMessage):
    """A health check ended; private between scope and actor."""

    is_up: bool
    breaker_since: float


@dataclass(frozen=True, slots=True)
class GetGatewayMetrics:
    """Ask for `GatewayMetrics`."""


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Operator switch: a disabled gateway gets no new charges; look-ups still pass. The reply is what to keep of it."""

    is_enabled: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayServices:
    """What a gateway actor works with.

    Attributes:
        deliver: hands a result to the payment it is about, whichever incarnation lives then.
        report: tells the router.
        save: keeps the breaker for the next start; called when it changes.
    """

    clock: Clock
    calls: CallScope
    deliver: Callable[[CallResult], None]
    report: Callable[[GatewayReport], None]
    save: Callable[[str, str], None]
    breaker: BreakerPolicy
    weights: Weights


_REPORT_INTERVAL_S = 0.05
"""Reports are bundled: the router needs fresh numbers, not one message per call."""
_NO_STATE = float("-inf")
_SAVE_INTERVAL_S = 10.0
"""How much of its health a killed process forgets at most."""
_QUIET_REPORT_S = 1.0
"""How often an idle gateway looks at its breaker, which may be due to half-open."""


class GatewayActor(Actor):
    """Admits calls to one gateway, counts what came of them and tells the router."""

    def __init__(self, gateway: Gateway, memory: GatewayMemory, services: GatewayServices) -> None:
        super().__init__()
        self._gateway = gateway
        self._memory = memory
        self._services = services

    def __repr__(self) -> str:
        """Show name, breaker and load."""
        in_flight = self._services.calls.in_flight(self._gateway.name)
        return f"<GatewayActor {self._gateway.name} {self._memory.breaker.state} in_flight={in_flight}>"

    def on_start(self) -> None:
        """Report at once, so that the router knows this gateway before the first payment."""
        if self.incarnation > 0:
            # The end of a probe may be what the instance before this one crashed over: it must not hold its place.
            self._memory.breaker = replace(self._memory.breaker, probes=0)
        self._report()
        self._watch_clock()

    def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case PlaceCall(call):
                self._place(call)
            case CallEnded():
                self._ended(message)
            case HealthChecked():
                self._health_checked(message)
            case GetGatewayMetrics():
                return self._metrics()
            case SetEnabled(is_enabled, reason):
                self._memory.is_enabled = is_enabled
                self._memory.disabled_because = reason
                self._report()
                return self._memory.dump(self._services.clock)
            case _LookAtClock():
                self._look()
            case _:
                return super().on_receive(message)
        return None

    def on_stop(self) -> None:
        """Keep what is known for the next start."""
        self._save()

    def _look(self) -> None:
        self._tick()
        self._check_health()
        self._report()
        memory = self._memory
        if memory.is_changed and self._services.clock.monotonic() - memory.saved_at >= _SAVE_INTERVAL_S:
            self._save()
        self._watch_clock()

    def _watch_clock(self) -> None:
        self.timers.start("clock", _LookAtClock(), _QUIET_REPORT_S)

    def _place(self, call: GatewayCall) -> None:
        self._tick()
        services = self._services
        if services.calls.is_running(call.operation_id):
            # The running call will bring the answer; refusing this one would look like a verdict on the attempt.
            return
        if services.calls.is_too_late(call):
            self._refuse(call, Reason.NOT_SENT)
            return
        if services.calls.in_flight(self._gateway.name) >= self._gateway.contract.concurrency_max:
            self._refuse(call, Reason.BULKHEAD_FULL)
            return
        since = self._admit(call)
        if since is None:
            self._refuse(call, Reason.BREAKER_OPEN)
            return
        ref = self.actor_ref

        def on_result(result: CallResult) -> None:
            services.deliver(result)
            if isinstance(result.answer, GatewayMisconfigured):
                logger().error("gateway_misconfigured", gateway=result.gateway, code=result.answer.code)
            is_fault = not isinstance(result.answer, NotFound) and counts_against_gateway(result.answer)
            _tell(ref, CallEnded(result.latency_s, is_fault, since))

        services.calls.start(self._gateway, call, on_result, services.deliver)

    def _admit(self, call: GatewayCall) -> float | None:
        """Return for which state of the breaker the call's result will count; ``None`` when the call may not be made.

        Questions about an earlier send always pass and never count: somebody waits to know whether he was charged, and
        a gateway that repeats its first answer has not failed once more.
        So do captures, voids and refunds: no other gateway holds their money, so turning them away helps nobody.
        """
        if call.purpose is not Purpose.SEND or isinstance(call.request, OperationRequest):
            return _NO_STATE
        breaker, is_admitted = breakers.admit(self._memory.breaker, self._services.breaker)
        if not is_admitted:
            return None
        self._memory.breaker = breaker
        self._memory.is_ready_for_probe = False
        return breaker.since

    def _check_health(self) -> None:
        """Ask a half-open gateway whether it is back before a payment has to try it."""
        breaker, ref = self._memory.breaker, self.actor_ref
        if breaker.state is BreakerState.HALF_OPEN and not self._memory.is_ready_for_probe:
            self._services.calls.check_health(
                self._gateway, lambda is_up: _tell(ref, HealthChecked(is_up, breaker.since))
            )

    def _health_checked(self, checked: HealthChecked) -> None:
        breaker = self._memory.breaker
        if checked.breaker_since != breaker.since or breaker.state is not BreakerState.HALF_OPEN:
            return
        if checked.is_up:
            self._memory.is_ready_for_probe = True
        else:
            now = self._services.clock.monotonic()
            self._change(breakers.record(breaker, self._services.breaker, now, is_fault=True))
        self._report()

    def _refuse(self, call: GatewayCall, reason: Reason) -> None:
        self._memory.refused += 1
        message = f"{self._gateway.name} was not called: {reason.replace('_', ' ')}"
        outcome = NotProcessed(reason=reason, message=message)
        self._services.deliver(CallResult(call=call, gateway=self._gateway.name, answer=outcome))

    def _ended(self, ended: CallEnded) -> None:
        now = self._services.clock.monotonic()
        self._memory.health.record(now, latency_s=ended.latency_s, is_fault=ended.is_fault)
        self._memory.is_changed = True
        before = self._memory.breaker
        if ended.breaker_since == before.since:
            self._change(breakers.record(before, self._services.breaker, now, is_fault=ended.is_fault))
        if self._memory.breaker.state is not before.state or now - self._memory.reported_at >= _REPORT_INTERVAL_S:
            self._report()

    def _tick(self) -> None:
        now = self._services.clock.monotonic()
        self._change(breakers.tick(self._memory.breaker, self._services.breaker, now))

    def _change(self, breaker: Breaker) -> None:
        changed = breaker.state is not self._memory.breaker.state
        self._memory.breaker = breaker
        if changed:
            self._save()

    def _save(self) -> None:
        self._memory.saved_at, self._memory.is_changed = self._services.clock.monotonic(), False
        self._services.save(self._gateway.name, self._memory.dump(self._services.clock))

    def _summary(self) -> HealthSummary:
        return self._memory.health.summary(self._services.clock.monotonic())

    def _report(self) -> None:
        self._memory.reported_at = self._services.clock.monotonic()
        summary = self._summary()
        snapshot = GatewaySnapshot(
            name=self._gateway.name,
            contract=self._gateway.contract,
            is_enabled=self._memory.is_enabled,
            breaker=self._memory.breaker.state,
            success_rate=summary.success_rate,
            latency_p50_s=summary.latency_p50_s,
            health=health_score(summary, self._memory.breaker.state, self._services.weights),
            samples=summary.calls,
            wants_probe=self._memory.is_ready_for_probe,
        )
        self._services.report(GatewayReport(snapshot))

    def _metrics(self) -> GatewayMetrics:
        self._tick()
        summary = self._summary()
        breaker = self._memory.breaker
        return GatewayMetrics(
            name=self._gateway.name,
            is_enabled=self._memory.is_enabled,
            disabled_because=self._memory.disabled_because,
            breaker=breaker.state,
            breaker_age_s=max(0.0, self._services.clock.monotonic() - breaker.since),
            health=health_score(summary, breaker.state, self._services.weights),
            success_rate=summary.success_rate,
            calls=summary.calls,
            faults=summary.faults,
            latency_p50_s=summary.latency_p50_s,
            latency_p95_s=summary.latency_p95_s,
            latency_p99_s=summary.latency_p99_s,
            in_flight=self._services.calls.in_flight(self._gateway.name),
            refused=self._memory.refused,
        )


@dataclass(frozen=True, slots=True)
class _LookAtClock(ControlMessage):
    """Time to see whether the breaker's pause is over."""


def _tell(ref: ActorRef[Any], message: object) -> None:
    # The ref outlives the instance that made the call, but not the engine.
    if ref.is_alive():
        ref.tell(message)
