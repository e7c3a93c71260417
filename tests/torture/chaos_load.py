"""The load of the chaos torture: clients at a steady rate, and what each of them wants."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field

from aegispay import AegisPay, AegisPayError, Payment, PaymentState, PaymentTimeoutError, RequestError

AT_WORK = frozenset({PaymentState.INITIATED, PaymentState.AUTHENTICATED, PaymentState.PROCESSING})
PAID = frozenset({PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED})
_LOOKS_MAX = 600
_TRIES_MAX = 100
_PAUSE_MAX_S = 2.0


@dataclass(slots=True)
class Phase:
    """A stretch of load.

    Attributes:
        paid_at: monotonic seconds at which each of its clients had paid.
    """

    name: str
    began_at: float = 0.0
    ended_at: float = 0.0
    clients: int = 0
    paid_at: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def offered_per_s(self) -> float:
        """Clients that came per second."""
        return self.clients / (self.ended_at - self.began_at)

    @property
    def per_s(self) -> float:
        """Clients that have paid per second, over the second half, when what went before has had its time."""
        middle = (self.began_at + self.ended_at) / 2
        paid = sum(middle <= at < self.ended_at for at in self.paid_at)
        return paid / (self.ended_at - middle)


class Load:
    """Sends clients on their way, `per_s` of them a second, and lets them finish in their own time."""

    def __init__(self, aegis: AegisPay, *, seed: int, per_s: float) -> None:
        self._aegis = aegis
        self._seed = seed
        self._per_s = per_s
        self._number = 0
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self, name: str, clients: int) -> Phase:
        """Start so many clients; return when the last has started."""
        phase = Phase(name, began_at=time.monotonic(), clients=clients)
        for each in range(clients):
            # Late ones come all at once: a load that waits for the engine would be none.
            left_s = phase.began_at + each / self._per_s - time.monotonic()
            if left_s > 0:
                await pause(left_s)
            self._number += 1
            client = asyncio.create_task(self._client(phase, self._number))
            self._clients.add(client)
            client.add_done_callback(self._clients.discard)
        phase.ended_at = time.monotonic()
        return phase

    async def finish(self) -> None:
        """Wait for all clients."""
        while self._clients:
            await asyncio.wait(self._clients)

    async def _client(self, phase: Phase, number: int) -> None:
        draw = random.Random(f"{self._seed}/{number}")
        is_manual, is_refunded = draw.random() < 0.2, draw.random() < 0.2
        amount_minor = draw.randint(300, 20_000)
        payment = await self._paid(phase, number, amount_minor, is_manual=is_manual)
        if payment is None:
            return
        if payment.state is PaymentState.AUTHORIZED:
            payment = await self._ask(phase, lambda: self._aegis.capture_payment(payment.id, idempotency_key="capture"))
            payment = None if payment is None else await self._rest(payment)
        if payment is None or payment.state not in PAID:
            return
        phase.paid_at.append(time.monotonic())
        if is_refunded:
            amount = f"{amount_minor // 200}.{amount_minor // 2 % 100:02d}"
            await self._ask(
                phase, lambda: self._aegis.refund_payment(payment.id, idempotency_key="refund", amount=amount)
            )

    async def _paid(self, phase: Phase, number: int, amount_minor: int, *, is_manual: bool) -> Payment | None:
        payment = await self._ask(
            phase,
            lambda: self._aegis.pay(
                idempotency_key=f"chaos-{number}",
                amount=f"{amount_minor // 100}.{amount_minor % 100:02d}",
                currency="USD",
                payment_method={"type": "card", "token": "tok_visa"},
                capture="manual" if is_manual else "automatic",
            ),
        )
        return None if payment is None else await self._rest(payment)

    async def _rest(self, payment: Payment) -> Payment | None:
        """Return the payment when nothing of it is open any more."""
        for _ in range(_LOOKS_MAX):
            if payment.state not in AT_WORK and not payment.has_open_operation:
                return payment
            await pause(0.1)
            with contextlib.suppress(AegisPayError):
                payment = await self._aegis.get_payment(payment.id)
        return None

    async def _ask(self, phase: Phase, ask) -> Payment | None:
        for tries in range(_TRIES_MAX):
            try:
                return await ask()
            except RequestError as error:
                _count(phase, error)
                return None
            except (AegisPayError, PaymentTimeoutError) as error:
                _count(phase, error)
                await pause(min(_PAUSE_MAX_S, 0.2 * 2**tries))
        return None


def _count(phase: Phase, error: AegisPayError) -> None:
    name = type(error).__name__
    phase.errors[name] = phase.errors.get(name, 0) + 1


async def pause(seconds: float) -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(max(0.0, seconds), passed.set)
    await passed.wait()
