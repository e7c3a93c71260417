"""Fingerprints of requests: they tell requests apart, and after an erasure they tell nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegispay.domain.decide import decide
from aegispay.domain.events import decode
from aegispay.domain.evolve import evolve
from aegispay.domain.fingerprints import ERASED_SALT, salted, without_personal
from aegispay.domain.rejection import Rejection
from aegispay.domain.request import parse_request
from aegispay.storage.personal import encode_parts, put_back
from tests import builders as b

ADDRESS = {"line1": "1 Main St", "country": "US"}
CUSTOMER = {"id": "cust_1", "email": "ann@example.com", "phone": "+15550004242", "billing_address": ADDRESS}
METHODS = [
    {"type": "card", "token": "tok_visa", "brand": "visa", "last4": "4242", "expiry_month": 3, "expiry_year": 2030},
    {"type": "upi", "vpa": "ann@okbank"},
    {"type": "wallet", "provider": "paypal"},
]


def request(method=METHODS[0], **changes):
    fields = {
        "idempotency_key": "order-1",
        "amount": "10.00",
        "currency": "USD",
        "payment_method": method,
        "customer": CUSTOMER,
        "metadata": {"note": "for Ann"},
        "return_url": "https://shop.example/ann",
    }
    return parse_request(**(fields | changes))


def initiated(asked, salt="5a17"):
    command = replace(b.create(), request=asked, fingerprint=asked.fingerprint(), fingerprint_salt=salt)
    (event,) = decide(None, command)
    return event


def repeated(payment, asked):
    return decide(payment, replace(b.create(), request=asked, fingerprint=asked.fingerprint(), fingerprint_salt="new"))


def erased(event):
    return decode(event.type, event.schema_version, encode_parts(event)[0])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["type"])
def test_what_is_left_after_an_erasure_is_what_the_domain_says_it_is(method):
    event = initiated(request(method))
    left = erased(event)
    assert left.request == without_personal(event.request)
    assert left.fingerprint_salt == ERASED_SALT
    assert decode(event.type, event.schema_version, put_back(*encode_parts(event))) == event


def test_the_same_request_is_the_same_and_another_one_is_not_before_and_after_an_erasure():
    event = initiated(request())
    for kept in (event, erased(event)):
        payment = evolve(None, kept, payment_id=b.ID)
        assert repeated(payment, request()) == ()
        assert repeated(payment, request(amount="11.00")) is Rejection.KEY_USED_FOR_ANOTHER_REQUEST
    live = evolve(None, event, payment_id=b.ID)
    assert repeated(live, request(metadata={})) is Rejection.KEY_USED_FOR_ANOTHER_REQUEST


def test_a_payment_of_before_there_were_salts_is_compared_as_it_was():
    asked = request()
    event = replace(initiated(asked, salt=None), fingerprint=asked.fingerprint())
    payment = evolve(None, event, payment_id=b.ID)
    assert event.fingerprint == salted(asked.fingerprint(), None)
    assert repeated(payment, asked) == ()
    assert repeated(payment, request(amount="11.00")) is Rejection.KEY_USED_FOR_ANOTHER_REQUEST


def test_whoever_guesses_what_was_erased_cannot_see_that_he_is_right():
    open_json, _ = encode_parts(initiated(request()))
    assert request().fingerprint() not in open_json
    assert "5a17" not in open_json
    first, second = (initiated(request(), salt) for salt in ("5a17", "0b5e"))
    assert first.fingerprint != second.fingerprint
