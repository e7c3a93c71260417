"""Events as they are published: nothing personal, nothing spendable, the same bytes each time."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from aegispay.domain.customer import Address, Customer
from aegispay.domain.event_codec import ADAPTERS, CLASSES
from aegispay.domain.event_type import EventType
from aegispay.domain.events import (
    ActionRequired,
    CancelRequested,
    HookJudged,
    IncidentClosed,
    IncidentOpened,
    PaymentCancelled,
    PaymentEnriched,
    PaymentFailed,
    PaymentInitiated,
    PaymentParked,
)
from aegispay.domain.evolve import replay
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.outcome import ActionKind, NextAction, Reason
from aegispay.domain.payment_method import Card, NetBanking, PayLater, Upi, Wallet
from aegispay.outbox.envelope import public_event, timestamp, to_bytes
from aegispay.outbox.public_fields import hidden_fields
from aegispay.ports import StoredEvent
from aegispay.storage.personal import PERSONAL
from tests import builders as b
from tests.samples import EVENTS, INITIATED

PRIVATE = "confidential"
HOME = Address(line1=f"{PRIVATE} street", line2=PRIVATE, city=PRIVATE, state=PRIVATE, postal_code=PRIVATE, country="QQ")
WHO = Customer(
    id="cust-7",
    email=f"{PRIVATE}@example.com",
    phone="+14155550100",
    name=PRIVATE,
    billing_address=HOME,
    shipping_address=HOME,
)


def stored(event, *, version=1, payment_id=b.ID):
    return StoredEvent(
        position=41, payment_id=payment_id, version=version, event=event, recorded_at=b.NOW, hash=PRIVATE
    )


def initiated(**request):
    made = b.request(**request)
    return PaymentInitiated(at=b.NOW, request=made, fingerprint=PRIVATE, expires_at=b.LATER)


@pytest.mark.parametrize("event", [INITIATED, *EVENTS], ids=lambda event: event.type)
def test_the_envelope_names_the_event_by_what_never_changes(event):
    made = public_event(stored(event, version=3))
    assert made.pop("data") is not None
    assert made == {
        "id": f"{b.ID}-3",
        "type": event.type.value,
        "schema_version": event.schema_version,
        "payment_id": b.ID,
        "sequence": 3,
        "position": 41,
        "occurred_at": "2026-03-01T12:00:00Z",
        "recorded_at": "2026-03-01T12:00:00Z",
    }


@pytest.mark.parametrize(
    "method",
    [
        Card(token=PRIVATE, brand="visa", last4="4242", expiry_month=12, expiry_year=2031),
        Upi(vpa=f"{PRIVATE}@bank"),
        NetBanking(bank_code="HDFC", token=PRIVATE),
        Wallet(provider="paypal", token=PRIVATE),
        PayLater(provider="klarna", token=PRIVATE),
    ],
    ids=lambda method: method.type,
)
def test_nothing_personal_and_nothing_spendable_of_a_request_is_published(method):
    event = initiated(
        payment_method=method,
        customer=WHO,
        metadata={PRIVATE: PRIVATE},
        return_url=f"https://shop.example/{PRIVATE}",
    )
    payment = replay(b.ID, [event])
    text = to_bytes(public_event(stored(event), payment)).decode()
    found = [each for each in (PRIVATE, "4155550100", "QQ", "2031", "4242") if each in text]
    assert found == []
    assert json.loads(text)["data"]["request"]["customer"] == {"id": "cust-7"}
    assert json.loads(text)["payment"]["customer_id"] == "cust-7"


@pytest.mark.parametrize(
    "event",
    [
        ActionRequired(
            at=b.NOW,
            gateway="alpha",
            action=NextAction(
                kind=ActionKind.REDIRECT, url=f"https://a/{PRIVATE}", payload=PRIVATE, expires_at=b.LATER
            ),
        ),
        PaymentEnriched(at=b.NOW, hook="h", metadata={"tier": PRIVATE}),
        IncidentOpened(at=b.NOW, incident_id="i", reason=Reason.REVIEW_WANTED, detail=PRIVATE),
        IncidentClosed(at=b.NOW, incident_id="i", operator=PRIVATE, detail=PRIVATE),
        HookJudged(at=b.NOW, hook="h", kind=HookKind.FRAUD_CHECK, verdict=VerdictKind.BLOCK, reason=PRIVATE),
        PaymentFailed(at=b.NOW, reason=Reason.RISK_REFUSED, message=PRIVATE),
        PaymentParked(at=b.NOW, cause=PRIVATE),
    ],
    ids=lambda event: event.type,
)
def test_what_is_written_for_payer_merchant_or_operators_is_not_published(event):
    assert PRIVATE not in to_bytes(public_event(stored(event))).decode()


def is_hidden(hidden, path):
    for name in path.split("."):
        hidden = hidden.get(name, {})
        if hidden is True:
            return True
    return False


def paths(fields):
    if isinstance(fields, set):
        return sorted(fields)
    return [
        path
        for name, within in fields.items()
        for path in ([name] if within is True else (f"{name}.{inner}" for inner in paths(within)))
    ]


def test_nothing_that_erasing_a_customer_takes_away_is_published():
    taken = [(made, path) for made, fields in PERSONAL.items() for path in paths(fields)]
    assert len(taken) >= 10
    shown = [(made, path) for made, path in taken if not is_hidden(hidden_fields(made), path)]
    assert shown == [(CancelRequested, "reason"), (PaymentCancelled, "reason")]
    for made in (CancelRequested, PaymentCancelled):
        assert public_event(stored(made(at=b.NOW, reason=PRIVATE)))["data"] == {"reason": "requested"}


def test_what_is_kept_back_would_be_published_otherwise(monkeypatch):
    monkeypatch.setitem(public_event.__globals__["_HIDDEN"], PaymentInitiated, {})
    made = public_event(stored(initiated(customer=WHO)))
    assert made["data"]["request"]["customer"]["name"] == PRIVATE


@pytest.mark.parametrize("made", ADAPTERS, ids=lambda made: made.__name__)
def test_only_fields_that_exist_are_kept_back(made):
    names = {field.name for field in dataclasses.fields(made)}
    assert set(hidden_fields(made)) - names == set()


def test_every_event_type_can_be_published():
    assert {public_event(stored(event))["type"] for event in (INITIATED, *EVENTS)} == {each.value for each in EventType}
    assert set(CLASSES) == set(EventType)


def test_the_picture_of_a_payment_has_its_amounts_and_its_place():
    event = initiated(customer=None)
    first = replay(b.ID, [event])
    assert first is not None
    payment = dataclasses.replace(
        first,
        version=9,
        authorized_minor=1,
        captured_minor=2,
        refunded_minor=3,
        charged_back_minor=4,
    )
    assert public_event(stored(event), payment)["payment"] == {
        "id": b.ID,
        "version": 9,
        "merchant": "default",
        "idempotency_key": "order-1",
        "state": "initiated",
        "in_doubt": False,
        "amount_minor": b.AMOUNT,
        "currency": "USD",
        "authorized_minor": 1,
        "captured_minor": 2,
        "refunded_minor": 3,
        "charged_back_minor": 4,
        "gateway": None,
        "customer_id": None,
    }


def test_the_picture_of_another_payment_is_refused():
    payment = replay(b.ID, [INITIATED])
    with pytest.raises(ValueError, match="pay_other-1 does not belong to"):
        public_event(stored(INITIATED, payment_id="pay_other"), payment)


def test_the_bytes_are_compact_sorted_ascii_and_always_the_same():
    event = initiated(customer=Customer(id="Zoë"))
    first = to_bytes(public_event(stored(event)))
    assert first == to_bytes(public_event(stored(event)))
    assert first.startswith(b'{"data":{"expires_at":"2026-')
    assert b'"customer":{"id":"Zo\\u00eb"}' in first
    assert list(json.loads(first)) == sorted(json.loads(first))


def test_a_number_that_json_does_not_have_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_bytes({"score": float("nan")})


def test_times_are_utc_with_their_microseconds():
    assert timestamp(datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)) == "2026-03-01T12:00:00.000001Z"
    assert timestamp(datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))) == (
        "2026-03-01T06:30:00Z"
    )
