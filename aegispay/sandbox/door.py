"""The listening socket: open, or shut for a while."""

from __future__ import annotations

from typing import Protocol

Peer = tuple[str, int]


class Door(Protocol):
    """What a refused connection is made of."""

    def shut(self, seconds: float, peer: Peer | None) -> None:
        """Stop listening for so long, drop idle connections and that of `peer`; returns at once."""
        ...


class NoDoor:
    """Where there is no socket: nothing can be refused."""

    def shut(self, seconds: float, peer: Peer | None) -> None:
        """Do nothing."""
