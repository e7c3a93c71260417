"""What may be put between an engine and everything outside of it: for tests of what survives it."""

from __future__ import annotations

from typing import Protocol

from aegispay.actors.interception import Interception
from aegispay.hooks.hook import Hook
from aegispay.ports import Clock, EventStore, Gateway


class Interference(Protocol):
    """Stands around an engine's clock, store and gateways, sees messages, fails hooks: `aegispay.chaos.Chaos`."""

    @property
    def interception(self) -> Interception | None:
        """What sees the messages between actors; ``None`` when nothing is to be disturbed there."""
        ...

    def begin(self, clock: Clock) -> None:
        """The engine opens now. Called again when it is opened again."""
        ...

    def clock(self, clock: Clock) -> Clock:
        """Return the clock that the engine is to use instead."""
        ...

    def store(self, store: EventStore) -> EventStore:
        """Return the store that the engine is to use instead."""
        ...

    def gateway(self, gateway: Gateway) -> Gateway:
        """Return the gateway that the engine is to use instead."""
        ...

    def failing(self, hook: Hook) -> str:
        """Return why this call of a hook is to fail without being made; empty when it is to be made."""
        ...
