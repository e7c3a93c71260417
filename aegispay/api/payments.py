"""Creating, processing and reading payments."""

from __future__ import annotations

from typing import Any, Unpack

from aegispay.actors import ActorRef
from aegispay.actors.payment_messages import ProcessPayment, SubmitPayment
from aegispay.api.life import EngineLife, checked_id, no_payment
from aegispay.domain.card_data import shown
from aegispay.domain.ids import derive_payment_id
from aegispay.domain.payment import Payment
from aegispay.domain.request import parse_request
from aegispay.errors import PaymentNotFoundError, ValidationError
from aegispay.fields import PaymentFields, PaymentFilters, check_names
from aegispay.filters import parse_filters
from aegispay.history import rebuild
from aegispay.ports import StoredEvent
from aegispay.views import PaymentPage


class PaymentMethods(EngineLife):
    """What a merchant does first."""

    async def create_payment(self, **fields: Unpack[PaymentFields]) -> Payment:
        """Create a payment, or return the one that this idempotency key created before.

        Args:
            **fields: see `PaymentFields`.

        Returns:
            The payment, `INITIATED` when new. It is durable: a crash after this returned does not lose it.

        Raises:
            ValidationError: fields are wrong; every problem is listed. Nothing was stored.
            CardDataError: card data stands where a token belongs.
            IdempotencyConflictError: the key belongs to another request.
            UnknownGatewayError: `gateway` names none that is registered.
            OverloadedError: too much is in flight; nothing happened.
            StoreError: the store failed; see its kinds.
        """
        return await self._submit(fields, process=False)

    async def pay(self, **fields: Unpack[PaymentFields]) -> Payment:
        """Create a payment and process it: `create_payment` and `process_payment` with one commit less.

        Returns and raises what those two do.
        """
        return await self._submit(fields, process=True)

    async def process_payment(self, payment_id: str) -> Payment:
        """Process a payment and wait until it settles. Concurrent calls join the one that runs.

        Returns:
            The payment: `SUCCESS`, or `FAILURE` with its `failure`, or `REQUIRES_ACTION`, or still `PROCESSING` with
            `in_doubt` when the outcome is not known; then the engine goes on asking and never charges again.

        Raises:
            PaymentNotFoundError: there is no such payment.
            PaymentParkedError: it kept crashing and waits for an operator.
            PaymentTimeoutError: it did not settle within `answer_timeout_s`; it goes on.
            NoGatewayError: no gateway is registered.
            OverloadedError: too much is in flight; nothing happened.
        """
        return await self._open_assembly().dispatcher.settle(checked_id(payment_id), ProcessPayment())

    async def get_payment(self, payment_id: str) -> Payment:
        """Return the payment as it is on disk.

        Raises:
            PaymentNotFoundError: there is no such payment.
        """
        self._open_assembly()
        return await self._payment_on_disk(checked_id(payment_id))

    async def get_payment_by_idempotency_key(self, idempotency_key: str, *, merchant: str = "default") -> Payment:
        """Return the payment that the merchant's key created.

        Raises:
            PaymentNotFoundError: the key was never used.
        """
        self._open_assembly()
        try:
            return await self.get_payment(derive_payment_id(self._store.salt, merchant, idempotency_key))
        except (PaymentNotFoundError, UnicodeEncodeError):
            raise PaymentNotFoundError(
                f"merchant {shown(merchant)} has no payment with the key {shown(idempotency_key)}"
            ) from None

    async def list_payments(self, **filters: Unpack[PaymentFilters]) -> PaymentPage:
        """Return a page of payments, newest first.

        Args:
            **filters: see `PaymentFilters`; pass the page's `next_cursor` as `after` for the next one.

        Raises:
            ValidationError: a filter is wrong.
        """
        self._open_assembly()
        try:
            page = await self._store.list_payments(parse_filters({**filters}))
        except ValidationError as error:
            raise ValidationError(error.errors, hint="Correct the named filters.") from error.__cause__
        streams = await self._store.load_many([row.payment_id for row in page.rows])
        payments = (rebuild(row.payment_id, streams[row.payment_id]) for row in page.rows)
        return PaymentPage(
            payments=tuple(payment for payment in payments if payment is not None),
            next_cursor=page.next_cursor,
        )

    async def payment_events(self, payment_id: str) -> tuple[StoredEvent, ...]:
        """Return everything that happened to the payment, in order.

        Raises:
            PaymentNotFoundError: there is no such payment.
        """
        self._open_assembly()
        events = await self._store.load(checked_id(payment_id))
        if not events:
            raise no_payment(payment_id)
        return events

    def payment_ref(self, payment_id: str) -> ActorRef[Any]:
        """Return the ref of the payment's actor, to send it messages of `aegispay.actors.payment_messages` yourself.

        The ref outlives the actor's incarnations: a message starts the actor when it is not in memory.

        Raises:
            PaymentNotFoundError: no payment can have this id; whether one has it, the actor says.
        """
        return self._open_assembly().directory.ref(checked_id(payment_id))

    async def _submit(self, fields: PaymentFields, *, process: bool) -> Payment:
        self._open_assembly()
        check_names(fields)
        request = parse_request(**fields)
        payment_id = derive_payment_id(self._store.salt, request.merchant, request.idempotency_key)
        message = SubmitPayment(request=request, fingerprint=request.fingerprint(), process=process)
        dispatcher = self._open_assembly().dispatcher
        return await (dispatcher.settle if process else dispatcher.ask)(payment_id, message)
