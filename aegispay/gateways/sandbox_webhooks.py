"""The sandbox's webhooks: genuine or refused, then what they say."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import standardwebhooks

from aegispay.domain.keys import payment_of
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import Approved, Outcome
from aegispay.domain.state import OperationKind
from aegispay.errors import RefusedWebhook, WebhookRefusedError
from aegispay.gateways.http.body import SIZE_MAX, UnreadableError, read_json, text_at
from aegispay.gateways.sandbox_answers import (
    Answer,
    ContradictionError,
    Currency,
    Decline,
    Minor,
    SandboxOperation,
    SandboxPayment,
    Word,
    charge_outcome,
    operation_outcome,
    parse,
)
from aegispay.ports import Clock

TOLERANCE = timedelta(minutes=5)
"""How far a webhook's timestamp may lie from now, either way, as Standard Webhooks says."""
_SIGNATURES_MAX = 16
_SECONDS = re.compile(r"[0-9]{1,11}")
_SECRET = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2,3}={0,2})?")
_PAYMENT = re.compile(r"payment\.(authorized|captured|declined|voided|expired|requires_action)")
_OPERATION = re.compile(r"(capture|void|refund)\.(succeeded|failed)")


class _Event(Answer):
    id: Word
    type: Word
    data: dict[str, Any]


class _Chargeback(Answer):
    id: Word
    reference: Word
    amount: Minor
    currency: Currency


class SandboxWebhooks:
    """Receives what one sandbox sends.

    Args:
        secret: ``whsec_…``; never shown.
        clock: what the age of a webhook is judged by.

    Raises:
        ValueError: it is no secret of Standard Webhooks.
    """

    def __init__(self, secret: str, clock: Clock) -> None:
        if not _SECRET.fullmatch(secret):
            # The package drops characters that are no base64, and would sign with what is left.
            raise ValueError("webhook_secret: use whsec_ and base64, as the provider shows it")
        self._signer = standardwebhooks.Webhook(secret)
        self._clock = clock

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check that the sandbox signed exactly these bytes, lately.

        Raises:
            WebhookRefusedError: it did not.
        """
        if len(body) > SIZE_MAX:
            raise WebhookRefusedError(f"more than {SIZE_MAX} bytes", reason=RefusedWebhook.TOO_LARGE)
        message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not message_id or not _SECONDS.fullmatch(timestamp):
            raise WebhookRefusedError("webhook-id or webhook-timestamp is missing", reason=RefusedWebhook.SIGNATURE)
        sent_at = datetime.fromtimestamp(int(timestamp), UTC)
        try:
            expected = self._signer.sign(message_id, sent_at, body.decode("utf-8")).encode()
        except UnicodeError:
            raise WebhookRefusedError("the body is not UTF-8", reason=RefusedWebhook.UNREADABLE) from None
        given = headers.get("webhook-signature", "").split(" ")[:_SIGNATURES_MAX]
        # Compared as written: what a stranger sent need not even be base64.
        if not any(hmac.compare_digest(expected, each.encode(errors="replace")) for each in given):
            raise WebhookRefusedError("no signature fits the body", reason=RefusedWebhook.SIGNATURE)
        if abs(self._clock.now() - sent_at) > TOLERANCE:
            raise WebhookRefusedError("signed too long ago or ahead", reason=RefusedWebhook.TIMESTAMP)

    def notifications(self, body: bytes, decline: Decline) -> tuple[Notification, ...]:
        """Return what a verified webhook means; empty when it is of no interest.

        Args:
            body: as received.
            decline: what a decline's code means.

        Raises:
            WebhookRefusedError: it cannot be read.
        """
        try:
            raw = read_json(body)
            kind = text_at(raw, "type")
            return () if kind and not _is_of_interest(kind) else _meaning(parse(_Event, raw), decline)
        except (UnreadableError, ContradictionError) as error:
            raise WebhookRefusedError(str(error), reason=RefusedWebhook.UNREADABLE) from None


def _is_of_interest(event: str) -> bool:
    return bool(_PAYMENT.fullmatch(event) or _OPERATION.fullmatch(event) or event == "chargeback.opened")


def _meaning(event: _Event, decline: Decline) -> tuple[Notification, ...]:
    if _PAYMENT.fullmatch(event.type):
        return _of_payment(event, decline)
    if event.type == "chargeback.opened":
        opened = parse(_Chargeback, event.data)
        disputed = Approved(reference=opened.id, amount_minor=opened.amount, currency=opened.currency)
        return (_notification(event, NotificationKind.CHARGEBACK, opened.reference, disputed),)
    operation = parse(SandboxOperation, event.data)
    kind = OperationKind(event.type.partition(".")[0])
    outcome = operation_outcome(operation, reference=operation.reference, kind=kind, payment=None, decline=decline)
    return (_notification(event, NotificationKind(kind.value), _reference(operation), outcome),)


def _reference(operation: SandboxOperation) -> str:
    """Return our name of the operation; of its charge when somebody else made it and named it."""
    if payment_of(operation.reference) is not None or operation.payment_reference is None:
        return operation.reference
    return operation.payment_reference


def _of_payment(event: _Event, decline: Decline) -> tuple[Notification, ...]:
    payment = parse(SandboxPayment, event.data)
    if payment.capture is None:
        # Whether "authorized" is the end or half of a charge is not known here; the look-up will know.
        return ()
    outcome = charge_outcome(payment, payment.reference, payment.capture, decline)
    return (_notification(event, NotificationKind.CHARGE, payment.reference, outcome),)


def _notification(event: _Event, kind: NotificationKind, reference: str, outcome: Outcome) -> Notification:
    return Notification(id=event.id, kind=kind, reference=reference, outcome=outcome)
