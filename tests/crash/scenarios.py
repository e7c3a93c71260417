"""What a scenario is: the providers, what callers do, and what it must come to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aegispay import PaymentState, SimulatedGateway
from aegispay.gateways.ledger import MemoryLedger
from aegispay.ports import Clock

if TYPE_CHECKING:
    from tests.crash.caller import Caller

Gateways = Callable[[MemoryLedger, Clock], list[Any]]
Story = Callable[["Caller"], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class End:
    """How it may end.

    Attributes:
        moved: what providers did in any order: (gateway, kind, minor units).
    """

    state: PaymentState
    moved: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Scenario:
    """One way of one payment.

    Attributes:
        ends: the first is how it ends when nothing happens; a crash may lead to any of them.
    """

    name: str
    gateways: Gateways
    story: Story
    ends: tuple[End, ...]

    def __str__(self) -> str:
        return self.name


def simulated(name: str, ledger: MemoryLedger, clock: Clock, **options: Any) -> SimulatedGateway:
    return SimulatedGateway(name, ledger=ledger, clock=clock, **({"latency_s": 0.1} | options))


def alone(**options: Any) -> Gateways:
    return lambda ledger, clock: [simulated("alpha", ledger, clock, **options)]


def two(ledger: MemoryLedger, clock: Clock) -> list[Any]:
    return [simulated("alpha", ledger, clock), simulated("beta", ledger, clock)]


def alpha(**done: int) -> tuple[tuple[str, str, int], ...]:
    """Return what alpha does once each."""
    return tuple(("alpha", kind, minor) for kind, minor in done.items())
