"""Names that a gateway sees: derived from the payment, so that a restart derives the same ones."""

from __future__ import annotations

import hashlib


def attempt_id(payment_id: str, number: int) -> str:
    """Return our reference of an attempt, unique over all payments."""
    return f"{payment_id}-a{number}"


def charge_key(payment_id: str, number: int, gateway: str) -> str:
    """Return the outbound idempotency key of an attempt: one per attempt and gateway, never shared between gateways."""
    return f"{payment_id}-a{number}-{gateway}"


def request_digest(reference: str, idempotency_key: str, fingerprint: str) -> str:
    """Return the SHA-256 of what a gateway is sent: equal digests mean an identical resend."""
    return hashlib.sha256(f"{reference}|{idempotency_key}|{fingerprint}".encode()).hexdigest()
