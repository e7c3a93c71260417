"""Names that a gateway sees: derived from the payment, so that a restart derives the same ones."""

from __future__ import annotations

import hashlib
import re

from aegispay.domain.ids import is_payment_id
from aegispay.domain.state import OperationKind


def attempt_id(payment_id: str, number: int) -> str:
    """Return our reference of an attempt, unique over all payments."""
    return f"{payment_id}-a{number}"


def is_first_attempt(reference: str) -> bool:
    """Return whether this is our reference of a payment's first attempt."""
    return reference.endswith("-a1")


def charge_key(payment_id: str, number: int, gateway: str) -> str:
    """Return the outbound idempotency key of an attempt: one per attempt and gateway, never shared between gateways."""
    return f"{payment_id}-a{number}-{gateway}"


def operation_id(payment_id: str, kind: OperationKind, key: str) -> str:
    """Return our reference of a capture, void or refund, from the key its asker chose."""
    return f"{payment_id}-{kind}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def cancel_id(payment_id: str, number: int) -> str:
    """Return our reference of the engine's own try to release or return what a remembered cancel asked for."""
    return f"{payment_id}-cancel" if number == 1 else f"{payment_id}-cancel-{number}"


def operation_key(reference: str, gateway: str) -> str:
    """Return the outbound idempotency key of an operation: never shared between gateways, nor with a charge."""
    return f"{reference}-{gateway}"


_OURS = re.compile(r"[^-]+-(?:a[0-9]{1,4}|cancel(?:-[0-9]{1,4})?|(?:capture|void|refund)-[0-9a-f]{16})")


def is_ours(reference: str) -> bool:
    """Return whether a reference has the very form of those made here, so that nothing else can hide in it."""
    return payment_of(reference) is not None and _OURS.fullmatch(reference) is not None


def payment_of(reference: str) -> str | None:
    """Return the id of the payment that a reference of ours belongs to; ``None`` when it is none of ours."""
    payment_id, dash, _ = reference.partition("-")
    return payment_id if dash and is_payment_id(payment_id) else None


def request_digest(reference: str, idempotency_key: str, fingerprint: str) -> str:
    """Return the SHA-256 of what a gateway is sent: equal digests mean an identical resend."""
    return hashlib.sha256(f"{reference}|{idempotency_key}|{fingerprint}".encode()).hexdigest()
