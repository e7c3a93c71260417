"""Several decisions that belong into one append: each sees the payment as the earlier ones left it."""

from __future__ import annotations

from typing import Any

from aegispay.domain.commands import Command
from aegispay.domain.decide import decide
from aegispay.domain.events import Event
from aegispay.domain.evolve import evolve
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection


class Draft:
    """Events decided but not yet written.

    Attributes:
        payment: as it will be once the events are written; ``None`` before it exists.
        events: what has to be appended, in order.
        marks: durable counts that are made with them, as the store's port has them.
    """

    __slots__ = ("events", "marks", "payment", "payment_id", "version")

    def __init__(self, payment_id: str, payment: Payment | None) -> None:
        self.payment_id = payment_id
        self.payment = payment
        self.version = 0 if payment is None else payment.version
        self.events: list[Event] = []
        self.marks: list[Any] = []

    def apply(self, command: Command) -> Rejection | None:
        """Decide the command and take its events in; return the rejection when it was refused."""
        decision = decide(self.payment, command)
        if isinstance(decision, Rejection):
            return decision
        for event in decision:
            self.take(event)
        return None

    def take(self, event: Event) -> None:
        """Take a fact in that was decided before."""
        self.payment = evolve(self.payment, event, payment_id=self.payment_id)
        self.events.append(event)
