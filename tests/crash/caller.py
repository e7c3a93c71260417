"""Whoever uses the engine in a scenario: each step can be asked again, and waits until it has come to something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aegispay import OperationKind, OperationStatus, Payment, PaymentState
from tests.crash.lives import NOT_ACKNOWLEDGED, Lives
from tests.integration.engine.rig import elapse, order
from tests.simulation.desk import said_of

_PATIENCE_S = 700
"""Longest known way to the end: a lost call is noticed after 40 s, then checks with growing pauses."""


class Caller:
    """Speaks about one payment."""

    def __init__(self, lives: Lives) -> None:
        self.lives = lives
        self.payment_id = ""

    async def pay(self, token: str = "tok_visa", **changes: Any) -> Payment:
        return await self._first(lambda aegis: aegis.pay(**order(token=token, **changes)))

    async def create_and_process(self, token: str = "tok_visa", **changes: Any) -> Payment:
        created = await self._first(lambda aegis: aegis.create_payment(**order(token=token, **changes)))
        return await self._ask(lambda aegis: aegis.process_payment(created.id))

    async def authorize(self, token: str = "tok_visa") -> Payment:
        await self.pay(token, capture="manual")
        return await self.until(lambda payment: payment.state is PaymentState.AUTHORIZED)

    async def capture(self, key: str, amount: str | None = None, *, is_final: bool = True) -> Payment:
        await self._ask(
            lambda aegis: aegis.capture_payment(self.payment_id, idempotency_key=key, amount=amount, is_final=is_final)
        )
        return await self._until_over(OperationKind.CAPTURE, key)

    async def refund(self, key: str, amount: str | None = None) -> Payment:
        await self.ask_for_refund(key, amount)
        return await self._until_over(OperationKind.REFUND, key)

    async def ask_for_refund(self, key: str, amount: str | None = None) -> Payment:
        return await self._ask(lambda aegis: aegis.refund_payment(self.payment_id, idempotency_key=key, amount=amount))

    async def cancel(self) -> Payment:
        return await self._ask(lambda aegis: aegis.cancel_payment(self.payment_id))

    async def complete_action(self) -> Payment:
        return await self._ask(lambda aegis: aegis.complete_action(self.payment_id, parameters={"result": "back"}))

    async def until(self, holds: Callable[[Payment], bool]) -> Payment:
        """Wait until the payment is what it has to become, whoever lives."""
        for _ in range(_PATIENCE_S):
            payment: Payment = await self.lives.ask(lambda aegis: aegis.get_payment(self.payment_id))
            if holds(payment):
                return payment
            await elapse(1)
        raise AssertionError(f"{payment!r} never became what it has to: {payment.attempts}, {payment.operations}")

    # --- others ---------------------------------------------------------------------------------------

    async def webhooks(self) -> None:
        """Deliver all that the providers have to report, twice, the latest first."""
        for provider in self.lives.gateways:
            for notification in reversed(2 * provider.notifications(self.payment_id)):
                headers, body = provider.webhook(notification)
                name = provider.name
                await self.lives.ask(
                    lambda aegis, name=name, headers=headers, body=body: aegis.receive_webhook(name, headers, body),
                    again=NOT_ACKNOWLEDGED,
                )

    async def people_say_the_truth(self) -> Payment:
        """Let an operator look into the provider's books once nothing can be on its way any more."""
        await elapse(60)
        payment = await self.until(lambda payment: all(doubt.unknown_since for doubt in _open(payment)))
        for doubt in payment.doubts:
            words = said_of(self.lives.ledger.find_reference(payment.gateway or "", doubt.id))
            if words is not None and doubt.id in {each.id for each in (await self._read()).doubts}:
                await self._ask(
                    lambda aegis, doubt=doubt, words=words: aegis.resolve_payment(
                        self.payment_id, evidence="the books", operator="ops", reference=doubt.id, **words
                    )
                )
        return await self._read()

    # --- how ------------------------------------------------------------------------------------------

    async def _first(self, what: Callable[[Any], Any]) -> Payment:
        payment = await self._ask(what)
        self.payment_id = payment.id
        return payment

    async def _read(self) -> Payment:
        return await self.until(lambda _: True)

    async def _ask(self, what: Callable[[Any], Any]) -> Payment:
        payment: Payment = await self.lives.ask(what)
        self.lives.answers.append(payment)
        return payment

    async def _until_over(self, kind: OperationKind, key: str) -> Payment:
        def is_over(payment: Payment) -> bool:
            operation = payment.operation(kind, key)
            return operation is not None and not operation.status.is_open

        payment = await self.until(is_over)
        operation = payment.operation(kind, key)
        assert operation is not None
        assert operation.status is OperationStatus.SUCCEEDED, operation
        return payment


def _open(payment: Payment) -> list[Any]:
    attempt = payment.open_attempt
    operations = [operation for operation in payment.operations if operation.status.is_open]
    return operations if attempt is None else [attempt, *operations]
