"""Places where a run can be made to crash, counted in a clean run so that each one gets a run of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aegispay.assembly
from aegispay.actors.payment import PaymentActor


class CrashError(RuntimeError):
    """The crash that was put there."""


class Poison:
    """A message that kills whichever payment actor gets it."""


def _crash(place: str) -> None:
    raise CrashError(place)


class Places:
    """Notes every place a run passes, and does `strike` at those whose numbers were chosen.

    Args:
        chosen: numbers of places, from 0 in the order they are passed.

    Attributes:
        strike: what happens there; gets the place's name.
    """

    def __init__(self, *chosen: int) -> None:
        self.passed: list[str] = []
        self.chosen = frozenset(chosen)
        self.strike: Callable[[str], None] = _crash

    def reach(self, place: str) -> None:
        number = len(self.passed)
        self.passed.append(place)
        if number in self.chosen:
            self.strike(place)


def fragile_payment(places: Places) -> type[PaymentActor]:
    """Return a payment actor that passes a place before and after each of its messages, and when it starts again."""

    class FragilePayment(PaymentActor):
        async def on_start(self) -> None:
            if self.incarnation > 0:
                places.reach("before starting again")
            await super().on_start()

        async def on_receive(self, message: Any) -> Any:
            if isinstance(message, Poison):
                raise CrashError("poisoned")
            name = type(message).__name__
            self._message = message
            places.reach(f"before {name}")
            reply = await super().on_receive(message)
            places.reach(f"after {name}")
            return reply

    return FragilePayment


def use_payment_actor(monkeypatch: Any, places: Places) -> None:
    """Make engines opened from now on use payments that pass the places."""
    monkeypatch.setattr(aegispay.assembly, "PaymentActor", fragile_payment(places))


class Sick:
    """Ids of payments whose actors crash over everything they are sent, until they are well again."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.message_types: set[str] = set()
        self.everybody_over: set[str] = set()

    def use(self, monkeypatch: Any) -> Sick:
        """Make engines opened from now on use payments that can be sick."""
        sick = self

        class SickPayment(PaymentActor):
            async def on_receive(self, message: Any) -> Any:
                name = type(message).__name__
                if name in sick.everybody_over or (
                    self._desk.id in sick.ids and (not sick.message_types or name in sick.message_types)
                ):
                    raise CrashError(name)
                return await super().on_receive(message)

        monkeypatch.setattr(aegispay.assembly, "PaymentActor", SickPayment)
        return self
