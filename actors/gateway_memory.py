"""What is known about one gateway: it outlives the actor's incarnations, and most of it the process."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from aegispay.domain.breaker import Breaker, BreakerState
from aegispay.domain.health import HealthWindow, SavedSlot
from aegispay.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedGateway:
    """What survives a restart of the process; every time is an age in seconds at `saved_at`.

    Attributes:
        saved_at: seconds since 1970 UTC.
    """

    saved_at: float
    state: BreakerState
    age_s: float
    failure_ages_s: tuple[float, ...] = ()
    slots: tuple[SavedSlot, ...] = ()
    is_enabled: bool = True
    disabled_because: str = ""


_SAVED: TypeAdapter[SavedGateway] = TypeAdapter(SavedGateway)


class GatewayMemory:
    """Breaker, health and operator switch of one gateway; held outside the instance that may crash.

    Attributes:
        is_ready_for_probe: half open, and its last health check was good: a payment may try it.
        refused: calls refused since the process started.
    """

    def __init__(self, *, window_s: float, now: float) -> None:
        self.breaker = Breaker(since=now)
        self.health = HealthWindow(window_s=window_s)
        self.is_enabled = True
        self.disabled_because = ""
        self.is_ready_for_probe = False
        self.refused = 0
        self.reported_at = float("-inf")
        self.saved_at = now
        self.is_changed = False

    def restore(self, saved: str, clock: Clock) -> None:
        """Take over what an earlier process saved, with the age it has now.

        Raises:
            ValueError: it cannot be read.
        """
        data = _SAVED.validate_json(saved)
        now = clock.monotonic()
        elapsed_s = max(0.0, clock.now().timestamp() - data.saved_at)
        self.breaker = Breaker(
            state=data.state,
            since=now - data.age_s - elapsed_s,
            failures=tuple(now - age_s - elapsed_s for age_s in data.failure_ages_s),
        )
        self.health.restore(now - elapsed_s, data.slots)
        self.is_enabled = data.is_enabled
        self.disabled_because = data.disabled_because

    def dump(self, clock: Clock) -> str:
        """Return what `restore` understands."""
        now = clock.monotonic()
        saved = SavedGateway(
            saved_at=clock.now().timestamp(),
            state=self.breaker.state,
            age_s=now - self.breaker.since,
            failure_ages_s=tuple(now - at for at in self.breaker.failures),
            slots=self.health.dump(now),
            is_enabled=self.is_enabled,
            disabled_because=self.disabled_because,
        )
        return _SAVED.dump_json(saved).decode()
