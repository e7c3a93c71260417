"""The circuit breakers of one gateway, one for each kind of first send, and which probes are out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from aegispay.domain import breaker as steps
from aegispay.domain.breaker import Breaker, BreakerPolicy, BreakerScope, BreakerState


class Breakers:
    """All breakers of one gateway; every change of state is counted here.

    Args:
        now: monotonic seconds.
        changed: called after a breaker has changed its state.

    Attributes:
        openings: how often each has opened since the process started, forced openings included.
    """

    def __init__(self, now: float, changed: Callable[[BreakerScope, Breaker], None] | None = None) -> None:
        self._breakers = dict.fromkeys(BreakerScope, Breaker(since=now))
        self._probes: dict[BreakerScope, set[str]] = {scope: set() for scope in BreakerScope}
        self.openings = dict.fromkeys(BreakerScope, 0)
        self.changed = changed

    def __getitem__(self, scope: BreakerScope) -> Breaker:
        """Return one breaker."""
        return self._breakers[scope]

    def __iter__(self) -> Iterator[tuple[BreakerScope, Breaker]]:
        """Return all of them."""
        return iter(self._breakers.items())

    @property
    def is_any_open(self) -> bool:
        """Whether one is open and waits for the end of its pause."""
        return any(breaker.is_open_by_itself for breaker in self._breakers.values())

    def restore(self, scope: BreakerScope, breaker: Breaker) -> None:
        """Put back what an earlier process knew."""
        self._breakers[scope] = breaker

    def tick(self, policy: BreakerPolicy, now: float) -> None:
        """Let time pass."""
        for scope, breaker in tuple(self):
            self._put(scope, steps.tick(breaker, policy, now))

    def admit(self, scope: BreakerScope, call_id: str, policy: BreakerPolicy) -> float | None:
        """Return for which state of the breaker the call's result will count; ``None`` when it may not be made."""
        breaker, is_admitted = steps.admit(self._breakers[scope], policy)
        if not is_admitted:
            return None
        self._breakers[scope] = breaker
        if breaker.state is BreakerState.HALF_OPEN:
            self._probes[scope].add(call_id)
        return breaker.since

    def ended(self, scope: BreakerScope, call_id: str, policy: BreakerPolicy, now: float, *, is_fault: bool) -> None:
        """Take in the result of a call that was admitted in the breaker's present state."""
        self._probes[scope].discard(call_id)
        after = steps.record(self._breakers[scope], policy, now, is_fault=is_fault)
        if after.state is BreakerState.HALF_OPEN:
            # Counted, not added up: the end of one may have been lost with an instance that crashed over it.
            after = replace(after, probes=len(self._probes[scope]))
        self._put(scope, after)

    def force(self, scope: BreakerScope | None, state: BreakerState, *, reason: str, now: float) -> None:
        """Hold one breaker, or all of them, in a state."""
        for each in BreakerScope if scope is None else (scope,):
            self._put(each, steps.force(state, reason=reason, now=now))

    def reset(self, scope: BreakerScope | None, now: float) -> None:
        """Close one breaker, or all of them, and forget what opened them."""
        for each in BreakerScope if scope is None else (scope,):
            self._put(each, Breaker(since=now))

    def end_pauses(self, now: float) -> None:
        """Let probes through everywhere: there is evidence that the gateway is back."""
        for scope, breaker in tuple(self):
            self._put(scope, steps.end_pause(breaker, now))

    def recount(self, is_running: Callable[[str], bool]) -> None:
        """Give the places of probes back whose end was lost with a crash, and keep those that are still under way."""
        for scope, breaker in tuple(self):
            self._probes[scope] = {call_id for call_id in self._probes[scope] if is_running(call_id)}
            self._breakers[scope] = replace(breaker, probes=len(self._probes[scope]))

    def _put(self, scope: BreakerScope, breaker: Breaker) -> None:
        before = self._breakers[scope]
        self._breakers[scope] = breaker
        if breaker.state is before.state and breaker.forced_because == before.forced_because:
            return
        self._probes[scope].clear()
        if breaker.state is BreakerState.OPEN and before.state is not BreakerState.OPEN:
            self.openings[scope] += 1
        if self.changed is not None:
            self.changed(scope, breaker)
