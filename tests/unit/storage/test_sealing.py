"""What is personal is taken out, sealed for its place, and put back exactly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain import events as e
from aegispay.domain.events import decode, encode
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.outcome import Reason
from aegispay.storage.personal import encode_parts, is_personal, put_back
from aegispay.storage.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    CustomerKey,
    Personal,
    Place,
    repeatable_entropy,
    seal,
    split,
    unseal,
)
from tests import builders as b

KEY = CustomerKey(7, bytes(range(KEY_BYTES)))
PLACE = Place(b.ID, 1, "payment.initiated")
ADDRESS = {"line1": "Baker Street 221b", "city": "London", "country": "GB"}
SHERLOCK = {
    "id": "cust-1",
    "name": "Sherlock Holmes",
    "email": "sherlock@example.com",
    "phone": "+442079460000",
    "billing_address": ADDRESS,
    "shipping_address": ADDRESS | {"line1": "Scotland Yard"},
}
PRIVATE = ("Sherlock", "sherlock@example.com", "442079460000", "Baker Street", "Scotland Yard", "pipe", "moriarty")


def initiated(**changes):
    made = b.request(**changes)
    return e.PaymentInitiated(at=b.NOW, request=made, fingerprint=made.fingerprint(), expires_at=b.LATER)


def judged(reason):
    return e.HookJudged(at=b.NOW, hook="list", kind=HookKind.FRAUD_CHECK, verdict=VerdictKind.ALLOW, reason=reason)


def failed(reason, message):
    return e.PaymentFailed(at=b.NOW, reason=reason, message=message)


EVERYTHING = initiated(
    customer=SHERLOCK, metadata={"bought": ["pipe", 1.5, None]}, return_url="https://shop.example/sherlock@example.com"
)
EVENTS = {
    "everything": EVERYTHING,
    "upi": initiated(payment_method={"type": "upi", "vpa": "sherlock@bank"}, metadata={}),
    "card": initiated(
        payment_method={"type": "card", "token": "t", "last4": "4242", "expiry_month": 1, "expiry_year": 2030},
        metadata={},
    ),
    "phone only": initiated(customer={"id": "cust-1", "phone": "+442079460000"}, metadata={}),
    "return address only": initiated(metadata={}, return_url="https://shop.example/sherlock"),
    "enriched": e.PaymentEnriched(at=b.NOW, hook="crm", metadata={"nemesis": "moriarty"}),
    "judged": judged("sherlock@example.com is on the list"),
    "parked": e.PaymentParked(at=b.NOW, cause="hook list wants a review: moriarty"),
    "risk": failed(Reason.RISK_REFUSED, "list: moriarty"),
    "validation": failed(Reason.VALIDATION_REFUSED, "crm: Sherlock again"),
    "a gateway's words": failed(Reason.DO_NOT_HONOR, "declined, Sherlock"),
}
NOT_PERSONAL = {
    "an id and a token": initiated(metadata={}),
    "a wallet": initiated(payment_method={"type": "wallet", "provider": "paypal", "token": "tok"}, metadata={}),
    "an empty enrichment": e.PaymentEnriched(at=b.NOW, hook="crm"),
    "a verdict without words": judged(""),
    "a failure without words": failed(Reason.DO_NOT_HONOR, ""),
    "an authentication": e.PaymentAuthenticated(at=b.NOW),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_both_parts_together_are_the_event(event):
    data, personal = encode_parts(event)
    assert personal is not None
    assert decode(event.type, 1, put_back(data, personal)) == event
    assert json.loads(put_back(data, personal)) == json.loads(encode(event))


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_what_stands_in_the_open_is_an_event_with_nothing_personal(event):
    data, _ = encode_parts(event)
    assert not any(word.lower() in data.lower() for word in PRIVATE)
    erased = decode(event.type, 1, data)
    # Only the placeholder of a UPI id has the form of one.
    assert is_personal(erased) == ("erased@erased" in data)
    assert (erased.at, type(erased)) == (event.at, type(event))


def test_what_stands_in_the_open_keeps_what_the_books_need():
    data, _ = encode_parts(EVERYTHING)
    erased = decode(EVERYTHING.type, 1, data)
    request, was = erased.request, EVERYTHING.request
    assert (request.customer, request.metadata, request.return_url) == (b.request().customer, {}, None)
    kept = ("idempotency_key", "merchant", "amount_minor", "currency", "payment_method", "capture", "strategy")
    assert [getattr(request, name) for name in kept] == [getattr(was, name) for name in kept]
    assert (erased.fingerprint, erased.expires_at) == (EVERYTHING.fingerprint, EVERYTHING.expires_at)


def test_a_upi_id_leaves_a_placeholder_of_the_right_form():
    data, _ = encode_parts(EVENTS["upi"])
    assert decode("payment.initiated", 1, data).request.payment_method.vpa == "erased@erased"


@pytest.mark.parametrize("event", NOT_PERSONAL.values(), ids=NOT_PERSONAL)
def test_an_event_with_nothing_personal_is_kept_as_it_is(event):
    assert encode_parts(event) == (encode(event).decode(), None)


def sealed(event=EVERYTHING, place=PLACE, nonce=bytes(NONCE_BYTES)):
    data, personal = encode_parts(event)
    return seal(KEY, place, data, Personal(personal, nonce))


def test_sealed_data_is_json_and_shows_nothing_personal():
    data = sealed()
    assert list(json.loads(data)) == ["at", "request", "fingerprint", "expires_at", *_more(), "sealed"]
    assert not any(word.lower() in data.lower() for word in PRIVATE)


def _more():
    return [
        name for name in json.loads(encode(EVERYTHING)) if name not in {"at", "request", "fingerprint", "expires_at"}
    ]


def test_sealed_data_is_read_as_the_erased_event_without_a_key():
    data, _ = encode_parts(EVERYTHING)
    assert decode("payment.initiated", 1, sealed()) == decode("payment.initiated", 1, data)


def test_the_key_opens_it():
    data, key_id, blob = split(sealed())
    assert key_id == KEY.id
    assert decode("payment.initiated", 1, unseal(KEY, PLACE, data, blob)) == EVERYTHING


@pytest.mark.parametrize(
    "place",
    [
        Place("pay_00000000000000000000000002", 1, "payment.initiated"),
        Place(b.ID, 2, "payment.initiated"),
        Place(b.ID, 1, "payment.enriched"),
    ],
)
def test_it_does_not_open_at_another_place(place):
    data, _, blob = split(sealed())
    with pytest.raises(ValueError, match="does not open"):
        unseal(KEY, place, data, blob)


@pytest.mark.parametrize("key", [CustomerKey(8, KEY.secret), CustomerKey(7, bytes(KEY_BYTES))])
def test_it_does_not_open_with_another_key(key):
    data, _, blob = split(sealed())
    with pytest.raises(ValueError, match="does not open"):
        unseal(key, PLACE, data, blob)


def test_changed_content_does_not_open():
    data, _, blob = split(sealed())
    changed = blob[:40] + ("A" if blob[40] != "A" else "B") + blob[41:]
    with pytest.raises(ValueError, match="does not open"):
        unseal(KEY, PLACE, data, changed)


def test_a_merchant_cannot_make_his_data_look_sealed():
    forged = {"sealed": "7.QUJD"}
    for event in (
        initiated(customer=None, metadata=forged),
        initiated(customer=None, metadata={"a": ',"sealed":"7.QUJD"}'}),
        e.PaymentEnriched(at=b.NOW, hook="crm", metadata={"last": 1} | forged),
        e.PaymentParked(at=b.NOW, cause=',"sealed":"7.QUJD"}'),
    ):
        assert split(encode(event).decode()) is None


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-999, 999)
    | st.floats(-1e6, 1e6)
    | st.sampled_from(["ü", '"}', "\\", "😀"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(
    metadata=st.dictionaries(st.text('xyzü."}', min_size=1, max_size=4), JSON_VALUES, min_size=1, max_size=4),
    email=st.none() | st.just("ä@example.com"),
)
def test_any_metadata_comes_back_to_the_letter(metadata, email):
    event = initiated(metadata=metadata, customer={"id": "c", "email": email})
    data, _, blob = split(sealed(event))
    opened = unseal(KEY, PLACE, data, blob)
    # By their text, so that 1.0 is not taken for 1, nor -0.0 for 0.0.
    texts = [json.dumps(json.loads(each), sort_keys=True) for each in (opened, encode(event))]
    assert texts[0] == texts[1]
    assert decode(event.type, 1, opened) == event


def test_no_repr_shows_a_secret_or_a_name():
    assert repr(KEY) == "<CustomerKey 7>"
    assert repr(Personal("Sherlock", b"nonce")) == "<Personal>"


def test_repeatable_entropy_repeats_and_never_gives_the_same_bytes_twice():
    one, two = repeatable_entropy(b"seed"), repeatable_entropy(b"seed")
    drawn = [one(12) for _ in range(50)]
    assert drawn == [two(12) for _ in range(50)]
    assert len(set(drawn)) == 50
    assert {len(each) for each in drawn} == {12}
    assert repeatable_entropy(b"other")(12) != drawn[0]
