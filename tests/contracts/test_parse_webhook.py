"""The contract of `parse_webhook`: what an adapter is given, and that nothing it does can harm."""

from __future__ import annotations

import asyncio
import json

import pytest

from aegispay.domain.notification import NotificationKind
from aegispay.domain.outcome import Approved, Declined, DeclineKind, OutcomeUnknown, Pending, Reason
from aegispay.errors import RefusedWebhook, UnknownGatewayError, WebhookRefusedError
from aegispay.ports import Receipt
from aegispay.testing import run_virtual
from tests import builders as b
from tests.contracts.webhooks import Host, Speaker, said

CARD = "4111111111111111"


def receive(parse, headers=None, body=b"", **contract):
    """Return the host after the webhook, and what it answered."""

    async def main():
        host = Host(merge=_not_now)
        return host, await host.inbox.receive(Speaker(parse, **contract), headers or {}, body)

    return asyncio.run(main())


async def _not_now(_notification):
    return False


def refusal(parse, body=b"", **contract):
    """Return why the webhook was refused; nothing of it may have been kept."""

    async def main():
        host = Host()
        with pytest.raises(WebhookRefusedError) as caught:
            await host.inbox.receive(Speaker(parse, **contract), {}, body)
        assert await host.waiting() == []
        assert host.told == []
        return caught.value

    return asyncio.run(main())


def kept(host):
    (entry,) = asyncio.run(host.store.inbox_due(b.LATER))
    return entry.notification


@pytest.mark.parametrize("is_async", [True, False])
def test_it_gets_the_bytes_unchanged_and_header_names_in_lower_case(is_async):
    seen = []

    def parse(headers, body):
        seen.append((dict(headers), body))
        return [said()]

    async def parse_later(headers, body):
        return parse(headers, body)

    body = b'{"a": 1}\r\n\x00\xff'
    _, receipt = receive(parse_later if is_async else parse, {"X-Sig": "One", "x-sig": "Two", "ETag": "E"}, body)
    assert receipt is Receipt.STORED
    assert seen == [({"x-sig": "One, Two", "etag": "E"}, body)]


def test_a_body_that_is_too_large_never_reaches_it():
    seen = []

    def parse(_headers, body):
        seen.append(len(body))
        return []

    assert receive(parse, body=bytes(1_000_000))[1] is Receipt.IGNORED
    assert refusal(parse, bytes(1_000_001)).reason is RefusedWebhook.TOO_LARGE
    assert refusal(parse, bytes(10_000_000)).reason is RefusedWebhook.TOO_LARGE
    assert seen == [1_000_000]


@pytest.mark.parametrize("body", ["{}", None, bytearray(b"{}")], ids=repr)
def test_a_body_that_is_not_the_bytes_as_received_is_refused(body):
    assert refusal(lambda _headers, _body: [said()], body).reason is RefusedWebhook.UNREADABLE


def test_a_gateway_without_it_takes_no_webhooks():
    async def main():
        host = Host()
        with pytest.raises(UnknownGatewayError, match="mute takes no webhooks"):
            await host.receive_webhook("mute", {}, b"")

    asyncio.run(main())


@pytest.mark.parametrize("reason", RefusedWebhook)
def test_its_own_refusal_is_passed_on_as_it_is(reason):
    def parse(_headers, _body):
        raise WebhookRefusedError("why", reason=reason)

    refused = refusal(parse)
    assert (refused.reason, str(refused)) == (reason, "why")


