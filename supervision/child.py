"""A supervisor's children: what each is, since when, and whether it is down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aegispay.actors import ActorRef, CellRef
from aegispay.supervision.spec import ChildSpec, Strategy
from aegispay.supervision.strategy import affected


@dataclass(slots=True)
class Child:
    """One child and its history.

    Attributes:
        started_at: loop time of its last start.
        restarts: planned since it last lived long; they make the pauses grow.
        is_down: whether it has crashed, ended or been taken down, and is to be started again.
    """

    spec: ChildSpec
    ref: CellRef[Any]
    started_at: float
    restarts: int = 0
    is_down: bool = False

    def next_delay_s(self, now: float, draw: Callable[[int], float]) -> float:
        """Count a restart and return the pause before it, drawn for the number of restarts before."""
        if now - self.started_at >= self.spec.backoff.reset_after_s:
            self.restarts = 0
        delay_s = draw(self.restarts)
        self.restarts += 1
        return delay_s


class Children:
    """The children in start order."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._children: dict[str, Child] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._children)

    def __iter__(self) -> Iterator[Child]:
        """Return them in start order."""
        return iter(tuple(self._children.values()))

    def __contains__(self, name: str) -> bool:
        """Return whether there is a child of that id."""
        return name in self._children

    def get(self, name: str) -> Child | None:
        """Return the child of that id, if there is one."""
        return self._children.get(name)

    def add(self, child: Child) -> None:
        """Put a child behind the others."""
        self._children[child.spec.id] = child

    def remove(self, child: Child) -> None:
        """Forget a child."""
        self._children.pop(child.spec.id, None)

    def find(self, ref: ActorRef[Any]) -> Child | None:
        """Return the child that has this ref now."""
        return next((child for child in self._children.values() if child.ref is ref), None)

    def affected(self, crashed: Child) -> Sequence[Child]:
        """Return who is restarted with a crashed child, in start order."""
        return [self._children[name] for name in affected(self._strategy, tuple(self._children), crashed.spec.id)]

    def down(self) -> list[Child]:
        """Return those that are to be started again, in start order."""
        return [child for child in self._children.values() if child.is_down]
