"""What a condition is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aegispay.domain.customer import Address
from aegispay.domain.request import PaymentRequest


@dataclass(frozen=True, slots=True)
class Subject:
    """A payment as it was asked for, and when it is decided.

    Attributes:
        at: aware; ``None`` where there is no time, so that no condition about time matches.
    """

    request: PaymentRequest
    at: datetime | None = None


def billing_of(subject: Subject) -> Address | None:
    """Return the payer's billing address, if there is one."""
    customer = subject.request.customer
    return None if customer is None else customer.billing_address


def shipping_of(subject: Subject) -> Address | None:
    """Return the address that the goods go to, if there is one."""
    customer = subject.request.customer
    return None if customer is None else customer.shipping_address


def country_of(subject: Subject) -> str | None:
    """Return the country of the billing address, else of the shipping address."""
    address = billing_of(subject) or shipping_of(subject)
    return None if address is None else address.country
