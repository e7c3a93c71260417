"""One request to a real server that behaves, or does not."""

from __future__ import annotations

import asyncio
import json

import httpcore
import pytest
import standardwebhooks
import svix.webhooks

from aegispay.clock import SystemClock
from aegispay.delivery_errors import UnsafeAddressError
from aegispay.outbox.webhooks import sender as sending
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint, WebhookPolicy, new_webhook_secret
from aegispay.outbox.webhooks.sender import WebhookSender
from tests.integration.webhooks_out.certificates import Authority
from tests.integration.webhooks_out.receiver import (
    HOST,
    answers,
    closes_early,
    drips_headers,
    hangs,
    pours,
    receiving,
    response,
    starts_a_body,
    talks_nonsense,
)

SECRET = new_webhook_secret()
LOCAL = WebhookPolicy(allowed_hosts=frozenset({HOST}))
BODY = b'{"type":"payment.succeeded"}'
SHORT_S = 0.05


def sender(url, *, policy=LOCAL, timeout_s=30.0, secrets=(SECRET,)):
    endpoint = WebhookEndpoint(name="shop", url=url, secrets=secrets, timeout_s=timeout_s, policy=policy)
    return WebhookSender(endpoint, clock=SystemClock())


def posted(conduct, *, count=1, timeout_s=30.0, path="/hooks"):
    """Post to a server; return the last answer and the server."""

    async def run():
        async with receiving(conduct) as receiver:
            posts = sender(receiver.url(path=path), timeout_s=timeout_s)
            try:
                for number in range(count):
                    answer = await posts.post(f"pay_1-{number + 1}", BODY)
            finally:
                await posts.close()
            return answer, receiver

    return asyncio.run(run())


def test_what_arrives_is_what_the_reference_verifiers_accept():
    answer, receiver = posted(answers(204))
    (request,) = receiver.requests
    assert answer.is_delivered
    assert request.line == "POST /hooks HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"{HOST}:{receiver.port}"
    assert request.event_id == "pay_1-1"
    assert standardwebhooks.Webhook(SECRET).verify(request.body, request.headers) == json.loads(BODY)
    svix.webhooks.Webhook(SECRET).verify(request.body, request.headers)


def test_a_connection_is_kept_for_the_next_event():
    answer, receiver = posted(answers(200, body=b"thank you"), count=3)
    assert answer.is_delivered
    assert [request.connection for request in receiver.requests] == [1, 1, 1]


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (301, "answered 301, and redirects are not followed"),
        (302, "answered 302, and redirects are not followed"),
        (308, "answered 308, and redirects are not followed"),
        (400, "answered 400: what?"),
        (410, "answered 410: what?"),
        (500, "answered 500: what?"),
    ],
)
def test_an_answer_that_is_no_success_is_told_with_its_words(status, problem):
    answer, receiver = posted(answers(status, body=b"what?", headers="location: http://169.254.169.254/\r\n"))
    assert answer.problem.startswith(problem)
    assert len(receiver.requests) == 1


def test_a_wish_for_later_is_passed_on():
    answer, _ = posted(answers(429, headers="Retry-After: 17\r\n"))
    assert answer.retry_after == "17"


@pytest.mark.parametrize("conduct", [hangs, drips_headers], ids=["hangs", "drips"])
def test_no_answer_ends_with_its_time(conduct):
    answer, receiver = posted(conduct, timeout_s=SHORT_S)
    assert answer.problem == f"no answer within {SHORT_S} s"
    assert answer.status is None
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("conduct", [closes_early, talks_nonsense], ids=["closes early", "talks nonsense"])
def test_what_is_no_answer_is_no_success(conduct):
    answer, receiver = posted(conduct)
    assert answer.status is None
    assert answer.problem == "no answer: RemoteProtocolError"
    assert len(receiver.requests) == 1


def test_a_huge_body_is_not_read():
    answer, _ = posted(pours(500))
    assert answer.status == 500
    assert len(answer.error) == 200


@pytest.mark.parametrize("status", [200, 500])
def test_a_status_counts_though_the_rest_of_the_answer_never_comes(status, monkeypatch):
    monkeypatch.setattr(sending, "_BODY_S", SHORT_S)
    answer, _ = posted(starts_a_body(status), timeout_s=60.0)
    assert answer.status == status
    assert answer.error == ("" if status == 200 else "only this")


def test_an_answer_cannot_carry_secrets_or_card_numbers_into_the_log():
    async def conduct(writer, request):
        said = f"no {request.line} with {SECRET}, card 4242424242424242"
        writer.write(response(404, said.encode()))
        await writer.drain()

    answer, _ = posted(conduct, path="/T0KEN-42/hooks?key=s3cret-value")
    assert answer.problem == "answered 404: no POST [removed] HTTP/1.1 with [removed], card [removed]"


