"""The tree of supervisors and actors, as data and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from aegispay.actors import CellRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One supervisor or actor.

    Attributes:
        kind: class of the actor, or a supervisor's strategy.
        state: ``ready``, ``suspended`` or ``stopped``.
        mail: user messages waiting.
        restarts: how often its instance was replaced.
        note: what else there is to say.
    """

    name: str
    kind: str
    state: str = "ready"
    mail: int = 0
    restarts: int = 0
    note: str = ""
    children: tuple[Node, ...] = ()

    def __str__(self) -> str:
        """Return the picture."""
        return self.render()

    def render(self) -> str:
        """Return the tree as lines of text."""
        return "\n".join([self.line(), *self.below("")])

    def line(self) -> str:
        """Return this node alone."""
        parts = [self.name, f"({self.kind})", self.state]
        if self.mail:
            parts.append(f"mail={self.mail}")
        if self.restarts:
            parts.append(f"restarts={self.restarts}")
        if self.note:
            parts.append(self.note)
        return " ".join(parts)

    def below(self, indent: str) -> Iterator[str]:
        """Return what hangs below this node, a line each."""
        for index, child in enumerate(self.children):
            is_last = index == len(self.children) - 1
            yield f"{indent}{'└─' if is_last else '├─'} {child.line()}"
            yield from child.below(indent + ("   " if is_last else "│  "))


@runtime_checkable
class Described(Protocol):
    """An actor that can show what hangs below it."""

    def node(self) -> Node:
        """Return it."""
        ...


def node_of(ref: CellRef[Any]) -> Node:
    """Return what there is to see of an actor, at once: the tree can be looked at whatever its actors are doing."""
    cell = ref.cell
    instance: object = cell.instance
    if isinstance(instance, Described):
        return instance.node()
    return Node(
        name=cell.name,
        kind=cell.actor_class.__name__,
        state=cell.state.value,
        mail=len(cell.mailbox),
        restarts=cell.incarnation,
    )
