"""Making instances: a new actor finds the cell it is made for, without its class having to pass it on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aegispay.actors.actor import Actor
    from aegispay.actors.incarnation import Incarnation

_thread = threading.local()


def make_instance(cell: Incarnation) -> Actor:
    """Call the cell's factory.

    Raises:
        TypeError: it returned something else than a new actor.
        Exception: whatever the factory raises.
    """
    stack = _stack()
    stack.append(cell)
    try:
        made: object = cell.factory()
    finally:
        stack.pop()
    if cell.instance is None or made is not cell.instance:
        raise TypeError(
            f"the factory of {cell.name} returned a {type(made).__name__} that is no new actor; "
            "a constructor of an actor has to call super().__init__()"
        )
    return cell.instance


def adopting_cell(actor: Actor) -> Any:
    """Give the actor that is being constructed to the cell whose factory is running.

    Raises:
        RuntimeError: no factory is running, or it has made its actor already.
    """
    stack = _stack()
    if not stack or stack[-1].instance is not None:
        raise RuntimeError("start actors with ActorSystem.spawn or the class's start(), not by calling the class")
    cell = stack[-1]
    cell.instance = actor
    cell.actor_class = type(actor)
    return cell


def _stack() -> list[Incarnation]:
    stack: list[Incarnation] | None = getattr(_thread, "stack", None)
    if stack is None:
        stack = _thread.stack = []
    return stack
