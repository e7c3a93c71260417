"""Crashes of actors, and messages that come late, twice or never."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aegispay.actors.gateway import GatewayActor
from aegispay.actors.interception import AT_ONCE
from aegispay.actors.payment import PaymentActor
from aegispay.actors.router import RouterActor
from aegispay.actors.scheduler import SchedulerActor
from aegispay.chaos import faults as f
from aegispay.chaos.injector import Active, Injector, Point

_KINDS = {
    PaymentActor: f.ActorKind.PAYMENT,
    GatewayActor: f.ActorKind.GATEWAY,
    RouterActor: f.ActorKind.ROUTER,
    SchedulerActor: f.ActorKind.SCHEDULER,
}


class ChaosCrashError(RuntimeError):
    """An actor crashes on purpose."""


class ChaosMessages:
    """What stands between the engine's actors."""

    def __init__(self, injector: Injector) -> None:
        self._injector = injector
        self._before = _crashes(injector, f.When.BEFORE)
        self._after = _crashes(injector, f.When.AFTER)
        self._drops = injector.of(f.MessageDrop)
        self._delays = injector.of(f.MessageDelay)
        self._duplicates = injector.of(f.MessageDuplicate)

    @property
    def has_faults(self) -> bool:
        """Whether the plan disturbs messages at all."""
        return bool(self._before or self._after or self._drops or self._delays or self._duplicates)

    def arrivals(self, actor_class: type[Any], name: str, message: Any, *, is_asked: bool) -> Sequence[float]:
        """Return after how many seconds copies of the message arrive."""
        kind = _kind(actor_class)
        if kind is None:
            return AT_ONCE
        point = Point(f"message {kind} {type(message).__name__}", name)
        if not is_asked and self._strikes(self._drops, kind, message, point):
            return ()
        first_s = sum(self._strikes(self._delays, kind, message, point))
        copies = self._strikes(self._duplicates, kind, message, point)
        return (first_s, *copies) if copies or first_s else AT_ONCE

    def _strikes(self, actives: list[Active], kind: f.ActorKind, message: Any, point: Point) -> list[float]:
        """Record what strikes, and return the delays drawn."""
        delays_s = []
        for strike in self._injector.strikes(actives, point, lambda fault: _fits(fault, kind, message)):
            self._injector.record(strike.active, point)
            has_delay = not isinstance(strike.fault, f.MessageDrop)
            delays_s.append(self._injector.delay_s(strike, strike.fault.delay) if has_delay else 0.0)
        return delays_s

    def before_turn(self, actor_class: type[Any], name: str, message: Any) -> None:
        """Raise what crashes the actor before it handles the message."""
        self._crash(self._before, actor_class, name, message)

    def after_turn(self, actor_class: type[Any], name: str, message: Any) -> None:
        """Raise what crashes the actor after it has handled the message."""
        self._crash(self._after, actor_class, name, message)

    def _crash(self, actives: list[Active], actor_class: type[Any], name: str, message: Any) -> None:
        kind = _kind(actor_class) if actives else None
        if kind is None:
            return
        point = Point(f"actor {kind} {type(message).__name__}", name)
        for strike in self._injector.strikes(actives, point, lambda fault: _fits(fault, kind, message)):
            self._injector.record(strike.active, point)
            raise ChaosCrashError(f"{point.group}, on purpose")


def _crashes(injector: Injector, when: f.When) -> list[Active]:
    return [active for active in injector.of(f.ActorCrash) if active.fault.when is when]


def _kind(actor_class: type[Any]) -> f.ActorKind | None:
    return next((kind for known, kind in _KINDS.items() if issubclass(actor_class, known)), None)


def _fits(fault: Any, kind: f.ActorKind, message: Any) -> bool:
    is_wanted = fault.message in {None, type(message).__name__}
    return is_wanted and getattr(fault, "actor", None) in {None, kind}
