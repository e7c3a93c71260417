"""Asking whichever process lives, again and again if it has to be, and keeping what was answered."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aegispay import (
    AegisPay,
    AegisPayError,
    EngineClosedError,
    EngineFailedError,
    OverloadedError,
    Payment,
    PaymentParkedError,
    PaymentTimeoutError,
    StoreError,
)
from aegispay.gateways.ledger import MemoryLedger
from tests.integration.engine.rig import elapse
from tests.simulation.orders import Order
from tests.simulation.process import DeadError, Outside, Process

NOT_NOW = (
    DeadError,
    StoreError,
    EngineClosedError,
    EngineFailedError,
    OverloadedError,
    PaymentParkedError,
    PaymentTimeoutError,
)
_TRIES_MAX = 30

Ask = Callable[[AegisPay], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Answer:
    """What a caller was told by a process that lived to say it.

    Attributes:
        order: what he had ordered; ``None`` for those who came about a payment that others had ordered.
    """

    payment: Payment
    order: Order | None = None


@dataclass
class Asker:
    """The way to the process that lives now."""

    seed: int
    ledger: MemoryLedger
    outside: Outside
    process: Process | None = None
    answers: list[Answer] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

    async def call(self, ask: Ask) -> Any:
        """Return what is answered, once; raises what is raised, `DeadError` included."""
        if self.process is None:
            raise DeadError("nothing was started yet")
        return await self.process.call(ask)

    async def insist(
        self, what: str, ask: Ask, *, expected: tuple[type[AegisPayError], ...] = (), order: Order | None = None
    ) -> Payment | None:
        """Ask until there is an answer; ``None`` when there is none.

        Args:
            expected: refusals that may come, and are raised.
        """
        for tries in range(_TRIES_MAX):
            try:
                payment = await self.call(ask)
            except expected:
                raise
            except NOT_NOW:
                await elapse(1 + tries)
            except AegisPayError as error:
                self.surprises.append(f"{what} was told {error!r}")
                return None
            else:
                self.answers.append(Answer(payment, order))
                return payment
        self.surprises.append(f"{what} never got an answer")
        return None
