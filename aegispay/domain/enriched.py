"""A payment's request together with what hooks added to its metadata."""

from __future__ import annotations

from dataclasses import replace

from aegispay.domain.payment import Payment
from aegispay.domain.request import PaymentRequest


def enriched_request(payment: Payment) -> PaymentRequest:
    """Return the request as rules and hooks see it; gateways get the merchant's own metadata only."""
    return replace(payment.request, metadata=payment.metadata) if payment.added_metadata else payment.request
