"""The tripwire: card numbers are recognised however they are written, and nothing that refuses one repeats it."""

import traceback

import pytest

from aegispay.domain.card_data import contains_card_number, mask_card_numbers, shown
from aegispay.domain.customer import Address, Customer
from aegispay.domain.money import Money
from aegispay.domain.payment_method import Card, NetBanking, PayLater, Upi, Wallet
from aegispay.errors import AegisPayError, CardDataError
from tests import builders as b
from tests.builders import request

PAN = "4242424242424242"
NUMBERS = {
    "Visa": PAN,
    "Visa of old": "4222222222222",
    "Visa with 19 digits": "4000000000000000006",
    "Mastercard": "5555555555554444",
    "Mastercard from 2": "2223003122003222",
    "American Express": "378282246310005",
    "Diners": "30569309025904",
    "JCB": "3530111333300000",
    "Discover": "6011111111111117",
    "UnionPay": "6200000000000005",
}
NO_CARDS = {
    "Luhn fails": "4242424242424241",
    "a date and a counter": "2026030112000008",
    "milliseconds": "1772366400003",
    "a phone number": "+5511912345676",
    "a twenty-digit id": "42424242424242424242",
    "too short": "424242424242",
    "all the same": "0000000000000000",
    "an article number": "5901234123457",
    "a UUID": "c56a4180-65aa-42ec-a945-5fd21dec0538",
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_numbers_of_every_network_are_recognised(number):
    assert contains_card_number(number)
    assert contains_card_number(f"card no {number}, thanks")


@pytest.mark.parametrize("text", NO_CARDS.values(), ids=NO_CARDS)
def test_numbers_that_are_no_cards_pass(text):
    assert not contains_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242- 4242- 4242- 4242",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242\u20134242\u20134242\u20134242",
        "4242\t4242\n4242  4242",
        "3782 822463 10005",
        "4242424242424242 123",
        "4242 4242 4242 4242 12 2030",
        "2 4242424242424242",
        "order 12 4242-4242-4242-4242 99",
        "x4242424242424242y",
    ],
    ids=repr,
)
def test_spaces_dashes_and_neighbours_hide_nothing(text):
    assert contains_card_number(text)
    masked = mask_card_numbers(text)
    assert "[removed]" in masked
    assert "42424" not in masked.replace(" ", "")
    assert "8282" not in masked.replace(" ", "")


def test_masking_keeps_everything_else():
    assert mask_card_numbers(f"a {PAN} b {PAN} c") == "a [removed] b [removed] c"
    assert mask_card_numbers("4242 4242 4242 4242 123") == "[removed] 123"
    assert mask_card_numbers("order 4242424242424241") == "order 4242424242424241"


def test_what_is_shown_of_a_value_is_short_and_without_card_numbers():
    assert shown("x" * 1_000) == "'" + "x" * 39
    assert shown(f"{'-' * 30}{PAN}") == f"'{'-' * 30}[removed]"[:40]
    assert shown([int(PAN)]) == "[[removed]]"
    assert shown(10**5_000) == "a huge integer"


ADDRESS = {"country": "US"}
EVERYWHERE = {
    "key": {"idempotency_key": PAN},
    "key with control character": {"idempotency_key": f"{PAN}\n"},
    "amount": {"amount": PAN},
    "amount as int": {"amount": int(PAN)},
    "amount as float": {"amount": float(PAN)},
    "amount in groups": {"amount": "4242 4242 4242 4242"},
    "currency": {"currency": PAN},
    "method": {"payment_method": PAN},
    "method type": {"payment_method": {"type": PAN}},
    "token": {"payment_method": {"type": "card", "token": PAN}},
    "brand": {"payment_method": {"type": "card", "token": "t", "brand": PAN}},
    "last4": {"payment_method": {"type": "card", "token": "t", "last4": PAN}},
    "expiry month": {"payment_method": {"type": "card", "token": "t", "expiry_month": int(PAN)}},
    "expiry year": {"payment_method": {"type": "card", "token": "t", "expiry_year": PAN}},
    "number": {"payment_method": {"type": "card", "token": "t", "number": PAN}},
    "field named like it": {"payment_method": {"type": "card", "token": "t", PAN: 1}},
    "vpa": {"payment_method": {"type": "upi", "vpa": PAN}},
    "vpa of a bank": {"payment_method": {"type": "upi", "vpa": f"{PAN}@bank"}},
    "bank code": {"payment_method": {"type": "net_banking", "bank_code": PAN}},
    "provider": {"payment_method": {"type": "wallet", "provider": PAN}},
    "wallet token": {"payment_method": {"type": "wallet", "provider": "p", "token": PAN}},
    "instalments": {"payment_method": {"type": "pay_later", "provider": "p", "token": PAN}},
    "customer": {"customer": PAN},
    "customer id": {"customer": {"id": PAN}},
    "customer name": {"customer": {"id": "c", "name": f"Jo {PAN}"}},
    "email": {"customer": {"id": "c", "email": f"{PAN}@example.com"}},
    "phone": {"customer": {"id": "c", "phone": PAN}},
    "phone with plus": {"customer": {"id": "c", "phone": f"+{PAN}"}},
    "short number as phone": {"customer": {"id": "c", "phone": "3782 822463 10005"}},
    "customer field": {"customer": {"id": "c", PAN: 1}},
    "street": {"customer": {"id": "c", "billing_address": ADDRESS | {"line1": PAN}}},
    "second line": {"customer": {"id": "c", "billing_address": ADDRESS | {"line2": PAN}}},
    "city": {"customer": {"id": "c", "billing_address": ADDRESS | {"city": PAN}}},
    "state": {"customer": {"id": "c", "shipping_address": ADDRESS | {"state": PAN}}},
    "postal code": {"customer": {"id": "c", "shipping_address": ADDRESS | {"postal_code": PAN}}},
    "country": {"customer": {"id": "c", "shipping_address": {"country": PAN}}},
    "address": {"customer": {"id": "c", "shipping_address": PAN}},
    "metadata": {"metadata": PAN},
    "metadata text": {"metadata": {"note": PAN}},
    "metadata integer": {"metadata": {"note": int(PAN)}},
    "metadata float": {"metadata": {"note": float(PAN)}},
    "metadata key": {"metadata": {PAN: 1}},
    "metadata deep": {"metadata": {"a": [{"b": [PAN]}]}},
    "metadata value of no kind": {"metadata": {"a": {PAN}}},
    "merchant": {"merchant": PAN},
    "merchant that fits nowhere": {"merchant": f"{PAN}!"},
    "capture": {"capture": PAN},
    "gateway": {"gateway": PAN},
    "retry of": {"retry_of": PAN},
}