@pytest.mark.parametrize(
    "error",
    [
        ValueError(CARD),
        KeyError(CARD),
        RecursionError(CARD),
        NotImplementedError(CARD),
        TimeoutError(CARD),
        SystemExit(CARD),
        asyncio.CancelledError(CARD),
        MemoryError(CARD),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_it_raises_the_webhook_is_unreadable_and_the_text_is_not_repeated(error, caplog):
    def parse(_headers, _body):
        raise error

    refused = refusal(parse)
    assert refused.reason is RefusedWebhook.UNREADABLE
    assert str(refused) == f"the adapter raised {type(error).__name__}"
    assert refused.__suppress_context__
    assert CARD not in caplog.text
    assert "webhook_unreadable" in caplog.text


def test_json_of_any_depth_is_refused_and_not_a_crash():
    refused = refusal(lambda _headers, body: json.loads(body), b"[" * 100_000 + b"]" * 100_000)
    assert refused.reason is RefusedWebhook.UNREADABLE


def test_it_may_not_take_longer_than_its_contract_says():
    async def main():
        host = Host()
        with pytest.raises(WebhookRefusedError, match="TimeoutError") as caught:
            await host.inbox.receive(Speaker(hang, timeout_s=7), {}, b"")
        return caught.value.reason, asyncio.get_running_loop().time()

    async def hang(_headers, _body):
        await asyncio.Event().wait()

    assert run_virtual(main()) == (RefusedWebhook.UNREADABLE, 7)


def test_a_caller_that_is_cancelled_meanwhile_is_cancelled():
    async def main():
        host = Host()
        begun = asyncio.Event()

        async def hang(_headers, _body):
            begun.set()
            await asyncio.Event().wait()

        call = asyncio.ensure_future(host.inbox.receive(Speaker(hang), {}, b""))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(main())


class NotQuiteOne:
    id = "evt_1"
    kind = NotificationKind.CHARGE
    reference = "r"
    outcome = b.approved()


@pytest.mark.parametrize(
    "answer", [None, 7, {"evt_1": said()}, iter([said()]), {said()}, said()], ids=lambda answer: type(answer).__name__
)
def test_what_is_no_sequence_is_refused(answer):
    assert refusal(lambda _headers, _body: answer).reason is RefusedWebhook.UNREADABLE


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "evt_1",
        NotQuiteOne(),
        said(""),
        said("x" * 256),
        said("evt\n1"),
        said("evt_\ud800"),
        said(None),
        said(1),
        said(b"evt_1"),
        said(CARD),
        said(kind="charge"),
        said(kind=None),
        said(reference=""),
        said(reference=None),
        said(reference="r" * 256),
        said(reference=f"order {CARD}"),
        said(outcome=None),
        said(outcome="approved"),
        said(outcome=b.approved),
        said(outcome=b.approved(reference=CARD)),
        said(outcome=b.approved(amount_minor=True)),
        said(outcome=b.approved(amount_minor="1")),
        said(outcome=b.approved(amount_minor=10**5_000)),
        said(outcome=b.approved(currency="dollars")),
        said(outcome=Pending(reference=None)),
        said(outcome=Pending(reference="\ud800")),
        said(outcome=Declined(kind="none", reason=Reason.DO_NOT_HONOR)),
        said(outcome=Declined(kind=DeclineKind.HARD, reason="because")),
        said(outcome=OutcomeUnknown(reason=Reason.UNREADABLE_ANSWER)),
    ],
    ids=lambda wrong: f"{type(wrong).__name__}",
)
def test_what_is_no_sound_notification_is_refused_with_all_that_came_beside_it(wrong, caplog):
    refused = refusal(lambda _headers, _body: [said("evt_good"), wrong])
    assert refused.reason is RefusedWebhook.UNREADABLE
    assert "webhook_unreadable" in caplog.text
    assert CARD not in caplog.text + str(refused) + refused.hint


@pytest.mark.parametrize("answer", [[said()], (said(),)], ids=["list", "tuple"])
def test_a_sound_notification_is_kept_as_it_is(answer):
    host, receipt = receive(lambda _headers, _body: answer)
    assert receipt is Receipt.STORED
    assert kept(host) == said()


def test_an_id_of_255_characters_is_kept():
    name = "é" * 255
    host, _ = receive(lambda _headers, _body: [said(name)])
    assert kept(host).id == name


def test_where_ids_are_digits_one_that_looks_like_a_card_number_is_none():
    def parse(_headers, _body):
        return [said(CARD, outcome=Approved(reference=CARD, amount_minor=1, currency="USD"))]

    host, _ = receive(parse, numeric_references=True)
    assert kept(host).id == CARD


def test_a_reference_of_ours_is_never_taken_for_a_card_number():
    ours = f"pay_{CARD}0123456789-a1"
    host, _ = receive(lambda _headers, _body: [said(reference=ours)])
    assert kept(host).reference == ours


def test_a_card_number_in_the_gateways_words_is_not_kept():
    declined = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, message=f"card {CARD} refused")
    host, _ = receive(lambda _headers, _body: [said(outcome=declined)])
    assert CARD not in repr(kept(host))
    assert kept(host).outcome.reason is Reason.DO_NOT_HONOR