def test_nobody_there_is_told_so():
    async def run():
        async with receiving(answers(200)) as receiver:
            url = receiver.url()
        posts = sender(url)
        answer = await posts.post("pay_1-1", BODY)
        await posts.close()
        return answer

    assert asyncio.run(run()).problem == "not sent: no connection"


def test_the_environments_proxy_is_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert posted(answers(200))[0].is_delivered


def test_a_cookie_is_not_sent_back():
    _, receiver = posted(answers(200, headers="set-cookie: a=b\r\n"), count=2)
    assert ["cookie" in request.headers for request in receiver.requests] == [False, False]


# --- where it goes ---------------------------------------------------------------------------------


class Names:
    """A resolver: one list of addresses for each time it is asked, the last one for ever."""

    def __init__(self, *found):
        self.found = list(found)
        self.asked = []

    async def __call__(self, host, port):
        self.asked.append((host, port))
        found = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(found, Exception):
            raise found
        return found


class Wire(httpcore.AsyncNetworkBackend):
    """Takes the place of the network: says where it was asked to connect to, and connects to the receiver."""

    def __init__(self, port):
        self.port = port
        self.asked = []
        self.inner = httpcore.AnyIOBackend()

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):  # noqa: ASYNC109
        self.asked.append((host, port))
        if host == "192.175.48.1":
            raise httpcore.ConnectError("unreachable")
        return await self.inner.connect_tcp(HOST, self.port, timeout, local_address, socket_options)


def sent_by_name(names, tmp_path, *, served="hooks.shop.example.com", count=1):
    """Post by https to a name that the resolver knows, over a wire that leads to a local server."""

    async def run():
        authority = Authority(tmp_path)
        async with receiving(answers(200), tls=authority.server(served)) as receiver:
            policy = WebhookPolicy(resolve=names, ca_file=authority.ca_file)
            posts = sender("https://hooks.shop.example.com/in", policy=policy)
            wire = Wire(receiver.port)
            posts._network._network = wire
            results = [await posts.post(f"pay_1-{number + 1}", BODY) for number in range(count)]
            await posts.close()
            return results, receiver, wire

    return asyncio.run(run())


def test_the_connection_goes_to_the_address_that_was_checked_and_the_certificate_to_the_name(tmp_path):
    names = Names(["8.8.8.8"])
    (answer,), receiver, wire = sent_by_name(names, tmp_path)
    assert answer.is_delivered
    assert wire.asked == [("8.8.8.8", 443)]
    assert names.asked == [("hooks.shop.example.com", 443)]
    assert receiver.requests[0].headers["host"] == "hooks.shop.example.com"


def test_a_certificate_of_another_name_is_refused(tmp_path):
    (answer,), receiver, _ = sent_by_name(Names(["8.8.8.8"]), tmp_path, served="other.example.com")
    assert answer.problem == "not sent: its certificate does not hold"
    assert receiver.requests == []


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:169.254.169.254"], ["fe80::1%eth0"], ["2606:4700::1111", "::1"]],
)
def test_one_address_inside_is_enough_to_send_nothing(found, tmp_path):
    (answer,), receiver, wire = sent_by_name(Names(found), tmp_path)
    assert answer.problem.startswith("not sent: the address leads to")
    assert (wire.asked, receiver.requests) == ([], [])


def test_a_name_that_changes_its_address_later_is_checked_again(tmp_path):
    names = Names(OSError("not yet"), ["8.8.8.8", "127.0.0.1"])
    results, receiver, wire = sent_by_name(names, tmp_path, count=2)
    assert [answer.problem[:30] for answer in results] == [
        "not sent: the host has no addr",
        "not sent: the address leads to",
    ]
    assert (wire.asked, receiver.requests) == ([], [])


def test_a_name_cannot_change_its_address_between_the_check_and_the_connection(tmp_path):
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    (answer,), _, wire = sent_by_name(names, tmp_path)
    assert answer.is_delivered
    assert (wire.asked, len(names.asked)) == ([("8.8.8.8", 443)], 1)


def test_an_address_that_does_not_answer_is_not_the_last_one(tmp_path):
    (answer,), _, wire = sent_by_name(Names(["192.175.48.1", "8.8.8.8"]), tmp_path)
    assert answer.is_delivered
    assert wire.asked == [("192.175.48.1", 443), ("8.8.8.8", 443)]


def checked(names):
    async def run():
        posts = sender("https://hooks.shop.example.com/in", policy=WebhookPolicy(resolve=names))
        try:
            await posts.check()
        finally:
            await posts.close()

    asyncio.run(run())


def test_a_name_that_leads_inside_is_refused_at_once():
    with pytest.raises(UnsafeAddressError, match=r"192\.168\.0\.7"):
        checked(Names(["8.8.8.8", "192.168.0.7"]))


@pytest.mark.parametrize("found", [["8.8.8.8"], OSError("no answer"), []])
def test_a_name_that_is_public_or_unknown_now_is_not(found):
    names = Names(found)
    checked(names)
    assert len(names.asked) == 1
