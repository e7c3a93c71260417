"""Numbers for metrics collectors, taken from what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aegispay.domain import events as e
from aegispay.domain.payment import Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number.

    Attributes:
        name: ``payments``, ``payments_settled``, ``payment_seconds``, ``attempts``, ``attempt_seconds``, ``doubts``,
            ``captured_minor`` or ``refunded_minor``.
        unit: ``1`` for counts, ``s`` for seconds, ``minor`` for minor units of the currency.
        tags: what it belongs to: ``state``, ``gateway``, ``currency``, ``reason``.
    """

    name: str
    value: float
    unit: str
    tags: dict[str, str] = field(default_factory=dict)


_ENDS = (e.PaymentSucceeded, e.PaymentFailed, e.PaymentCancelled, e.PaymentAuthorized)


def measurements(payment: Payment, event: e.Event) -> Iterator[Measurement]:
    """Return what an event is worth measuring; `payment` is as it is after it."""
    currency = {"currency": payment.currency}
    match event:
        case e.PaymentInitiated():
            yield Measurement(name="payments", value=1, unit="1", tags=currency)
        case e.AttemptStarted(gateway=gateway):
            yield Measurement(name="attempts", value=1, unit="1", tags={"gateway": gateway})
        case e.OutcomeBecameUnknown(checks=0):
            yield Measurement(name="doubts", value=1, unit="1", tags={"gateway": payment.gateway or ""})
        case e.OperationSucceeded():
            yield from _moved(payment, event)
        case _:
            pass
    if isinstance(event, e.AttemptFailed | e.PaymentSucceeded | e.PaymentAuthorized):
        yield from _attempt(payment, event)
    if isinstance(event, _ENDS):
        tags = {"state": payment.state.value, **currency}
        if isinstance(event, e.PaymentFailed):
            tags["reason"] = event.reason.value
        yield Measurement(name="payments_settled", value=1, unit="1", tags=tags)
        seconds = (event.at - payment.created_at).total_seconds()
        yield Measurement(name="payment_seconds", value=seconds, unit="s", tags=tags)


def _attempt(
    payment: Payment, event: e.AttemptFailed | e.PaymentSucceeded | e.PaymentAuthorized
) -> Iterator[Measurement]:
    attempt = payment.attempts[event.number - 1]
    if attempt.ended_at == event.at:
        tags = {"gateway": attempt.gateway, "status": attempt.status.value}
        seconds = (event.at - attempt.started_at).total_seconds()
        yield Measurement(name="attempt_seconds", value=seconds, unit="s", tags=tags)


def _moved(payment: Payment, event: e.OperationSucceeded) -> Iterator[Measurement]:
    operation = payment.find_operation(event.operation_id)
    if operation is not None and operation.kind.value in {"capture", "refund"}:
        name = f"{operation.kind.value}d_minor" if operation.kind.value == "capture" else "refunded_minor"
        tags = {"currency": payment.currency, "gateway": payment.gateway or ""}
        yield Measurement(name=name, value=operation.amount_minor, unit="minor", tags=tags)
