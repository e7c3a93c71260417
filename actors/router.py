"""The router actor: keeps what gateways report and answers in which order they may be tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aegispay.actors import Actor, ControlMessage
from aegispay.domain.routing import GatewaySnapshot, RoutingDecision, RoutingRequest, Strategy, route


@dataclass(frozen=True, slots=True)
class GatewayReport(ControlMessage):
    """A gateway actor's latest numbers."""

    snapshot: GatewaySnapshot


@dataclass(frozen=True, slots=True)
class ChooseGateway:
    """Ask for a `RoutingDecision`.

    Attributes:
        strategy: how to rank. draw: seed of its random draws.
        is_preview: nobody will act on the answer: it takes no turn and no probe.
    """

    request: RoutingRequest
    strategy: Strategy
    draw: int = 0
    is_preview: bool = False


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
    """Ranks gateways by whatever strategy the asker brings, over their reports."""

    def __init__(self, memory: RouterMemory) -> None:
        super().__init__()
        self._memory = memory

    def __repr__(self) -> str:
        """Show how many gateways report, and how many decisions were made."""
        return f"<RouterActor gateways={len(self._memory.snapshots)} decisions={self._memory.turn}>"

    def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case ChooseGateway():
                return self._choose(message)
            case GatewayReport(snapshot):
                self._memory.snapshots[snapshot.name] = snapshot
                return None
            case _:
                return super().on_receive(message)

    def _choose(self, asked: ChooseGateway) -> RoutingDecision:
        memory, snapshots = self._memory, self._memory.snapshots
        reports = tuple(snapshots.values())
        decision = route(reports, asked.request, strategy=asked.strategy, turn=memory.turn, draw=asked.draw)
        if asked.is_preview:
            return decision
        memory.turn += 1
        if decision.probe is not None:
            # One payment finds out; the others wait for what it says.
            snapshots[decision.probe] = replace(snapshots[decision.probe], wants_probe=False)
        return decision
