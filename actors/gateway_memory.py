"""What is known about one gateway: it outlives the actor's incarnations, and most of it the process."""

from __future__ import annotations

from collections import Counter

from aegispay.actors.gateway_breakers import Breakers
from aegispay.actors.gateway_policies import GatewayPolicies
from aegispay.actors.gateway_saved import SAVED, SavedBreaker, SavedGateway, breaker_of
from aegispay.domain.adaptive import Adaptive
from aegispay.domain.approvals import ApprovalCounts
from aegispay.domain.breaker import BreakerScope, BreakerState
from aegispay.domain.health import HealthWindow
from aegispay.domain.liveness import Liveness
from aegispay.domain.outcome import Reason
from aegispay.domain.throttle import full_bucket
from aegispay.ports import Clock


class GatewayMemory:
    """Breakers, health, limits and operator switches of one gateway; held outside the instance that may crash.

    Attributes:
        policies: what its actor goes by; `limits` in it are those of the bucket and of the adaptive limit here.
        adaptive: the concurrency limit that follows latency, from the contract's on.
        asked_at: when a question was let pass last, in monotonic seconds.
        is_ready_for_probe: half open, and its last health check was good: a payment may try it.
        refused: calls refused since the process started, by reason.
    """

    def __init__(self, policies: GatewayPolicies, *, window_s: float, concurrency_max: int, now: float) -> None:
        self.policies = policies
        self.breakers = Breakers(now)
        self.health = HealthWindow(window_s=window_s)
        self.approvals = ApprovalCounts(half_life_s=policies.approvals_half_life_s)
        self.liveness = Liveness()
        self.bucket = full_bucket(policies.limits, now)
        self.asked_at = float("-inf")
        self.adaptive = Adaptive(limit=float(concurrency_max))
        self.is_enabled = True
        self.disabled_because = ""
        self.is_ready_for_probe = False
        self.refused: Counter[Reason] = Counter()
        self.reported_at = float("-inf")
        self.reported_breaker: BreakerState | None = None
        self.saved_at = now
        self.is_changed = False

    def restore(self, saved: str, clock: Clock) -> None:
        """Take over what an earlier process saved, with the age it has now.

        Raises:
            ValueError: it cannot be read.
        """
        data = SAVED.validate_json(saved)
        now = clock.monotonic()
        saved_s = now - max(0.0, clock.now().timestamp() - data.saved_at)
        for scope, each in data.by_scope().items():
            self.breakers.restore(scope, breaker_of(each, saved_s, self.policies.breaker))
        self.health.restore(saved_s, data.slots)
        if data.approvals is not None:
            self.approvals.restore(saved_s, data.approvals)
        self.is_enabled = data.is_enabled
        self.disabled_because = data.disabled_because

    def dump(self, clock: Clock) -> str:
        """Return what `restore` understands."""
        now = clock.monotonic()
        charges = self.breakers[BreakerScope.CHARGE]
        saved = SavedGateway(
            saved_at=clock.now().timestamp(),
            state=charges.state,
            age_s=now - charges.since,
            breakers={scope: SavedBreaker.of(breaker, now) for scope, breaker in self.breakers},
            slots=self.health.dump(now),
            approvals=self.approvals.dump(now),
            is_enabled=self.is_enabled,
            disabled_because=self.disabled_because,
        )
        return SAVED.dump_json(saved).decode()
