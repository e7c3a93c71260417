"""The clients of an experiment: each wants one payment, asks until it is answered, and notes how long it took."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from aegispay.chaos.experiment import Experiment
from aegispay.domain.payment import Payment
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from aegispay.engine import AegisPay
from aegispay.errors import AegisPayError, EngineStateError, RequestError, StoreError
from aegispay.ports import Clock, EventStore

_LOOK_S, _LONG_LOOK_S = 0.1, 1.0
_SOON_S = 10.0
_ASK_AGAIN_S = 1.0
_OPERATOR_S = 20.0
_TRIES_MAX = 300
_OPERATIONS_MAX = 50
_FAILED = frozenset({PaymentState.FAILURE})
_AT_WORK = frozenset({PaymentState.INITIATED, PaymentState.AUTHENTICATED, PaymentState.PROCESSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one client wants.

    Attributes:
        at_s: when it comes, in seconds from the start.
    """

    key: str
    at_s: float
    amount: str
    is_manual: bool
    is_refunded: bool
    is_repeated: bool


@dataclass(slots=True)
class Traffic:
    """All clients of one experiment.

    Attributes:
        outcome_s: for each payment that a gateway was asked about, how many seconds after the client asked its outcome
            was known.
        errors: how often a request was answered with an error, by its class.
    """

    aegis: AegisPay
    store: EventStore
    clock: Clock
    experiment: Experiment
    outcome_s: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    async def run(self, wishes: list[Wish]) -> None:
        """Let all clients do what they want, and wait for the last."""
        began_s = self.clock.monotonic()
        operator = asyncio.create_task(self._operate())
        try:
            async with asyncio.TaskGroup() as clients:
                for wish in wishes:
                    await elapse(began_s + wish.at_s - self.clock.monotonic())
                    clients.create_task(self._client(wish))
        finally:
            operator.cancel()

    async def _operate(self) -> None:
        """Let what was set aside go on, as an operator does who has looked at it."""
        while True:
            await elapse(_OPERATOR_S)
            await self.unpark_all()

    async def unpark_all(self) -> None:
        """Let everything go on that is set aside."""
        for parking in await self.store.parked():
            with contextlib.suppress(AegisPayError):
                await self.aegis.unpark_payment(parking.payment_id, operator="chaos")

    async def _client(self, wish: Wish) -> None:
        payment = await self._try(wish, 0, None)
        for number in range(1, self.experiment.retries + 1):
            if payment is None or payment.state not in _FAILED:
                break
            await elapse(self.experiment.retry_pause_s)
            payment = await self._try(wish, number, payment.id)
        if payment is None:
            return
        if payment.state is PaymentState.AUTHORIZED:
            payment = await self._operated(payment, OperationKind.CAPTURE, None)
        if wish.is_refunded and payment.state is PaymentState.SUCCESS:
            half = payment.amount_minor // 2
            await self._operated(payment, OperationKind.REFUND, f"{half // 100}.{half % 100:02d}")

    async def _try(self, wish: Wish, number: int, retry_of: str | None) -> Payment | None:
        """Ask for one payment; return it once its outcome is known, or nothing when that takes too long."""
        began_s = self.clock.monotonic()
        asks = [
            self._insist(
                lambda: self.aegis.pay(
                    idempotency_key=key_of(wish, number),
                    amount=wish.amount,
                    currency="USD",
                    payment_method={"type": "card", "token": "tok_visa"},
                    capture="manual" if wish.is_manual else "automatic",
                    retry_of=retry_of,
                )
            )
            for _ in range(2 if wish.is_repeated else 1)
        ]
        answers = await asyncio.gather(*asks)
        payment = next((answer for answer in answers if answer is not None), None)
        if payment is not None:
            payment = await self._until(payment, lambda each: each.state not in _AT_WORK)
        if payment is not None and payment.attempts:
            # Those that no gateway was asked about are answered at once, and would make every mean look good.
            self.outcome_s.append(self.clock.monotonic() - began_s)
        return payment

    async def _operated(self, payment: Payment, kind: OperationKind, amount: str | None) -> Payment:
        """Capture or refund, each time under a new key, until it is done; return the payment."""
        ask = self.aegis.capture_payment if kind is OperationKind.CAPTURE else self.aegis.refund_payment
        for number in range(_OPERATIONS_MAX):
            key = f"{kind}-{number}"
            answer = await self._insist(partial(ask, payment.id, idempotency_key=key, amount=amount))
            if answer is None:
                return payment
            payment = await self._until(answer, lambda each: not each.has_open_operation) or answer
            operation = payment.operation(kind, key)
            if operation is None or operation.status is not OperationStatus.FAILED:
                return payment
            await elapse(_ASK_AGAIN_S)
        return payment

    async def _until(self, payment: Payment, wanted: Callable[[Payment], bool]) -> Payment | None:
        """Return the payment once it is as wanted; nothing if that takes too long."""
        began_s = self.clock.monotonic()
        for _ in range(_TRIES_MAX):
            if wanted(payment):
                return payment
            await elapse(_LOOK_S if self.clock.monotonic() - began_s < _SOON_S else _LONG_LOOK_S)
            with contextlib.suppress(StoreError, EngineStateError):
                payment = await self.aegis.get_payment(payment.id)
        return None

    async def _insist(self, ask: Callable[[], Awaitable[Payment]]) -> Payment | None:
        """Ask, and again under the same key, as long as trying again can help."""
        for _ in range(_TRIES_MAX):
            try:
                return await ask()
            except RequestError as error:
                self._note(error)
                return None
            except AegisPayError as error:
                self._note(error)
                await elapse(_ASK_AGAIN_S)
        return None

    def _note(self, error: AegisPayError) -> None:
        name = type(error).__name__
        self.errors[name] = self.errors.get(name, 0) + 1


def key_of(wish: Wish, number: int) -> str:
    """Return the idempotency key of a client's try."""
    return f"{wish.key}~{number}"


def draw_wishes(experiment: Experiment, seed: int) -> list[Wish]:
    """Return what the clients want, in the order in which they come."""
    draw = random.Random(f"{seed}/wishes")  # noqa: S311 - the point is to repeat it
    wishes, at_s = [], 0.0
    for number in range(experiment.payments):
        at_s += draw.expovariate(experiment.rate_per_s)
        wishes.append(
            Wish(
                key=f"chaos-{seed}-{number}",
                at_s=at_s,
                amount=f"{draw.randint(1, 500)}.{draw.randint(0, 99):02d}",
                is_manual=draw.random() < experiment.manual_share,
                is_refunded=draw.random() < experiment.refund_share,
                is_repeated=draw.random() < experiment.repeat_share,
            )
        )
    return wishes


async def elapse(seconds: float) -> None:
    """Let time pass; virtual, where the loop's is."""
    await asyncio.sleep(max(0.0, seconds))  # noqa: TID251 - clients come at moments of their own
