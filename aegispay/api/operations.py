"""What happens to a payment's money after the charge, and on the way to it."""

from __future__ import annotations

from collections.abc import Mapping

from aegispay.actors.payment_messages import CancelPayment, CompleteAction, Operate
from aegispay.api.life import EngineLife, checked_id
from aegispay.domain.money import Amount
from aegispay.domain.payment import Payment
from aegispay.domain.request import KEY_LENGTH_MAX
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from aegispay.domain.text import text
from aegispay.errors import FieldError, ValidationError

_REASON_LENGTH_MAX = 500
_PARAMETERS_MAX = 64
_PARAMETER_LENGTH_MAX = 16_384


class OperationMethods(EngineLife):
    """Capture, cancel, refund, and the payer's return."""

    async def capture_payment(
        self,
        payment_id: str,
        *,
        idempotency_key: str,
        amount: Amount | None = None,
        currency: str | None = None,
        is_final: bool = True,
    ) -> Payment:
        """Collect what was authorized, or part of it, and wait for the gateway's answer.

        Args:
            payment_id: a payment created with ``capture="manual"``.
            idempotency_key: 1 to 255 printable characters, the same for every repetition of one capture.
            amount: major units ("60.00"); all that is left when not given.
            currency: checked against the payment's, when given.
            is_final: whether the rest of the authorization is given up. ``False`` needs a gateway that takes several
                captures.

        Returns:
            The payment; ``payment.operation(OperationKind.CAPTURE, idempotency_key)`` is the capture: `SUCCEEDED`,
            `FAILED` with its `failure`, or `UNKNOWN`, and then its amount stays reserved and the engine goes on asking.

        Raises:
            ValidationError: the key, the amount or the currency is wrong.
            OperationRefusedError: it does not fit what is left, or a void is under way.
            IllegalTransitionError: the payment is not authorized.
            IdempotencyConflictError: the key belongs to another capture.
            UnsupportedOperationError: the gateway cannot capture like this.
            PaymentNotFoundError, PaymentParkedError, PaymentTimeoutError, OverloadedError, StoreError.
        """
        return await self._operate(
            payment_id,
            Operate(
                kind=OperationKind.CAPTURE,
                key=_key(idempotency_key),
                amount=amount,
                currency=currency,
                is_final=_flag("is_final", is_final),
            ),
        )

    async def refund_payment(
        self,
        payment_id: str,
        *,
        idempotency_key: str,
        amount: Amount | None = None,
        currency: str | None = None,
        reason: str = "",
    ) -> Payment:
        """Return captured money, or part of it, and wait for the gateway's answer.

        Args:
            payment_id: a payment that succeeded.
            idempotency_key: 1 to 255 printable characters, the same for every repetition of one refund of this payment;
                two refunds of one amount need two keys.
            amount: major units ("25.00"); all that is left when not given.
            currency: checked against the payment's, when given.
            reason: your words, at most 500 characters; kept, and passed to the gateway.

        Returns:
            The payment; ``payment.operation(OperationKind.REFUND, idempotency_key)`` is the refund: `SUCCEEDED`,
            `FAILED` with its `failure`, or `UNKNOWN`, and then its amount stays reserved and the engine goes on asking.

        Raises:
            ValidationError: the key, the amount, the currency or the reason is wrong.
            OperationRefusedError: it does not fit what is left.
            IllegalTransitionError: nothing was captured.
            IdempotencyConflictError: the key belongs to another refund.
            UnsupportedOperationError: the gateway cannot refund.
            PaymentNotFoundError, PaymentParkedError, PaymentTimeoutError, OverloadedError, StoreError.
        """
        return await self._operate(
            payment_id,
            Operate(
                kind=OperationKind.REFUND,
                key=_key(idempotency_key),
                amount=amount,
                currency=currency,
                reason=_words("reason", reason),
            ),
        )

    async def cancel_payment(
        self, payment_id: str, *, reason: str = "requested", idempotency_key: str | None = None
    ) -> Payment:
        """Stop a payment before its money is captured.

        Before anything was sent it is cancelled at once. An authorization is voided. While the outcome of the charge is
        open, or the payer may still act at the gateway, the cancel is remembered: no other attempt is made, and what
        proves approved is voided or refunded at once.

        Args:
            payment_id: which.
            reason: your words, at most 500 characters; kept.
            idempotency_key: names this cancel; without it all cancels of a payment are one, until a void has failed.

        Returns:
            The payment: `CANCELLED`; or with `is_cancel_requested` while it is remembered; or `AUTHORIZED` with a void
            that is `FAILED` or `UNKNOWN`.

        Raises:
            IllegalTransitionError: the money is captured already (refund it), or the payment failed.
            OperationRefusedError: a capture is under way.
            UnsupportedOperationError: the gateway cannot void; the message says when the authorization lapses.
            ValidationError, PaymentNotFoundError, PaymentParkedError, PaymentTimeoutError, OverloadedError, StoreError.
        """
        key = None if idempotency_key is None else _key(idempotency_key)
        message = CancelPayment(reason=_words("reason", reason), key=key)
        return await self._open_assembly().dispatcher.settle(checked_id(payment_id), message, until=_no_void_under_way)

    async def complete_action(self, payment_id: str, *, parameters: Mapping[str, str] | None = None) -> Payment:
        """Go on after the payer came back from a challenge or redirect.

        That he came back proves nothing, so the gateway is asked. Call it as often as you like, also together with the
        gateway's webhook: the first to know decides.

        Args:
            payment_id: a payment in `REQUIRES_ACTION`; any other is returned as it is.
            parameters: what the return carried, for gateways that need it to finish; never stored or logged.

        Returns:
            The payment: settled, or still in `REQUIRES_ACTION` when the gateway waits for the payer.

        Raises:
            UnknownGatewayError: the gateway is not registered.
            UnsupportedOperationError: the gateway cannot be asked; only its webhook will tell.
            ValidationError, PaymentNotFoundError, PaymentParkedError, PaymentTimeoutError, OverloadedError, StoreError.
        """
        message = CompleteAction(parameters=_parameters(parameters))
        return await self._open_assembly().dispatcher.settle(checked_id(payment_id), message, until=_action_is_over)

    async def _operate(self, payment_id: str, message: Operate) -> Payment:
        def is_answered(payment: Payment) -> bool:
            operation = payment.operation(message.kind, message.key)
            return operation is not None and operation.status is not OperationStatus.REQUESTED

        return await self._open_assembly().dispatcher.settle(checked_id(payment_id), message, until=is_answered)


