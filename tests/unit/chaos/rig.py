"""What tests of chaos need: an injector whose time is virtual, and points to pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aegispay.chaos.injector import Injector, Point
from aegispay.chaos.plan import ChaosPlan


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at_s)

    def monotonic(self) -> float:
        return self.at_s


def begun(*faults: Any, seed: int = 7, watch: Watch | None = None, **plan: Any) -> Injector:
    injector = Injector(ChaosPlan(faults=faults, **plan), seed)
    injector.begin(watch if watch is not None else Watch())
    return injector


def hits(injector: Injector, point: Point, *, gateway: str = "") -> bool:
    """Pass the point once; return whether something struck, which is then carried out."""
    strikes = injector.strikes(injector.of(object), point, lambda _: True, gateway)
    for strike in strikes:
        injector.record(strike.active, strike.point)
    return bool(strikes)
