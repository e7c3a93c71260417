"""The gateway actor: one per gateway, its limits, circuit breakers and health; it reports to the router by tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pykka import ActorRef

from aegispay.actors import Actor, ControlMessage
from aegispay.actors.calls import CallResult, CallScope, GatewayCall
from aegispay.actors.gateway_admission import Refusal, admit, limit_max, scope_of
from aegispay.actors.gateway_memory import GatewayMemory
from aegispay.actors.gateway_messages import (
    CallEnded,
    ForceBreaker,
    GetGatewayMetrics,
    HealthChecked,
    PlaceCall,
    ResetBreaker,
    SetEnabled,
    SetPolicies,
)
from aegispay.actors.gateway_metrics import GatewayMetrics, metrics_of, shown_breaker, snapshot_of
from aegispay.actors.gateway_policies import GatewayPolicies
from aegispay.actors.gateway_watch import Watch
from aegispay.actors.router import GatewayReport
from aegispay.domain.adaptive import observe
from aegispay.domain.breaker import Breaker, BreakerScope, BreakerState
from aegispay.domain.keys import is_first_attempt
from aegispay.domain.liveness import called, opened
from aegispay.domain.outcome import (
    Approved,
    Declined,
    GatewayMisconfigured,
    NotProcessed,
    Reason,
    counts_against_gateway,
)
from aegispay.domain.resolution import Purpose
from aegispay.log import sampled
from aegispay.observability.binding import of_operation
from aegispay.ports import ChargeRequest, Clock, Gateway, NotFound

__all__ = ["CallEnded", "GatewayActor", "GatewayMetrics", "GatewayServices", "PlaceCall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayServices:
    """What a gateway actor works with.

    Attributes:
        deliver: hands a result to the payment it is about, whichever incarnation lives then.
        report: tells the router.
        save: keeps what is known for the next start; called when a breaker changes.
    """

    clock: Clock
    calls: CallScope
    deliver: Callable[[CallResult], None]
    report: Callable[[GatewayReport], None]
    save: Callable[[str, str], None]


_REPORT_INTERVAL_S = 0.05
"""Reports are bundled: the router needs fresh numbers, not one message per call."""
_SAVE_INTERVAL_S = 10.0
"""How much of its health a killed process forgets at most."""
_QUIET_REPORT_S = 1.0
"""How often an idle gateway looks at its breakers, which may be due to half-open."""


class GatewayActor(Actor):
    """Admits calls to one gateway, counts what came of them and tells the router."""

    def __init__(self, gateway: Gateway, memory: GatewayMemory, services: GatewayServices) -> None:
        super().__init__()
        self._gateway = gateway
        self._memory = memory
        self._services = services
        self._log = sampled(services.clock.monotonic).bind(gateway=gateway.name)
        self._watch: Watch

    def __repr__(self) -> str:
        """Show name, breaker and load."""
        state = self._memory.breakers[BreakerScope.CHARGE].state
        return f"<GatewayActor {self._gateway.name} {state} in_flight={self._in_flight()}>"

    def on_start(self) -> None:
        """Report at once, so that the router knows this gateway before the first payment; then ask how it is."""
        ref, services = self.actor_ref, self._services
        self._watch = Watch(
            self._gateway,
            self._memory,
            clock=services.clock,
            checks=services.calls.checks,
            tell=lambda message: _tell(ref, message),
        )
        self._memory.breakers.changed = self._breaker_changed
        if self.incarnation > 0:
            # The end of a probe may be what the instance before this one crashed over: it must not hold its place.
            self._memory.breakers.recount(services.calls.is_running)
        self._report()
        self._watch.look()
        self._watch_clock()

    def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case PlaceCall(call):
                self._place(call)
            case CallEnded():
                self._ended(message)
            case HealthChecked():
                self._watch.answered(message)
                self._report()
            case GetGatewayMetrics():
                self._tick()
                return metrics_of(self._gateway, self._memory, now=self._now(), in_flight=self._in_flight())
            case SetPolicies(policies):
                self._set_policies(policies)
            case _LookAtClock():
                self._look()
            case _:
                return self._receive_switch(message)
        return None

    def _receive_switch(self, message: Any) -> Any:
        """Do what an operator wants; the reply is what the next start has to know."""
        memory, now = self._memory, self._now()
        match message:
            case SetEnabled(is_enabled, reason):
                memory.is_enabled = is_enabled
                memory.disabled_because = reason
            case ForceBreaker(state, reason, scope):
                memory.breakers.force(scope, state, reason=reason, now=now)
            case ResetBreaker(scope):
                memory.breakers.reset(scope, now)
            case _:
                return super().on_receive(message)
        self._report()
        return memory.dump(self._services.clock)

    def on_stop(self) -> None:
        """Keep what is known for the next start."""
        self._save()

    # --- time ---------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._tick()
        self._watch.look()
        self._report()
        memory = self._memory
        if memory.is_changed and self._now() - memory.saved_at >= _SAVE_INTERVAL_S:
            self._save()
        self._watch_clock()

    def _watch_clock(self) -> None:
        self.timers.start("clock", _LookAtClock(), _QUIET_REPORT_S)

    def _tick(self) -> None:
        self._memory.breakers.tick(self._memory.policies.breaker, self._now())

    # --- calls --------------------------------------------------------------------------------------

    def _place(self, call: GatewayCall) -> None:
        self._tick()
        services = self._services
        services.calls.waiting.remove(self._gateway.name, call.operation_id)
        if call.purpose is Purpose.SEND and not services.calls.take(call):
            self._log.bind(**of_operation(call.payment_id, call.operation_id)).warning("call_dropped")
            return
        if services.calls.is_running(call.operation_id):
            # The running call will bring the answer; refusing this one would look like a verdict on the attempt.
            return
        if services.calls.is_too_late(call):
            self._refuse(call, Refusal(Reason.NOT_SENT))
            return
        verdict = admit(
            self._memory,
            self._gateway.contract,
            call,
            now=self._now(),
            in_flight=self._in_flight(),
            questions=services.calls.questions_in_flight(self._gateway.name),
        )
        if isinstance(verdict, Refusal):
            self._refuse(call, verdict)
            return
        self._start(call, verdict.breaker_since)
        if scope_of(call) is BreakerScope.CHARGE:
            self._memory.is_ready_for_probe = False
            self._report_change()

    def _start(self, call: GatewayCall, breaker_since: float | None) -> None:
        ref, services = self.actor_ref, self._services

        def on_result(result: CallResult) -> None:
            services.deliver(result)
            _tell(ref, CallEnded(result, breaker_since))

        services.calls.start(self._gateway, call, on_result, services.deliver)

    def _refuse(self, call: GatewayCall, refusal: Refusal) -> None:
        self._memory.refused[refusal.reason] += 1
        detail = f" ({refusal.detail})" if refusal.detail else ""
        message = f"{self._gateway.name} was not called: {refusal.reason.replace('_', ' ')}{detail}"
        outcome = NotProcessed(reason=refusal.reason, message=message, retry_after_s=refusal.retry_after_s)
        self._services.deliver(CallResult(call=call, gateway=self._gateway.name, answer=outcome))

    def _ended(self, ended: CallEnded) -> None:
        now, memory, result = self._now(), self._memory, ended.result
        answer, scope = result.answer, scope_of(result.call)
        if isinstance(answer, GatewayMisconfigured):
            log = self._log.bind(**of_operation(result.call.payment_id, result.call.operation_id))
            log.error("gateway_misconfigured", code=answer.code)
        is_fault = not isinstance(answer, NotFound) and counts_against_gateway(answer)
        memory.health.record(now, latency_s=result.latency_s, is_fault=is_fault)
        memory.liveness = called(memory.liveness, now, is_fault=is_fault)
        memory.is_changed = True
        # Only first attempts: who comes second was declined elsewhere, and would make a fall-back look bad for ever.
        is_first = isinstance(result.call.request, ChargeRequest) and is_first_attempt(result.call.operation_id)
        if is_first and isinstance(answer, Approved | Declined):
            memory.approvals.record(now, is_approved=isinstance(answer, Approved))
        if scope is BreakerScope.CHARGE:
            self._follow_latency(now, result.latency_s, is_fault=is_fault)
        if scope is not None and ended.breaker_since == memory.breakers[scope].since:
            policy, operation_id = memory.policies.breaker, result.call.operation_id
            memory.breakers.ended(scope, operation_id, policy, now, is_fault=is_fault)
        self._report_change()

    def _follow_latency(self, now: float, latency_s: float, *, is_fault: bool) -> None:
        memory = self._memory
        policy, baseline_s = memory.policies.limits.adaptive, memory.adaptive.baseline_s
        # A refused connection is no fast answer; a timeout is a slow one.
        if policy is not None and not (is_fault and (baseline_s is None or latency_s < baseline_s)):
            most = limit_max(memory, self._gateway.contract)
            memory.adaptive = observe(memory.adaptive, policy, now, latency_s=latency_s, limit_max=most)

    # --- what others know ---------------------------------------------------------------------------

    def _set_policies(self, policies: GatewayPolicies) -> None:
        self._memory.approvals.fade_by(policies.approvals_half_life_s, self._now())
        self._memory.policies = policies
        self._report()

    def _breaker_changed(self, scope: BreakerScope, breaker: Breaker) -> None:
        if breaker.state is BreakerState.OPEN:
            self._memory.liveness = opened(self._memory.liveness)
        if scope is BreakerScope.CHARGE:
            self._memory.is_ready_for_probe = False
        log = self._log.bind(operation=scope.value, state=breaker.state.value)
        log.warning("breaker_changed", forced_because=breaker.forced_because)
        self._save()

    def _save(self) -> None:
        self._memory.saved_at, self._memory.is_changed = self._now(), False
        self._services.save(self._gateway.name, self._memory.dump(self._services.clock))

    def _report_change(self) -> None:
        memory = self._memory
        is_news = shown_breaker(memory) is not memory.reported_breaker
        if is_news or self._now() - memory.reported_at >= _REPORT_INTERVAL_S:
            self._report()

    def _report(self) -> None:
        memory = self._memory
        memory.reported_at, memory.reported_breaker = self._now(), shown_breaker(memory)
        self._services.report(GatewayReport(snapshot_of(self._gateway, memory, memory.reported_at)))

    def _now(self) -> float:
        return self._services.clock.monotonic()

    def _in_flight(self) -> int:
        return self._services.calls.in_flight(self._gateway.name)


@dataclass(frozen=True, slots=True)
class _LookAtClock(ControlMessage):
    """Time to see whether the pause of a breaker is over."""


def _tell(ref: ActorRef[Any], message: object) -> None:
    # The ref outlives the instance that made the call, but not the engine.
    if ref.is_alive():
        ref.tell(message)