def _no_void_under_way(payment: Payment) -> bool:
    return not any(
        operation.kind is OperationKind.VOID and operation.status is OperationStatus.REQUESTED
        for operation in payment.operations
    )


def _action_is_over(payment: Payment) -> bool:
    """Return whether there is nothing to wait for: the payer has acted and is charged, or there is no action at all."""
    if payment.state in {PaymentState.AUTHENTICATED, PaymentState.PROCESSING}:
        return payment.is_settled
    return payment.state is not PaymentState.REQUIRES_ACTION


def _key(value: object) -> str:
    return text("idempotency_key", value, longest=KEY_LENGTH_MAX)


def _words(field: str, value: object) -> str:
    return "" if value == "" else text(field, value, longest=_REASON_LENGTH_MAX)


def _flag(field: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValidationError([FieldError(field, "use True or False", type(value).__name__)])


def _parameters(given: Mapping[str, str] | None) -> Mapping[str, str]:
    if given is None:
        return {}
    is_sound = isinstance(given, Mapping) and len(given) <= _PARAMETERS_MAX
    if not is_sound or not all(_is_short(name) and _is_short(value) for name, value in given.items()):
        # Never the values: they may be what authenticates the payer.
        message = f"use at most {_PARAMETERS_MAX} strings of at most {_PARAMETER_LENGTH_MAX} characters"
        raise ValidationError([FieldError("parameters", message)])
    return dict(given)


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _PARAMETER_LENGTH_MAX
