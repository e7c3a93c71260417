"""The simulated provider's notifications, and the webhooks that carry them: genuine ones are read, others refused."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

import pytest

from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import Approved
from aegispay.errors import RefusedWebhook, WebhookRefusedError
from aegispay.gateways.ledger import MemoryLedger
from aegispay.gateways.script import DECLINES, Fault
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.testing import run_virtual, running_clock
from tests.unit.gateways.asking import asked, authorized, charged
from tests.unit.gateways.requests import charge_request, operation_request

NOTE = Notification(
    id="evt_1",
    kind=NotificationKind.CHARGEBACK,
    reference="pay_1-a1",
    outcome=Approved(reference="dp_1", amount_minor=1_000, currency="USD"),
)


def test_everything_that_was_decided_is_reported_in_order_with_the_answer():
    alpha = SimulatedGateway("alpha")
    approval = authorized(alpha)
    requests = [operation_request("capture", amount_minor=600), operation_request("void"), operation_request("refund")]
    answers = asked(alpha, *requests)
    run_virtual(alpha.charge(charge_request(2, token="tok_declined")))

    assert [(note.kind, note.reference, note.outcome) for note in alpha.notifications()] == [
        ("charge", "pay_1-a1", approval),
        ("capture", "pay_1-capture-1", answers[0]),
        ("void", "pay_1-void-1", answers[1]),
        ("refund", "pay_1-refund-1", answers[2]),
        ("charge", "pay_2-a1", DECLINES["tok_declined"]),
    ]


def test_what_is_open_is_reported_when_it_is_decided():
    alpha = SimulatedGateway("alpha")
    request = charge_request(token="tok_pending")
    run_virtual(alpha.charge(request))
    assert alpha.notifications() == []

    alpha.decide(request.reference, approve=True)

    (note,) = alpha.notifications()
    assert note.outcome == run_virtual(alpha.fetch_payment(request))


def test_a_charge_whose_answer_was_lost_is_reported_all_the_same():
    alpha = SimulatedGateway("alpha")
    alpha.script("charge", Fault.ERROR_AFTER)

    run_virtual(alpha.charge(charge_request(1)))

    assert [type(note.outcome) for note in alpha.notifications()] == [Approved]


def test_notifications_keep_their_ids_which_are_all_different():
    ledger = MemoryLedger()
    alpha, beta = SimulatedGateway("alpha", ledger=ledger), SimulatedGateway("beta", ledger=ledger)
    for number in (1, 2, 1):
        charged(alpha, number)
    charged(beta, 1)
    asked(alpha, operation_request("refund", 1, amount_minor=1), operation_request("refund", 2, amount_minor=1))

    everything = alpha.notifications()

    assert len({note.id for note in everything}) == len(everything) == 4
    assert alpha.notifications() == everything
    assert alpha.notifications("pay_1") == [note for note in everything if note.reference.startswith("pay_1-")]
    assert len(beta.notifications()) == 1


def heard(gateway, headers, body):
    return tuple(run_virtual(gateway.parse_webhook(headers, body)))


def refusal(gateway, headers, body):
    with pytest.raises(WebhookRefusedError) as caught:
        heard(gateway, headers, body)
    return caught.value.reason


def test_a_webhook_says_exactly_what_was_put_into_it():
    alpha = SimulatedGateway("alpha")
    charged(alpha)

    for note in (NOTE, *alpha.notifications()):
        assert heard(alpha, *alpha.webhook(note)) == (note,)


def test_a_webhook_signed_by_somebody_else_is_refused():
    alpha, beta = SimulatedGateway("alpha"), SimulatedGateway("beta")

    assert refusal(alpha, *alpha.webhook(NOTE, secret="guess")) is RefusedWebhook.SIGNATURE
    assert refusal(alpha, *beta.webhook(NOTE)) is RefusedWebhook.SIGNATURE


@pytest.mark.parametrize("missing", ["webhook-signature", "webhook-timestamp"])
def test_a_webhook_without_one_of_its_headers_is_refused(missing):
    alpha = SimulatedGateway("alpha")
    headers, body = alpha.webhook(NOTE)
    del headers[missing]

    assert refusal(alpha, headers, body) is RefusedWebhook.SIGNATURE


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b.replace(b"1000", b"9000"), lambda b: b + b" "])
def test_a_webhook_of_which_one_byte_was_changed_is_refused(change):
    alpha = SimulatedGateway("alpha")
    headers, body = alpha.webhook(NOTE)

    assert refusal(alpha, headers, change(body)) is RefusedWebhook.SIGNATURE


def test_the_time_of_sending_is_signed_too():
    alpha = SimulatedGateway("alpha")
    headers, body = alpha.webhook(NOTE)
    headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)

    assert refusal(alpha, headers, body) is RefusedWebhook.SIGNATURE


async def sent(age_s):
    clock = running_clock()
    alpha = SimulatedGateway("alpha", clock=clock)
    headers, body = alpha.webhook(NOTE, sent_at=clock.now() - timedelta(seconds=age_s))
    return tuple(await alpha.parse_webhook(headers, body))


@pytest.mark.parametrize("age_s", [-300, 0, 300])
def test_a_webhook_of_these_five_minutes_is_read(age_s):
    assert run_virtual(sent(age_s)) == (NOTE,)


@pytest.mark.parametrize("age_s", [-302, 302])
def test_a_webhook_of_another_time_is_refused(age_s):
    with pytest.raises(WebhookRefusedError) as caught:
        run_virtual(sent(age_s))
    assert caught.value.reason is RefusedWebhook.TIMESTAMP


def signed(body, *, timestamp=None):
    """Sign any bytes as the provider would."""
    alpha = SimulatedGateway("alpha", webhook_secret="s")
    headers, _ = alpha.webhook(NOTE)
    sent = headers["webhook-timestamp"] if timestamp is None else timestamp
    signature = hmac.new(b"s", sent.encode() + b"." + body, hashlib.sha256).hexdigest()
    return alpha, {"webhook-timestamp": sent, "webhook-signature": signature}, body


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "٣", "9" * 5_000])
def test_a_signed_time_that_is_no_time_is_refused(timestamp):
    assert refusal(*signed(b"{}", timestamp=timestamp)) is RefusedWebhook.TIMESTAMP


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id":"e","kind":"charge","reference":"r","outcome":{"type":"approved","reference":"x"}}',
        b'{"id":"e","kind":"payout","reference":"r","outcome":{"type":"pending","reference":"x"}}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_signed_body_that_is_no_notification_is_refused(body):
    assert refusal(*signed(body)) is RefusedWebhook.UNREADABLE


def test_what_a_body_says_is_not_repeated_when_it_is_refused():
    with pytest.raises(WebhookRefusedError) as caught:
        heard(*signed(b'{"id":"4242424242424242"}'))
    assert "4242" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_a_body_that_is_too_large_is_refused_before_it_is_looked_at():
    alpha = SimulatedGateway("alpha")

    assert refusal(alpha, {}, b" " * 1_000_001) is RefusedWebhook.TOO_LARGE


def test_a_header_that_no_charset_has_does_no_harm():
    alpha = SimulatedGateway("alpha")
    headers, body = alpha.webhook(NOTE)

    assert refusal(alpha, headers | {"webhook-signature": "é\udcff"}, body) is RefusedWebhook.SIGNATURE
    assert refusal(alpha, headers | {"webhook-timestamp": "\ud800"}, body) is RefusedWebhook.SIGNATURE


def test_the_secret_is_not_shown():
    alpha = SimulatedGateway("alpha", webhook_secret="whsec_hidden")

    assert "whsec_hidden" not in repr(alpha)
