"""Background health checks of one gateway: when it is asked, and what its answer changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aegispay.actors.gateway_memory import GatewayMemory
from aegispay.actors.gateway_messages import HealthChecked
from aegispay.actors.health_checks import HealthChecks
from aegispay.domain import liveness as steps
from aegispay.domain.breaker import BreakerScope, BreakerState
from aegispay.domain.routing import draw_of
from aegispay.log import sampled
from aegispay.ports import Clock, Gateway

_DRAWS = 2.0**53


class Watch:
    """Asks one gateway whether it is up: when registered, when idle, while a breaker is open, before a probe.

    Its answers never close a breaker: an endpoint for health may answer while charges fail.
    """

    __slots__ = ("_checks", "_clock", "_gateway", "_log", "_memory", "_tell")

    def __init__(
        self,
        gateway: Gateway,
        memory: GatewayMemory,
        *,
        clock: Clock,
        checks: HealthChecks,
        tell: Callable[[HealthChecked], None],
    ) -> None:
        self._gateway = gateway
        self._memory = memory
        self._clock = clock
        self._log = sampled(clock.monotonic).bind(gateway=gateway.name)
        self._checks = checks
        self._tell = tell

    def look(self) -> None:
        """Ask if it is time to."""
        memory, now = self._memory, self._clock.monotonic()
        charges = memory.breakers[BreakerScope.CHARGE]
        # One probe at a time until one has come back: a gateway may be well and still let every charge hang.
        is_free = charges.probes == 0 or charges.successes > 0
        is_wanted = charges.state is BreakerState.HALF_OPEN and not memory.is_ready_for_probe and is_free
        luck = draw_of(self._gateway.name, memory.liveness.asked) / _DRAWS
        is_open, policy = memory.breakers.is_any_open, memory.policies.checks
        if is_wanted or steps.is_due(memory.liveness, policy, now, is_open=is_open, luck=luck):
            memory.liveness = steps.asking(memory.liveness, now)
            since = charges.since
            self._checks.ask(self._gateway, lambda health: self._tell(HealthChecked(health, since)))

    def answered(self, checked: HealthChecked) -> None:
        """Take an answer in."""
        memory, now, health = self._memory, self._clock.monotonic(), checked.health
        before = memory.liveness
        memory.liveness = steps.answered(before, now, is_up=health.is_up, message=health.message)
        self._say(before)
        charges = memory.breakers[BreakerScope.CHARGE]
        is_asked_for = charges.state is BreakerState.HALF_OPEN and charges.since == checked.breaker_since
        if is_asked_for and not health.is_up:
            memory.breakers.ended(BreakerScope.CHARGE, "", memory.policies.breaker, now, is_fault=True)
        elif is_asked_for:
            memory.is_ready_for_probe = True
        elif steps.proves_recovery(memory.liveness, memory.policies.checks) and memory.breakers.is_any_open:
            self._end_pauses(now)

    def _end_pauses(self, now: float) -> None:
        memory = self._memory
        # Used up: if the probe fails, what ends the next pause early has to be seen anew.
        memory.liveness = replace(memory.liveness, was_down=False, good=0)
        memory.breakers.end_pauses(now)
        memory.is_ready_for_probe = memory.breakers[BreakerScope.CHARGE].state is BreakerState.HALF_OPEN

    def _say(self, before: steps.Liveness) -> None:
        after = self._memory.liveness
        if after.is_up is False and (before.is_up is not False or before.message != after.message):
            self._log.warning("gateway_not_up", message=after.message)
        elif after.is_up and before.is_up is False:
            self._log.info("gateway_up_again")
