"""The router actor: keeps what gateways report and answers in which order they may be tried."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from aegispay.actors import Actor, ControlMessage
from aegispay.domain.retry import BudgetBook, RetryBudget
from aegispay.domain.routing import GatewaySnapshot, RoutingDecision, RoutingRequest, Strategy, route

_BUDGET = RetryBudget()


@dataclass(frozen=True, slots=True)
class GatewayReport(ControlMessage):
    """A gateway actor's latest numbers."""

    snapshot: GatewaySnapshot


@dataclass(frozen=True, slots=True)
class ChooseGateway:
    """Ask for a `RoutingDecision`.

    Attributes:
        strategy: how to rank. draw: seed of its random draws.
        is_preview: nobody will act on the answer: it takes no turn and no probe, and counts for no budget.
        is_retry: an attempt after a payment's first, which the budget may refuse. at_s: now, in monotonic seconds.
    """

    request: RoutingRequest
    strategy: Strategy
    draw: int = 0
    is_preview: bool = False
    is_retry: bool = False
    budget: RetryBudget = _BUDGET
    at_s: float = 0.0


@dataclass(slots=True)
class RouterMemory:
    """What a restarted router must still know.

    Attributes:
        snapshots: the latest report of each gateway, in order of registration.
        turn: decisions made so far, for round robin.
        book: attempts of late, for the retry budget.
    """

    snapshots: dict[str, GatewaySnapshot]
    turn: int = 0
    book: BudgetBook = field(default_factory=lambda: BudgetBook(_BUDGET.window_s))


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
        request = self._within_budget(asked)
        decision = route(reports, request, strategy=asked.strategy, turn=memory.turn, draw=asked.draw)
        if asked.is_preview:
            return decision
        memory.turn += 1
        if decision.order:
            memory.book.count(decision.order[0], is_retry=asked.is_retry, now_s=asked.at_s)
        if decision.probe is not None:
            # One payment finds out; the others wait for what it says.
            snapshots[decision.probe] = replace(snapshots[decision.probe], wants_probe=False)
        return decision

    def _within_budget(self, asked: ChooseGateway) -> RoutingRequest:
        """Return the request without the gateways that have no budget left for it; a first attempt needs none."""
        if asked.is_preview:
            return asked.request
        memory, budget = self._memory, asked.budget
        if memory.book.window_s != budget.window_s:
            memory.book = BudgetBook(budget.window_s)
        if not asked.is_retry:
            return asked.request
        spent = memory.book.spent(tuple(memory.snapshots), budget, asked.at_s)
        return replace(asked.request, over_budget=spent) if spent else asked.request
