"""Those who order payments, and capture, refund and cancel them later."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from aegispay import (
    AegisPay,
    IdempotencyConflictError,
    IllegalTransitionError,
    OperationRefusedError,
    Payment,
    PaymentNotFoundError,
    UnsupportedOperationError,
)
from aegispay.domain.ids import derive_payment_id
from tests.integration.engine.rig import elapse
from tests.simulation.asking import Asker
from tests.simulation.orders import Order, Wish

_TOO_EARLY = (IllegalTransitionError, PaymentNotFoundError)
_REFUSED = (OperationRefusedError, UnsupportedOperationError)
_TOO_LATE = frozenset({"failure", "cancelled", "refunded"})
_TOO_EARLY_MAX = 8


class Merchants:
    """All callers of one story.

    Attributes:
        conflicts: orders that were told of a conflict.
        granted: wishes that were taken on, with the payment's id.
        refused: how often a wish was refused, by reason.
    """

    def __init__(self, asker: Asker, salt: bytes) -> None:
        self._asker = asker
        self._salt = salt
        self.conflicts: list[Order] = []
        self.granted: list[tuple[str, Wish]] = []
        self.refused: Counter[str] = Counter()

    async def come(self, order: Order) -> None:
        await elapse(order.at_s)
        wishes = [asyncio.create_task(self._follow(order, wish)) for wish in order.wishes]
        caller = asyncio.create_task(self._order(order))
        if order.leaves_after_s is not None:
            await elapse(order.leaves_after_s)
            caller.cancel()
        await asyncio.gather(caller, return_exceptions=order.leaves_after_s is not None)
        await asyncio.gather(*wishes)

    async def _order(self, order: Order) -> None:
        try:
            if not (order.is_two_steps or order.is_created_only):
                await self._insist(order, lambda aegis: aegis.pay(**order.fields))
                return
            created = await self._insist(order, lambda aegis: aegis.create_payment(**order.fields))
            if created is not None and not order.is_created_only:
                await self._insist(order, lambda aegis: aegis.process_payment(created.id))
        except IdempotencyConflictError:
            self.conflicts.append(order)

    async def _insist(self, order: Order, ask: Any) -> Payment | None:
        return await self._asker.insist(order.key, ask, expected=(IdempotencyConflictError,), order=order)

    async def _follow(self, order: Order, wish: Wish) -> None:
        """Want something of the payment: what comes too early is tried again, what is refused is not."""
        await elapse(wish.after_s)
        payment_id = derive_payment_id(self._salt, "default", order.key)
        for tries in range(_TOO_EARLY_MAX):
            try:
                if await self._wish(payment_id, wish) is not None:
                    self.granted.append((payment_id, wish))
                return
            except _TOO_EARLY as early:
                if getattr(early, "state", "") in _TOO_LATE:
                    break
                await elapse(1 + tries)
            except _REFUSED as refusal:
                self.refused[getattr(refusal, "reason", type(refusal).__name__)] += 1
                return
        self.refused["too early or too late"] += 1

    async def _wish(self, payment_id: str, wish: Wish) -> Payment | None:
        return await self._asker.insist(
            f"{wish} of {payment_id}", lambda aegis: ask(aegis, payment_id, wish), expected=(*_TOO_EARLY, *_REFUSED)
        )


async def ask(aegis: AegisPay, payment_id: str, wish: Wish) -> Payment:
    match wish.kind:
        case "capture":
            assert wish.key is not None
            return await aegis.capture_payment(
                payment_id, idempotency_key=wish.key, amount=wish.amount, is_final=wish.is_final
            )
        case "refund":
            assert wish.key is not None
            return await aegis.refund_payment(payment_id, idempotency_key=wish.key, amount=wish.amount)
        case _:
            return await aegis.cancel_payment(payment_id, idempotency_key=wish.key)
