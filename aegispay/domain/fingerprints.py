"""Whether two requests are the same, by hashes that give nothing away of the customers they are about."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from aegispay.domain.customer import Customer
from aegispay.domain.payment import Payment
from aegispay.domain.payment_method import Card, PaymentMethod, Upi
from aegispay.domain.request import PaymentRequest, differing_fields

ERASED_SALT = ""
"""Stands where the salt of a customer stood who was erased."""
ERASED_VPA = "erased@erased"


def salted(fingerprint: str, salt: str | None) -> str:
    """Return what is kept of a fingerprint: with a salt, nobody finds the request by trying what it might have been."""
    return fingerprint if salt is None else hashlib.sha256(f"{salt}|{fingerprint}".encode()).hexdigest()


def is_same_request(payment: Payment, request: PaymentRequest, fingerprint: str) -> bool:
    """Return whether `request` is the one that created the payment; of an erased customer, as far as it is known."""
    if payment.fingerprint_salt == ERASED_SALT:
        return not differing_fields(payment.request, without_personal(request))
    return payment.fingerprint == salted(fingerprint, payment.fingerprint_salt)


def without_personal(request: PaymentRequest) -> PaymentRequest:
    """Return the request as it reads after its customer was erased."""
    customer = None if request.customer is None else Customer(id=request.customer.id)
    method = _without_personal(request.payment_method)
    return replace(request, customer=customer, payment_method=method, metadata={}, return_url=None)


def _without_personal(method: PaymentMethod) -> PaymentMethod:
    match method:
        case Card():
            return replace(method, last4=None, expiry_month=None, expiry_year=None)
        case Upi():
            return replace(method, vpa=ERASED_VPA)
        case _:
            return method
