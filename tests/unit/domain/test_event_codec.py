"""Events as JSON: each reads back equal, and what does not fit is refused without repeating it."""

import json
from datetime import timedelta

import pytest

from aegispay.domain.customer import Address, Customer
from aegispay.domain.event_codec import CLASSES
from aegispay.domain.events import EventType, PaymentInitiated, decode, encode
from aegispay.domain.payment_method import NetBanking, PayLater, Upi, Wallet
from aegispay.domain.request import CaptureMode
from tests import builders as b
from tests.samples import EVENTS, INITIATED

EVERY = (INITIATED, *EVENTS)
PAN = "4242424242424242"


def reread(event):
    return decode(event.type, event.schema_version, encode(event))


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.type)
def test_every_event_reads_back_equal(event):
    assert reread(event) == event
    assert type(reread(event)) is type(event)
    assert encode(reread(event)) == encode(event)


def test_every_event_type_has_a_class_and_a_sample():
    assert set(CLASSES) == set(EventType) == {event.type for event in EVERY}


def test_every_class_says_the_type_it_is_stored_under():
    assert {(event.type, type(event)) for event in EVERY} == set(CLASSES.items())


def test_every_name_is_dotted_and_belongs_to_the_payment():
    assert all(event_type.startswith("payment.") for event_type in EventType)


@pytest.mark.parametrize(
    "method",
    [Upi(vpa="a@bank"), NetBanking(bank_code="HDFC"), Wallet(provider="paypal", token="t"), PayLater(provider="k")],
    ids=lambda method: method.type,
)
def test_a_request_reads_back_with_every_kind_of_method_and_all_its_parts(method):
    home = Address(line1="Main St 1", city="Ünna", country="DE")
    customer = Customer(id="c", email="a@b.example", billing_address=home, shipping_address=home)
    request = b.request(
        payment_method=method, customer=customer, capture="manual", gateway="alpha", retry_of="pay_1",
        metadata={"int": 2**53 + 1, "float": 0.1, "neg": -0.0, "null": None, "deep": [{"a": True}], "text": "\u2028"},
    )  # fmt: skip
    event = PaymentInitiated(at=b.NOW, request=request, fingerprint=request.fingerprint(), expires_at=b.LATER)
    found = reread(event)
    assert found == event
    assert found.request.capture is CaptureMode.MANUAL
    assert found.request.fingerprint() == event.fingerprint


def test_times_keep_their_microseconds_and_their_zone():
    at = b.NOW + timedelta(microseconds=1)
    found = reread(PaymentInitiated(at=at, request=b.request(), fingerprint="f", expires_at=b.LATER))
    assert found.at == at
    assert found.at.utcoffset() == timedelta(0)


def test_a_decision_reads_back_and_explains_itself_in_the_same_words():
    started = next(event for event in EVENTS if event.type is EventType.PAYMENT_PROCESSING)
    assert reread(started).decision.explain() == started.decision.explain()


@pytest.mark.parametrize("name", ["", "payment.", "payment.vanished", "PAYMENT_INITIATED"])
def test_an_unknown_type_is_refused(name):
    with pytest.raises(ValueError, match="is not a valid EventType"):
        decode(name, 1, b"{}")


@pytest.mark.parametrize("version", [0, 2, 99])
def test_a_schema_version_that_is_not_known_is_refused(version):
    with pytest.raises(ValueError, match=f"payment.parked: schema version {version} is not known"):
        decode("payment.parked", version, encode(next(e for e in EVENTS if e.type == "payment.parked")))


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"{}", b'{"at": "yesterday"}', b"\xff\xfe"])
def test_data_that_does_not_fit_is_refused(data):
    with pytest.raises(ValueError, match=r"^payment\.cancelled: "):
        decode("payment.cancelled", 1, data)


def test_a_first_attempt_stored_as_a_retry_is_refused():
    first = next(event for event in EVENTS if event.type is EventType.PAYMENT_PROCESSING)
    with pytest.raises(
        ValueError, match=r"stored as payment\.retry_attempted, but its content is a payment\.processing"
    ):
        decode("payment.retry_attempted", 1, encode(first))


def test_a_refund_stored_as_a_capture_is_refused():
    refund = next(event for event in EVENTS if event.type == "payment.refund_succeeded")
    with pytest.raises(ValueError, match=r"stored as payment\.capture_succeeded"):
        decode("payment.capture_succeeded", 1, encode(refund))


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": [PAN]},
        {"expires_at": PAN},
        {"request": {"payment_method": {"type": "card", "token": PAN}}},
        {"request": {"payment_method": {"type": PAN}}},
        {"request": {"amount_minor": PAN + "x"}},
        {"request": {"customer": {"id": "c", "billing_address": {"country": PAN}}}},
    ],
    ids=repr,
)
def test_an_error_about_stored_data_names_fields_and_never_a_card_number(change):
    data = json.loads(encode(INITIATED))
    changed = {name: data[name] | value if isinstance(value, dict) else value for name, value in change.items()}
    with pytest.raises(ValueError, match=r"^payment\.initiated: ") as caught:
        decode("payment.initiated", 1, json.dumps(data | changed))
    assert PAN not in f"{caught.value} {caught.value!r}"


def test_no_token_stands_in_the_text_of_any_event():
    assert all("tok_visa" not in repr(event) for event in EVERY)