@pytest.mark.parametrize("place", EVERYWHERE)
def test_a_card_number_is_refused_in_every_field_and_never_repeated(place):
    with pytest.raises(AegisPayError) as caught:
        request(**EVERYWHERE[place])
    error = caught.value
    told = [str(error), repr(error), repr(vars(error)), error.hint, *traceback.format_exception(error)]
    digits = "".join(character for character in "".join(told[:4]) if character.isdigit())
    assert PAN not in digits
    assert "378282246310005" not in digits
    assert PAN not in "".join(line for line in told if "EVERYWHERE" not in line)


@pytest.mark.parametrize(
    "key", ["cvv", "CVC", "cvv2", "card_cvv", "cardNumber", "card-number", "card number", "securityCode"]
)
def test_a_field_for_card_secrets_is_refused_in_metadata_whatever_it_holds(key):
    with pytest.raises(CardDataError, match="metadata"):
        request(metadata={"order": [{key: "123"}]})


@pytest.mark.parametrize("key", ["number", "pan", "cid", "track"])
def test_a_field_that_may_be_harmless_is_refused_in_a_payment_method_only(key):
    assert request(metadata={key: "7"}).metadata == {key: "7"}
    with pytest.raises(CardDataError):
        request(payment_method={"type": "card", "token": "t", key: "7"})


def test_a_float_is_not_taken_for_a_card_by_the_digits_behind_its_point():
    lucky = 0.4242424242424242
    assert repr(lucky) == f"0.{PAN}"
    assert request(metadata={"rate": lucky}).metadata == {"rate": lucky}


@pytest.mark.parametrize(
    "build",
    [
        lambda: Card(token=PAN),
        lambda: Upi(vpa=f"{PAN}@bank"),
        lambda: NetBanking(bank_code="b", token=PAN),
        lambda: Wallet(provider=PAN),
        lambda: PayLater(provider="p", token=PAN),
        lambda: Customer(id=PAN),
        lambda: Address(country="US", line1=PAN),
    ],
)
def test_no_value_can_be_constructed_around_a_card_number(build):
    with pytest.raises(CardDataError):
        build()


def test_an_amount_that_is_a_card_number_is_not_repeated_by_money_either():
    for build in (lambda: Money.of(PAN, "USD"), lambda: Money(int(PAN), "USD"), lambda: Money(1, PAN)):
        with pytest.raises(AegisPayError) as caught:
            build()
        assert PAN not in str(caught.value)


@pytest.mark.parametrize(
    "method",
    [
        Card(token="tok_secret", brand="visa", last4="4242"),
        Upi(vpa="tok_secret@bank"),
        NetBanking(bank_code="HDFC", token="tok_secret"),
        Wallet(provider="paypal", token="tok_secret"),
        PayLater(provider="klarna", token="tok_secret"),
    ],
    ids=lambda method: method.type,
)
def test_nothing_that_is_made_of_a_request_shows_its_token(method):
    payment = b.processing(payment_method=method)
    for shown_somewhere in (method, payment.request, payment, b.create(payment_method=method)):
        assert "tok_secret" not in f"{shown_somewhere!r} {shown_somewhere}"
