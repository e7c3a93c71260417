"""Webhooks of the sandbox: verified over the raw bytes, then read."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import Approved, Declined, Pending, Reason
from aegispay.errors import RefusedWebhook, WebhookRefusedError
from tests import builders as b
from tests.integration.sandbox_gateway.payloads import gateway, operation, payment

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class StoppedClock:
    def now(self):
        return NOW

    def monotonic(self):
        return 0.0


RECEIVER = gateway("http://127.0.0.1:1", webhook_secret=SECRET, clock=StoppedClock())


def signed(body, *, age=timedelta(), secret=SECRET, **changes):
    sent_at = NOW - age
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(secret).sign("evt_1", sent_at, body.decode("utf-8")),
    }
    return {name: value for name, value in (headers | changes).items() if value is not None}


def event(kind, data):
    return json.dumps({"id": "evt_1", "type": kind, "created_at": "2026-05-01T12:00:00Z", "data": data}).encode()


def receive(headers, body, receiver=RECEIVER):
    return asyncio.run(receiver.parse_webhook(headers, body))


def refused(headers, body, receiver=RECEIVER):
    with pytest.raises(WebhookRefusedError) as caught:
        receive(headers, body, receiver)
    return caught.value.reason


def meaning(kind, data):
    body = event(kind, data)
    return receive(signed(body), body)


def test_a_captured_payment_is_an_approved_charge():
    assert meaning("payment.captured", payment(capture="automatic")) == (
        Notification(
            id="evt_1",
            kind=NotificationKind.CHARGE,
            reference="pay_1-a1",
            outcome=Approved(reference="sp_1", amount_minor=1_000, currency="USD"),
        ),
    )


def test_the_first_half_of_an_automatic_charge_is_pending_and_a_manual_authorization_is_done():
    assert meaning("payment.authorized", payment("authorized", capture="automatic"))[0].outcome == Pending(
        reference="sp_1"
    )
    assert isinstance(meaning("payment.authorized", payment("authorized", capture="manual"))[0].outcome, Approved)


def test_a_payment_that_does_not_say_who_captures_is_left_to_the_look_up():
    assert meaning("payment.authorized", payment("authorized")) == ()


def test_a_manual_authorization_stays_approved_for_its_whole_amount_after_a_partial_capture():
    shown = payment("authorized", capture="manual", captured_amount=300)
    assert meaning("payment.captured", shown)[0].outcome.amount_minor == 1_000


def test_a_declined_payment_is_a_declined_charge():
    shown = payment("declined", capture="automatic", decline={"code": "lost_card", "message": "", "kind": "hard"})
    assert meaning("payment.declined", shown)[0].outcome.reason is Reason.LOST_CARD


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
def test_an_operation_is_reported_under_its_own_reference(kind):
    (found,) = meaning(f"{kind}.succeeded", operation(kind))
    assert (found.kind, found.reference) == (NotificationKind(kind), f"pay_1-{kind}-1")
    assert found.outcome == Approved(reference="sc_1", amount_minor=300, currency="USD")


OURS = f"{b.ID}-refund-0123456789abcdef"
CHARGE = f"{b.ID}-a1"


def test_an_operation_that_was_asked_for_here_is_reported_under_its_own_reference():
    (found,) = meaning("refund.succeeded", operation("refund", reference=OURS, payment_reference=CHARGE))
    assert (found.kind, found.reference) == (NotificationKind.REFUND, OURS)


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
@pytest.mark.parametrize("reference", ["portal-2", "pay_1-refund-1", CHARGE.replace("-", "")])
def test_an_operation_that_somebody_else_made_is_reported_under_its_charge(kind, reference):
    (found,) = meaning(f"{kind}.succeeded", operation(kind, reference=reference, payment_reference=CHARGE))
    assert (found.kind, found.reference) == (NotificationKind(kind), CHARGE)
    assert found.outcome == Approved(reference="sc_1", amount_minor=300, currency="USD")


def test_an_operation_that_somebody_else_made_and_that_failed_is_reported_as_declined_under_its_charge():
    failed = {"status": "failed", "failure": {"code": "account_closed", "message": ""}}
    (found,) = meaning("refund.failed", operation("refund", reference="p", payment_reference=CHARGE, **failed))
    assert (found.reference, type(found.outcome)) == (CHARGE, Declined)


@pytest.mark.parametrize("payment_reference", [1, "", "x" * 256, ["a"]])
def test_an_operation_whose_charge_cannot_be_read_is_refused(payment_reference):
    body = event("refund.succeeded", operation("refund", payment_reference=payment_reference))
    assert refused(signed(body), body) is RefusedWebhook.UNREADABLE


def test_a_failed_refund_is_declined():
    shown = operation("refund", status="failed", failure={"code": "account_closed", "message": ""})
    outcome = meaning("refund.failed", shown)[0].outcome
    assert (type(outcome), outcome.code) == (Declined, "account_closed")


def test_a_chargeback_is_reported_under_the_charge_with_its_own_id_and_amount():
    (found,) = meaning("chargeback.opened", {"id": "cb_1", "reference": "pay_1-a1", "amount": 400, "currency": "USD"})
    assert (found.kind, found.reference) == (NotificationKind.CHARGEBACK, "pay_1-a1")
    assert found.outcome == Approved(reference="cb_1", amount_minor=400, currency="USD")


@pytest.mark.parametrize("kind", ["payout.paid", "payment.captured.x", "capture.pending", "chargeback.won"])
def test_an_event_of_no_interest_is_genuine_and_means_nothing(kind):
    assert meaning(kind, {"anything": 1}) == ()


# --- G5: what is not genuine ------------------------------------------------------------------------

BODY = event("payment.captured", payment(capture="automatic"))


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": None},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,ü"},
        {"webhook-signature": "v2," + "A" * 44},
        {"webhook-id": None},
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": None},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 400},
    ],
    ids=str,
)
def test_g5_headers_that_prove_nothing_are_refused(changes):
    assert refused(signed(BODY, **changes), BODY) is RefusedWebhook.SIGNATURE


def test_g5_the_largest_timestamp_that_is_read_is_refused_like_any_wrong_one():
    headers = signed(BODY, **{"webhook-timestamp": "9" * 11})
    assert refused(headers, BODY) is RefusedWebhook.SIGNATURE


def test_g5_another_secret_is_refused():
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    assert refused(signed(BODY, secret=other), BODY) is RefusedWebhook.SIGNATURE


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_g5_a_genuine_webhook_out_of_its_time_is_refused(seconds):
    assert refused(signed(BODY, age=timedelta(seconds=seconds)), BODY) is RefusedWebhook.TIMESTAMP


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_webhook_within_five_minutes_is_taken(seconds):
    assert len(receive(signed(BODY, age=timedelta(seconds=seconds)), BODY)) == 1


@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_g5_a_body_of_which_one_bit_was_changed_is_refused(place, bit):
    changed = bytearray(BODY)
    changed[place] ^= 1 << bit
    assert refused(signed(BODY), bytes(changed)) in {RefusedWebhook.SIGNATURE, RefusedWebhook.UNREADABLE}


def test_g5_the_same_json_in_other_bytes_is_refused():
    assert refused(signed(BODY), json.dumps(json.loads(BODY), indent=1).encode()) is RefusedWebhook.SIGNATURE


def test_g5_without_a_secret_everything_is_refused():
    assert refused(signed(BODY), BODY, gateway("http://127.0.0.1:1")) is RefusedWebhook.SIGNATURE


def test_one_fitting_signature_among_several_is_enough_while_secrets_rotate():
    genuine = signed(BODY)["webhook-signature"]
    assert len(receive(signed(BODY, **{"webhook-signature": f"v1,old= v1a,x {genuine}"}), BODY)) == 1


# --- what is genuine and cannot be read -------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        BODY[:-20],
        b"[" * 400_000,
        b'{"id":"evt_1","type":"payment.captured","data":{}}',
        b'{"id":"evt_1","type":"payment.captured","data":[]}',
        b'{"id":"","type":"payment.captured","data":{}}',
        b'{"type":"payment.captured","type":"payout.paid"}',
        event("payment.captured", payment(capture="automatic", captured_amount=0)),
        event("refund.succeeded", operation("capture")),
        event("capture.succeeded", operation("capture", amount=-1)),
        event("chargeback.opened", {"id": "cb_1", "reference": "pay_1-a1", "amount": 1.5, "currency": "USD"}),
    ],
)
def test_a_genuine_webhook_that_cannot_be_read_is_refused(body):
    assert refused(signed(body), body) is RefusedWebhook.UNREADABLE


def test_a_body_that_is_no_text_is_refused():
    assert refused(signed(BODY), b"\xff\xfe") is RefusedWebhook.UNREADABLE


def test_a_huge_body_is_refused_before_anything_is_computed():
    assert refused({}, bytes(1_000_001)) is RefusedWebhook.TOO_LARGE


@given(body=st.binary(max_size=200))
def test_nothing_but_a_refusal_comes_of_any_bytes(body):
    try:
        headers = signed(body)
    except UnicodeDecodeError:
        headers = signed(BODY)
    assert refused(headers, body) in {RefusedWebhook.UNREADABLE, RefusedWebhook.SIGNATURE}


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a", "secret!", SECRET[:-1] + "!", SECRET[6:]])
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret):
    told = "^webhook_secret: use whsec_ and base64, as the provider shows it$"
    with pytest.raises(ValueError, match=told):
        gateway("http://127.0.0.1:1", webhook_secret=secret)
