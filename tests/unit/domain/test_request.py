from decimal import Decimal

import pytest

from aegispay.domain.customer import Address, Customer
from aegispay.domain.ids import derive_payment_id, is_payment_id
from aegispay.domain.metadata import parse_metadata
from aegispay.domain.payment_method import Card, NetBanking, PayLater, PaymentMethodType, Upi, Wallet
from aegispay.domain.request import PaymentRequest, differing_fields, parse_request
from aegispay.errors import CardDataError, ValidationError
from tests.builders import request

PAN = "4242424242424242"
SALT = b"s" * 32


def fields(error):
    return [each.field for each in error.value.errors]


def test_all_five_methods_are_taken_as_objects_and_as_mappings():
    methods = [
        Card(token="tok"),
        Upi(vpa="a@bank"),
        NetBanking(bank_code="HDFC"),
        Wallet(provider="paypal"),
        PayLater(provider="klarna"),
    ]
    assert [method.type for method in methods] == list(PaymentMethodType)
    for method in methods:
        assert request(payment_method=method).payment_method == method
    assert request(payment_method={"type": "upi", "vpa": "a@bank"}).payment_method == Upi(vpa="a@bank")


def test_all_problems_are_reported_at_once_with_dotted_paths():
    with pytest.raises(ValidationError) as caught:
        parse_request(
            idempotency_key="",
            amount="abc",
            currency="USD",
            payment_method={"type": "card", "tokn": "x"},
            customer={"id": "c", "email": "nope"},
            metadata={"a": object()},
            merchant="no spaces allowed",
        )
    assert fields(caught) == [
        "idempotency_key",
        "amount",
        "payment_method.tokn",
        "payment_method.token",
        "customer.email",
        "metadata.a",
        "merchant",
    ]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\nb", "a\x00b", None, 7, "\ud800"])
def test_keys_that_are_no_keys_are_refused(key):
    with pytest.raises(ValidationError) as caught:
        request(idempotency_key=key)
    assert fields(caught) == ["idempotency_key"]


@pytest.mark.parametrize("key", ["a", "x" * 255, "order:1|2.3", "bestellung-ä-1"])
def test_keys_of_1_to_255_printable_characters_are_kept(key):
    assert request(idempotency_key=key).idempotency_key == key


@pytest.mark.parametrize(
    "change",
    [
        {"payment_method": {"type": "card", "token": PAN}},
        {"payment_method": {"type": "card", "token": "4242 4242 4242 4242"}},
        {"payment_method": {"type": "card", "token": "tok", "cvv": "123"}},
        {"payment_method": {"type": "card", "number": PAN, "token": "tok"}},
        {"payment_method": {"type": "wallet", "provider": PAN}},
        {"customer": {"id": PAN}},
        {"customer": {"id": "c", "name": f"Card {PAN}"}},
        {"metadata": {"note": f"card {PAN}"}},
        {"metadata": {"deep": [{"number": int(PAN)}]}},
        {"metadata": {PAN: 1}},
        {"idempotency_key": PAN},
    ],
)
def test_card_data_is_refused_everywhere_and_never_echoed(change):
    with pytest.raises(CardDataError) as caught:
        request(**change)
    shown = f"{caught.value!s} {caught.value!r} {caught.value.args} {caught.value.field} {caught.value.__cause__!r}"
    assert PAN not in shown
    assert "4242 4242" not in shown
    assert "123" not in shown


def test_a_card_cannot_even_be_constructed_with_a_number():
    with pytest.raises(CardDataError):
        Card(token=PAN)


def test_numbers_that_are_no_cards_pass():
    assert request(metadata={"order": "4111-2026-000123", "phone": "4155550100", "ean": "4006381333931"}).metadata
    assert request(idempotency_key="4242424242424241").idempotency_key


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ({"type": "cheque"}, "payment_method.type"),
        ({}, "payment_method.type"),
        ({"type": "card", "token": ""}, "payment_method.token"),
        ({"type": "card", "token": "t", "last4": "12"}, "payment_method.last4"),
        ({"type": "card", "token": "t", "expiry_month": 13}, "payment_method.expiry_month"),
        ({"type": "upi", "vpa": "nobank"}, "payment_method.vpa"),
        ({"type": "upi"}, "payment_method.vpa"),
        ("card", "payment_method"),
        (None, "payment_method"),
    ],
)
def test_methods_that_are_none_are_refused_by_name(method, field):
    with pytest.raises(ValidationError) as caught:
        request(payment_method=method)
    assert fields(caught)[0] == field


def test_customers_carry_addresses_and_bad_ones_are_named():
    home = Address(line1="Main St 1", city="Springfield", country="US")
    customer = Customer(id="c", billing_address=home, shipping_address=home)
    assert request(customer=customer).customer == customer
    with pytest.raises(ValidationError, match="ISO 3166"):
        request(customer={"id": "c", "billing_address": {"country": "usa"}})
    with pytest.raises(ValidationError) as caught:
        request(customer={"id": "c", "billing_address": {"town": "x", "country": "US"}})
    assert fields(caught) == ["customer.billing_address.town"]
    with pytest.raises(ValidationError, match="phone"):
        request(customer={"id": "c", "phone": "abcdefghij"})


