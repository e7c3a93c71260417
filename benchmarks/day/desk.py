"""The gateway actor's work around a call, on the day's own clock: its real memory, its real reports, no mailbox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from aegispay.actors.gateway_memory import GatewayMemory
from aegispay.actors.gateway_messages import HealthChecked
from aegispay.actors.gateway_metrics import shown_breaker, snapshot_of
from aegispay.actors.gateway_policies import policies_of
from aegispay.actors.gateway_watch import Watch
from aegispay.actors.health_checks import HealthChecks, OnHealth
from aegispay.config import AegisPayConfig
from aegispay.domain.breaker import Breaker, BreakerScope, BreakerState
from aegispay.domain.liveness import called, opened
from aegispay.domain.routing import GatewaySnapshot
from aegispay.ports import Gateway, GatewayHealth
from benchmarks.day.charging import Answer, Result
from benchmarks.day.world import Provider

_REPORT_INTERVAL_S = 0.05
_LOOK_INTERVAL_S = 1.0
_NO_CHECK_S = 47.0
"""An idle gateway is asked for its health after 48 s, or later."""
_CHARGE = BreakerScope.CHARGE
_MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Hands:
    """The day's clock."""

    at: float = 0.0

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return _MIDNIGHT + timedelta(seconds=self.at)


class _FrontDoor(HealthChecks):
    """Answers health checks at once, as the provider's trouble would have it."""

    def __init__(self, provider: Provider, clock: _Hands) -> None:
        super().__init__()
        self._provider = provider
        self._clock = clock

    def ask(self, gateway: Gateway, on_health: OnHealth) -> None:
        trouble = self._provider.trouble_at(self._clock.at)
        on_health(GatewayHealth(is_up=trouble is None or not trouble.is_seen_by_health_check))


class Desk:
    """One gateway's side of the engine: it admits charges, learns from their ends and says how the gateway does.

    Args:
        provider: the gateway.
        config: the engine's, for the policies.
        opens_s: when the engine is started, seconds since midnight.
    """

    def __init__(self, provider: Provider, config: AegisPayConfig, opens_s: float = 0.0) -> None:
        self.provider = provider
        self._clock = _Hands(opens_s)
        # Only name and contract are looked at.
        self._gateway = cast("Gateway", provider)
        self._memory = GatewayMemory(
            policies_of(config, provider.name),
            window_s=config.health_window_s,
            concurrency_max=provider.contract.concurrency_max,
            now=opens_s,
        )
        self._memory.breakers.changed = self._breaker_changed
        self._watch = Watch(
            self._gateway,
            self._memory,
            clock=self._clock,
            checks=_FrontDoor(provider, self._clock),
            tell=self._answered,
        )
        self._in_flight = 0
        self._looked_at = opens_s
        self._report(opens_s)
        self._snapshot = self._latest()

    def snapshot(self, now: float) -> GatewaySnapshot:
        """Return what the router knows of this gateway now."""
        self._look_until(now)
        return self._latest()

    def probe_is_taken(self) -> None:
        """Take note that the router sent one payment to find out whether the gateway is back."""
        self._snapshot = replace(self._snapshot, wants_probe=False)

    def admit(self, number: int, now: float) -> float | None:
        """Return the time that tells for which state of the breaker a charge counts; ``None`` if it may not be made."""
        self._clock.at = now
        memory = self._memory
        memory.breakers.tick(memory.policies.breaker, now)
        if self._in_flight >= self.provider.contract.concurrency_max:
            return None
        since = memory.breakers.admit(_CHARGE, str(number), memory.policies.breaker)
        if since is not None:
            memory.is_ready_for_probe = False
            self._in_flight += 1
            self._report_change(now)
        return since

    def ended(self, number: int, now: float, admitted: float, answer: Answer, *, is_first: bool) -> None:
        """Learn from the end of a charge.

        Args:
            number: the payment's.
            now: seconds since midnight.
            admitted: what `admit` returned.
            answer: how it ended.
            is_first: whether it was its payment's first attempt: only those say how good the gateway is.
        """
        self._look_until(now)
        if now - self._memory.reported_at < _REPORT_INTERVAL_S:
            # What follows may not be reported yet.
            self._latest()
        self._clock.at = now
        self._in_flight -= 1
        memory, is_fault = self._memory, answer.result.is_fault
        memory.health.record(now, latency_s=answer.took_s, is_fault=is_fault)
        memory.liveness = called(memory.liveness, now, is_fault=is_fault)
        if is_first and not is_fault:
            memory.approvals.record(now, is_approved=answer.result is Result.APPROVED)
        if admitted == memory.breakers[_CHARGE].since:
            memory.breakers.ended(_CHARGE, str(number), memory.policies.breaker, now, is_fault=is_fault)
        self._report_change(now)

    def _look_until(self, now: float) -> None:
        """Do what the actor does each second; only what is left of it at the end can be seen from outside."""
        last = now - now % _LOOK_INTERVAL_S
        if last <= self._looked_at:
            return
        memory = self._memory
        while self._looked_at < last:
            self._looked_at = min(last, max(self._looked_at, self._quiet_until()) + _LOOK_INTERVAL_S)
            self._clock.at = self._looked_at
            memory.breakers.tick(memory.policies.breaker, self._looked_at)
            self._watch.look()
        self._report(self._looked_at)

    def _quiet_until(self) -> float:
        """Return until when looks find nothing to do: all is closed and up, and it is too soon for a health check."""
        liveness = self._memory.liveness
        is_closed = all(breaker.state is BreakerState.CLOSED for _, breaker in self._memory.breakers)
        if not is_closed or liveness.is_up is False:
            return 0.0
        return float(int(max(liveness.asked_at or 0.0, liveness.called_at or 0.0) + _NO_CHECK_S))

    def _answered(self, checked: HealthChecked) -> None:
        self._watch.answered(checked)

    def _breaker_changed(self, scope: BreakerScope, breaker: Breaker) -> None:
        if breaker.state is BreakerState.OPEN:
            self._memory.liveness = opened(self._memory.liveness)
        if scope is _CHARGE:
            self._memory.is_ready_for_probe = False

    def _report_change(self, now: float) -> None:
        memory = self._memory
        if shown_breaker(memory) is not memory.reported_breaker or now - memory.reported_at >= _REPORT_INTERVAL_S:
            self._report(now)

    def _report(self, now: float) -> None:
        self._memory.reported_at, self._memory.reported_breaker = now, shown_breaker(self._memory)
        self._is_read = False

    def _latest(self) -> GatewaySnapshot:
        """Return the latest report; it is not made before somebody reads it."""
        if not self._is_read:
            self._snapshot = snapshot_of(self._gateway, self._memory, self._memory.reported_at)
            self._is_read = True
        return self._snapshot
