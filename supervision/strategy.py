"""Which children stop and start when one has crashed: pure."""

from __future__ import annotations

from collections.abc import Sequence

from aegispay.supervision.spec import Strategy


def affected(strategy: Strategy, children: Sequence[str], crashed: str) -> tuple[str, ...]:
    """Return the children to restart, in start order; stop them in the reverse order first.

    Args:
        strategy: who goes down with the crashed one.
        children: all of them, in start order.
        crashed: the one that crashed; it is among them.
    """
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return (crashed,)
        case Strategy.ONE_FOR_ALL:
            return tuple(children)
        case Strategy.REST_FOR_ONE:
            return tuple(children[children.index(crashed) :])
