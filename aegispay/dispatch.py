"""Commands on their way to payment actors: admitted or refused, asked again after a crash, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aegispay.actors import (
    ActorCrashedError,
    ActorDeadError,
    AskTimeoutError,
    Directory,
    DirectoryFullError,
    MailboxFullError,
)
from aegispay.actors.payment_messages import RefusedError
from aegispay.config import AegisPayConfig
from aegispay.domain.payment import Payment
from aegispay.errors import AegisPayError, OverloadedError, PaymentTimeoutError
from aegispay.hooks.lifecycle import Lifecycle
from aegispay.observability.telemetry import Telemetry
from aegispay.operation_hooks import around
from aegispay.operation_spans import traced
from aegispay.parking import ParkingLot
from aegispay.waiting import Until, Waiters, Watch, fail, is_settled

Work = Callable[[str, Any], Awaitable[Payment]]


class Dispatcher:
    """Sends commands to payment actors and turns the runtime's errors into ours.

    Args:
        refusal: why the engine takes no commands any more, if it does not.
        lifecycle: hooks around operations.
        telemetry: traces operations.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        waiters: Waiters,
        parking: ParkingLot,
        config: AegisPayConfig,
        refusal: Callable[[], AegisPayError | None],
        lifecycle: Lifecycle,
        telemetry: Telemetry,
    ) -> None:
        self._directory = directory
        self._waiters = waiters
        self._parking = parking
        self._config = config
        self._refusal = refusal
        self._lifecycle = lifecycle
        self._telemetry = telemetry
        self.in_flight = 0

    async def ask(self, payment_id: str, message: Any) -> Payment:
        """Send a command and return the payment as it answers.

        Raises:
            OverloadedError: too much is in flight; nothing happened.
            PaymentParkedError: the payment kept crashing, lately or now.
            PaymentTimeoutError: no answer within `answer_timeout_s`.
            HookRefusedError: a lifecycle hook does not let the operation begin.
            AegisPayError: whatever the payment refuses with.
        """
        return await self._carry_out(payment_id, message, self._reply)

    async def _carry_out(self, payment_id: str, message: Any, work: Work) -> Payment:
        self._admit()
        try:
            if self._telemetry.is_tracing:
                return await traced(
                    self._telemetry, payment_id, message, lambda sent: self._hooked(payment_id, sent, work)
                )
            return await self._hooked(payment_id, message, work)
        finally:
            self.in_flight -= 1

    async def _hooked(self, payment_id: str, message: Any, work: Work) -> Payment:
        if self._lifecycle:
            return await around(self._lifecycle, payment_id, message, lambda: work(payment_id, message))
        return await work(payment_id, message)

    async def _reply(self, payment_id: str, message: Any) -> Payment:
        payment: Payment = await self._ask(payment_id, message, self._deadline())
        return payment

    async def settle(self, payment_id: str, message: Any, until: Until = is_settled) -> Payment:
        """Send a command and wait until the payment is what `until` asks for. Raises what `ask` raises."""
        return await self._carry_out(payment_id, message, partial(self._settled, until))

    async def _settled(self, until: Until, payment_id: str, message: Any) -> Payment:
        deadline = self._deadline()
        watch = Watch(until)
        settled = self._waiters.expect(payment_id, watch)
        try:
            replied: Payment = await self._ask(payment_id, message, deadline)
            answer = watch.reply(replied)
            return answer if answer is not None else await self._wait(payment_id, settled, deadline)
        finally:
            self._waiters.forget(payment_id, settled)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._config.answer_timeout_s

    async def _wait(self, payment_id: str, settled: asyncio.Future[Payment], deadline: float) -> Payment:
        timeout_s = self._config.answer_timeout_s
        late = PaymentTimeoutError(f"{payment_id} did not settle within {timeout_s:g} s; it goes on")
        # One timer: `asyncio.timeout` costs three times as much, and nearly every payment settles long before.
        timer = asyncio.get_running_loop().call_at(deadline, fail, settled, late)
        try:
            return await settled
        finally:
            timer.cancel()

    def _admit(self) -> None:
        if self.in_flight >= self._config.in_flight_max:
            raise OverloadedError(f"{self.in_flight} requests are in flight, the most allowed")
        self.in_flight += 1

    async def merge(self, payment_id: str, message: Any) -> bool:
        """Pass on what a gateway reports; return whether it is about this payment. Raises what `ask` raises."""
        if self._telemetry.is_tracing:
            return await traced(self._telemetry, payment_id, message, lambda sent: self._merged(payment_id, sent))
        return await self._merged(payment_id, message)

    async def _merged(self, payment_id: str, message: Any) -> bool:
        merged: bool = await self._ask(payment_id, message, self._deadline())
        return merged

    async def _ask(self, payment_id: str, message: Any, deadline: float) -> Any:
        """Ask, and again after a crash: commands are idempotent.

        It ends: the supervisor mends the actor, parks the payment or gives up, and the deadline is one for all asks.
        """
        loop = asyncio.get_running_loop()
        while True:
            self._refuse_if_ended()
            self._parking.refuse_if_parked(payment_id)
            try:
                answer = await self._directory.ask(payment_id, message, timeout_s=deadline - loop.time())
            except RefusedError as refused:
                raise refused.error from refused.error.__cause__
            except (MailboxFullError, DirectoryFullError) as full:
                raise OverloadedError(f"{payment_id}: {full}") from full
            except AskTimeoutError as late:
                raise PaymentTimeoutError(f"{payment_id} did not answer in time; it goes on") from late
            except (ActorCrashedError, ActorDeadError):
                await asyncio.sleep(0)  # noqa: TID251 - the supervisor's turn, before it is asked again
                continue
            return answer

    def _refuse_if_ended(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            raise type(refusal)(str(refusal)) from refusal.__cause__
