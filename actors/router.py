"""The router actor: keeps what gateways report and answers in which order they may be tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aegispay.actors import Actor, ControlMessage
from aegispay.domain.routing import GatewaySnapshot, RoutingDecision, RoutingRequest, RoutingStrategy, route


@dataclass(frozen=True, slots=True)
class GatewayReport(ControlMessage):
    """A gateway actor's latest numbers."""

    snapshot: GatewaySnapshot


@dataclass(frozen=True, slots=True)
class ChooseGateway:
    """Ask for a `RoutingDecision`."""

    request: RoutingRequest


@dataclass(slots=True)
class RouterMemory:
    """What a restarted router must still know.

    Attributes:
        snapshots: the latest report of each gateway, in order of registration.
        turn: decisions made so far, for round robin.
    """

    snapshots: dict[str, GatewaySnapshot]
    turn: int = 0


class RouterActor(Actor):
    """Ranks gateways by a strategy over their reports."""

    def __init__(self, memory: RouterMemory, strategy: RoutingStrategy) -> None:
        super().__init__()
        self._memory = memory
        self._strategy = strategy

    def __repr__(self) -> str:
        """Show the strategy and how many gateways report."""
        return f"<RouterActor {self._strategy} gateways={len(self._memory.snapshots)}>"

    def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case ChooseGateway(request):
                return self._choose(request)
            case GatewayReport(snapshot):
                self._memory.snapshots[snapshot.name] = snapshot
                return None
            case _:
                return super().on_receive(message)

    def _choose(self, request: RoutingRequest) -> RoutingDecision:
        turn = self._memory.turn
        self._memory.turn += 1
        snapshots = self._memory.snapshots
        decision = route(tuple(snapshots.values()), request, strategy=self._strategy, turn=turn)
        if decision.probe is not None:
            # One payment finds out; the others wait for what it says.
            snapshots[decision.probe] = replace(snapshots[decision.probe], wants_probe=False)
        return decision
