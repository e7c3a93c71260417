"""Forgetting a customer: the personal data of all payments becomes unreadable, the payments stay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aegispay.actors import ActorCrashedError, ActorDeadError, AskTimeoutError
from aegispay.actors.payment_messages import RefusedError, Reread
from aegispay.api.life import EngineLife
from aegispay.delivery_errors import ErasureUnfinishedError
from aegispay.domain.text import integer, text
from aegispay.errors import PaymentTimeoutError
from aegispay.log import logger
from aegispay.ports.privacy import ErasureRecord
from aegispay.views import ErasureReport

_ID_MAX = 128
_MERCHANT_MAX = 64
_NAME_MAX = 100
_WORDS_MAX = 500
_AT_ONCE = 200
"""Payments that read themselves again at once."""


class PrivacyMethods(EngineLife):
    """Erasure."""

    async def erase_customer(
        self, customer_id: str, *, merchant: str = "default", operator: str, reason: str
    ) -> ErasureReport:
        """Make the personal data of a customer unreadable for ever, in the database and in this process.

        Names, addresses, e-mail, phone, UPI ids, last digits and expiry of cards, metadata, return addresses and the
        words of hooks are gone; ids, amounts, states, gateways and the hash chain stay. What left the engine before, to
        gateways, subscribers, webhooks and backups, is elsewhere and has to be erased there. Repeating it is harmless.
        Later payments of the same customer are kept as those of a new one.

        Args:
            customer_id: as in `Customer.id`; it stays, because it is yours and says nothing to anybody else.
            merchant: whose customer.
            operator: who has it done, at most 100 characters; kept.
            reason: at most 500 characters; kept.

        Raises:
            CustomerBusyError: a payment of the customer is unfinished: it may have to be sent again as it was.
            ErasureUnfinishedError: erased, but traces are left in working files; do it again.
            ValidationError: something is missing or too long.
            PaymentTimeoutError: erased, but a payment or subscriber in memory did not answer; do it again.
            StoreError: perhaps not erased; do it again.
        """
        self._open_assembly()
        owner = text("merchant", merchant, longest=_MERCHANT_MAX)
        name = text("operator", operator, longest=_NAME_MAX)
        erasure = await self._store.erase_customer(
            text("customer_id", customer_id, longest=_ID_MAX),
            merchant=owner,
            operator=name,
            reason=text("reason", reason, longest=_WORDS_MAX),
        )
        report = ErasureReport(
            payments=len(erasure.payment_ids), events=erasure.events, plain_events=erasure.plain_events
        )
        logger().info(
            "customer_erased",
            merchant=owner,
            operator=name,
            payments=report.payments,
            events=report.events,
            plain_events=report.plain_events,
        )
        late = await self._open_assembly().relay.forget(erasure.payment_ids)
        if late:
            raise no_answer(f"subscriber {late[0]}")
        for start in range(0, report.payments, _AT_ONCE):
            await asyncio.gather(*map(self._reread, self._in_memory(erasure.payment_ids[start : start + _AT_ONCE])))
        if not erasure.is_swept:
            raise ErasureUnfinishedError
        return report

    async def erasures(self, *, limit: int = 100) -> tuple[ErasureRecord, ...]:
        """Return who had which customer erased, and why, newest first.

        Args:
            limit: at most so many, 1 to 1,000.

        Raises:
            ValidationError: a limit out of its bounds.
            StoreError: they cannot be read.
        """
        self._open_assembly()
        integer("limit", limit, smallest=1, largest=1_000)
        return await self._store.erasures(limit=limit)

    def _in_memory(self, payment_ids: Sequence[str]) -> list[str]:
        directory = self._open_assembly().directory
        return [payment_id for payment_id in payment_ids if payment_id in directory]

    async def _reread(self, payment_id: str) -> None:
        """Have a payment in memory forget what it knew."""
        directory = self._open_assembly().directory
        try:
            await directory.ask(payment_id, Reread(), timeout_s=self._config.answer_timeout_s)
        except (ActorCrashedError, ActorDeadError):
            return  # the instance that knew it is gone
        except RefusedError as refused:
            raise refused.error from refused.error.__cause__
        except AskTimeoutError as late:
            raise no_answer(payment_id) from late
        directory.passivate(payment_id)


def no_answer(name: str) -> PaymentTimeoutError:
    """Return the error for a payment or a subscriber that still knows what it should not."""
    return PaymentTimeoutError(
        f"the customer is erased in the database, but {name} did not answer in time",
        hint="Erase the customer again, or open the engine anew.",
    )