def test_nothing_private_is_in_a_repr():
    assert "tok_secret" not in repr(Card(token="tok_secret"))
    assert "@" not in repr(Customer(id="c", email="a@example.com"))


def test_metadata_keeps_any_json_value_and_shares_nothing():
    given = {"list": [1, 2.5, None, True, {"deep": "ü"}], "order-id": "x", "": 0} | {}
    del given[""]
    kept = parse_metadata(given)
    assert kept == given
    given["list"].append("later")
    assert len(kept["list"]) == 5


@pytest.mark.parametrize(
    "value",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": {1}},
        {"a": b"bytes"},
        {1: "x"},
        {"": 1},
        {"k" * 129: 1},
        {"a": "x" * 5000},
        {"a": 2**70},
        {"a": Decimal(1)},
        {"a": "\ud800"},
        {"a": [0] * 1001},
        [1],
        "text",
    ],
)
def test_metadata_beyond_its_limits_is_refused_never_dropped(value):
    with pytest.raises(ValidationError) as caught:
        parse_metadata(value)
    assert caught.value.errors[0].field.startswith("metadata")


def test_metadata_too_deep_is_refused_even_when_it_contains_itself():
    endless: dict = {}
    endless["self"] = endless
    with pytest.raises(ValidationError, match="deeper"):
        parse_metadata(endless)


def test_the_fingerprint_ignores_how_a_request_is_written():
    same = [
        request(),
        request(amount=100),
        request(amount=Decimal("100.0")),
        request(amount=100.0),
        request(payment_method=Card(token="tok_visa")),
        request(customer=Customer(id="cust-1"), gateway=None),
        request(idempotency_key="another"),
    ]
    assert len({each.fingerprint() for each in same}) == 1
    assert (
        request(metadata={"a": 1, "b": {"c": 2, "d": 3}}).fingerprint()
        == request(metadata={"b": {"d": 3, "c": 2}, "a": 1}).fingerprint()
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "100.01"}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"payment_method": Card(token="tok_other")}, "payment_method.token"),
        ({"payment_method": Upi(vpa="a@b")}, "payment_method"),
        ({"customer": None}, "customer"),
        ({"customer": {"id": "cust-2"}}, "customer.id"),
        ({"customer": {"id": "cust-1", "billing_address": {"country": "US"}}}, "customer.billing_address"),
        ({"metadata": {"basket": ["boots"]}}, "metadata.basket"),
        ({"metadata": {"basket": ["shoes"], "x": None}}, "metadata.x"),
        ({"capture": "manual"}, "capture"),
        ({"gateway": "alpha"}, "gateway"),
    ],
)
def test_any_changed_field_changes_the_fingerprint_and_is_named(change, field):
    first, second = request(), request(**change)
    assert first.fingerprint() != second.fingerprint()
    assert differing_fields(first, second) == (field,)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0.0, -0.0), ([0.0], [-0.0]), ("1", 1), (None, "")])
def test_values_that_python_or_a_reader_takes_for_equal_are_told_apart_and_named(one, other):
    first, second = request(metadata={"a": one}), request(metadata={"a": other})
    assert first.fingerprint() != second.fingerprint()
    assert differing_fields(first, second) == ("metadata.a",)


def test_ids_are_derived_from_merchant_and_key_and_nothing_else():
    first = derive_payment_id(SALT, "shop", "order-1")
    assert first == derive_payment_id(SALT, "shop", "order-1")
    assert is_payment_id(first)
    others = {
        derive_payment_id(SALT, "shop", "order-2"),
        derive_payment_id(SALT, "other", "order-1"),
        derive_payment_id(b"t" * 32, "shop", "order-1"),
        derive_payment_id(SALT, "sho", "p:order-1"),
        derive_payment_id(SALT, "shop:", "order-1"),
    }
    assert len(others | {first}) == 6


def test_requests_are_immutable_and_default_sensibly():
    made = PaymentRequest("k", 1, "USD", Card(token="t"))
    assert (made.metadata, made.customer, made.merchant, made.gateway) == ({}, None, "default", None)
    with pytest.raises(AttributeError):
        made.amount_minor = 5


def test_where_the_payer_comes_back_to_is_a_full_address_and_part_of_the_request():
    url = "https://shop.example/back?order=7"
    assert request(return_url=url).return_url == url
    assert request(return_url=url).fingerprint() != request().fingerprint()


@pytest.mark.parametrize("url", ["/back", "ftp://shop.example", "https://", "javascript:x", "https://a b", 7, ""])
def test_an_address_the_payer_cannot_come_back_to_is_refused(url):
    with pytest.raises(ValidationError, match="return_url"):
        request(return_url=url)
