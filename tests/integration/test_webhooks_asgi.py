"""The ASGI application: by hand where a server would be too polite, and mounted in Starlette under uvicorn."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from aegispay.errors import (
    CommitUnknownError,
    EngineClosedError,
    EngineFailedError,
    FencedError,
    OverloadedError,
    PaymentTimeoutError,
    RefusedWebhook,
    StoreUnavailableError,
    UnknownGatewayError,
    ValidationError,
    WebhookRefusedError,
)
from aegispay.ports import Receipt
from aegispay.testing import run_virtual
from aegispay.webhooks import asgi
from tests import builders as b
from tests.contracts.asgi import SECRET_TEXT, Engine, answer, converse, drive, parts, scope
from tests.contracts.webhooks import Host, payload, signed

# --- routes and methods -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "root_path"),
    [("/alpha", ""), ("/hooks/alpha", "/hooks"), ("/hooks/alpha", "/hooks/"), ("/api/hooks/alpha", "/api/hooks")],
)
def test_the_gateway_is_what_stands_below_the_mount(path, root_path):
    engine = Engine()
    assert answer(engine, scope(path, root_path=root_path))[0] == 200
    assert [given[0] for given in engine.given] == ["alpha"]


def test_a_server_that_leaves_the_mount_out_of_the_path_is_understood():
    engine = Engine()
    assert answer(engine, scope("/alpha", root_path="/api"))[0] == 200


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("", ""),
        ("/", ""),
        ("/alpha/", ""),
        ("/alpha/beta", ""),
        ("//alpha", ""),
        ("/../alpha", ""),
        ("/Alpha", ""),
        ("/alphä", ""),
        ("/alpha\n", ""),
        ("/" + "a" * 65, ""),
        ("/hooks", "/hooks"),
        ("/hooks/", "/hooks"),
        ("/hooks", "/hooks/"),
        ("/hooks/alpha", "/hook"),
    ],
)
def test_any_other_path_is_not_found_and_the_engine_is_not_asked(path, root_path):
    engine = Engine()
    code, _, said = answer(engine, scope(path, root_path=root_path))
    assert (code, said) == (404, {"status": "unknown"})
    assert engine.given == []


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post"])
def test_another_method_is_told_which_one_is_right(method):
    engine = Engine()
    code, headers, said = answer(engine, scope(method=method))
    assert (code, headers[b"allow"], said) == (405, b"POST", {"status": "method_not_allowed"})
    assert engine.given == []


def test_head_has_no_body():
    start, body = drive(Engine(), scope(method="HEAD"))
    assert (start["status"], body["body"]) == (405, b"")


# --- headers and body -------------------------------------------------------------------------------


def test_the_body_is_put_together_from_its_parts_unchanged():
    engine = Engine()
    answer(engine, messages=parts(b'{"a"', b"", b":1}\r\n", b"\x00\xff"))
    assert engine.given[0][2] == b'{"a":1}\r\n\x00\xff'


def test_a_message_without_a_body_is_an_empty_one():
    engine = Engine()
    answer(engine, messages=[{"type": "http.request"}])
    assert engine.given[0][2] == b""


def test_headers_have_lower_names_repetitions_become_lists_and_any_byte_is_taken():
    engine = Engine()
    raw = [(b"X-Sig", b"one"), (b"x-sig", b"two"), (b"x-odd", b"caf\xe9 \xff\x00"), (b"x-utf", "é".encode())]
    answer(engine, scope(headers=raw))
    assert engine.given[0][1] == {"x-sig": "one, two", "x-odd": "caf\xe9 \xff\x00", "x-utf": "Ã©"}


@pytest.mark.parametrize("announced", [b"1000001", b"99999999999999999999999999", b"10000000"])
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(announced):
    engine = Engine()
    messages = parts(b"x", b"y")
    asked = scope(headers=[(b"content-length", announced)])
    sent, left = run_virtual(converse(engine, asked, messages))
    assert sent[0]["status"] == 413
    assert left == messages
    assert engine.given == []


def test_a_body_that_grows_too_large_is_refused_as_soon_as_it_is():
    engine = Engine()
    messages = parts(*[bytes(400_000)] * 25)
    sent, left = run_virtual(converse(engine, scope(headers=[(b"content-length", b"9")]), messages))
    assert (sent[0]["status"], json.loads(sent[1]["body"])) == (413, {"status": "too_large"})
    assert len(left) == 22
    assert engine.given == []


def test_a_body_of_exactly_the_limit_is_taken():
    engine = Engine()
    assert answer(engine, scope(headers=[(b"content-length", b"1000000")]), parts(bytes(1_000_000)))[0] == 200
    assert len(engine.given[0][2]) == 1_000_000


@pytest.mark.parametrize("announced", [b"", b"-5", b"many", b"\xb2"])
def test_a_length_that_is_no_number_is_not_believed(announced):
    assert answer(Engine(), scope(headers=[(b"content-length", announced)]))[0] == 200


@pytest.mark.parametrize("before", [[], parts(b'[{"id"', b"")[:1]])
def test_a_sender_that_goes_away_half_way_gets_no_answer_and_the_engine_nothing(before):
    engine = Engine()
    assert drive(engine, messages=[*before, {"type": "http.disconnect"}]) == []
    assert engine.given == []


def test_a_body_that_never_ends_is_not_waited_for_for_ever():
    async def main():
        sent, _ = await converse(engine, scope(), parts(b"[", b"")[:1])
        return sent[0]["status"], asyncio.get_running_loop().time()

    engine = Engine()
    assert run_virtual(main()) == (408, 30)
    assert engine.given == []


# --- answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("receipt", Receipt)
def test_what_was_received_is_acknowledged_whatever_became_of_it(receipt):
    code, headers, said = answer(Engine(receipt))
    assert (code, said) == (200, {"status": receipt.value})
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"content-length"] == str(len(json.dumps(said))).encode()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (RefusedWebhook.SIGNATURE, 401),
        (RefusedWebhook.TIMESTAMP, 401),
        (RefusedWebhook.UNREADABLE, 400),
        (RefusedWebhook.TOO_LARGE, 413),
    ],
)
def test_a_refusal_says_why_in_one_word(reason, code):
    given, headers, said = answer(Engine(WebhookRefusedError(SECRET_TEXT, reason=reason)))
    assert (given, said) == (code, {"status": reason.value})
    assert (b"www-authenticate" in headers) == (code == 401)


def test_a_gateway_that_is_not_known_is_not_found():
    code, _, said = answer(Engine(UnknownGatewayError(SECRET_TEXT)))
    assert (code, said) == (404, {"status": "unknown"})


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailableError(SECRET_TEXT),
        CommitUnknownError(SECRET_TEXT),
        FencedError(SECRET_TEXT),
        EngineClosedError(SECRET_TEXT),
        EngineFailedError(SECRET_TEXT),
        OverloadedError(SECRET_TEXT),
        PaymentTimeoutError(SECRET_TEXT),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_could_not_be_kept_shall_be_sent_again(error):
    code, headers, said = answer(Engine(error))
    assert (code, headers[b"retry-after"], said) == (503, b"5", {"status": "unavailable"})


@pytest.mark.parametrize("error", [RuntimeError(SECRET_TEXT), ValidationError([]), KeyError(SECRET_TEXT)])
def test_anything_else_is_an_error_without_details(error, caplog):
    code, _, said = answer(Engine(error))
    assert (code, said) == (500, {"status": "error"})
    assert type(error).__name__ in caplog.text
    assert SECRET_TEXT not in caplog.text


def test_a_cancelled_call_is_cancelled_and_answers_nothing():
    with pytest.raises(asyncio.CancelledError):
        drive(Engine(asyncio.CancelledError()))


# --- other scopes -----------------------------------------------------------------------------------


def test_it_starts_and_stops_with_a_server_of_its_own():
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = drive(Engine(), {"type": "lifespan"}, messages)
    assert sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


def test_a_websocket_is_closed_before_it_opens():
    sent = drive(Engine(), {"type": "websocket", "path": "/alpha"}, [{"type": "websocket.connect"}])
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_a_scope_of_another_kind_is_refused():
    with pytest.raises(NotImplementedError, match="smtp"):
        drive(Engine(), {"type": "smtp"}, [])


# --- in a host's server -----------------------------------------------------------------------------


@asynccontextmanager
async def served(engine, mount="/payments/webhooks"):
    """Yield a client of a Starlette application under uvicorn in which the webhooks are mounted."""
    app = Starlette(routes=[Mount(mount, app=asgi(engine))]) if mount else asgi(engine)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="auto", ws="none", timeout_keep_alive=1))
    running = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        base = f"http://127.0.0.1:{listening.getsockname()[1]}{mount}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await running
        listening.close()


def told(response):
    return response.status_code, response.json()["status"]


@pytest.mark.parametrize("mount", ["/payments/webhooks", ""], ids=["mounted", "alone"])
def test_a_signed_webhook_reaches_the_payment_once_however_often_it_comes(mount):
    async def main():
        host = Host()
        body = payload(("evt_1", 10_000), ("evt_2", 1))
        async with served(host, mount) as client:
            first = await client.post("/alpha", content=body, headers=signed(body))
            second = await client.post("/alpha", content=body, headers=signed(body))
            other = await client.post("/beta", content=body, headers=signed(body))
        assert [told(each) for each in (first, second, other)] == [
            (200, "stored"),
            (200, "duplicate"),
            (200, "stored"),
        ]
        assert host.told == [
            (name, event, False) for name in ("alpha", "beta") for event in ("evt_1", "evt_2")
        ]  # fmt: skip

    asyncio.run(main())


def test_twenty_equal_deliveries_at_once_are_merged_once():
    async def main():
        host = Host()
        body = payload(("evt_1", 10_000))
        async with served(host) as client:
            posts = (client.post("/alpha", content=body, headers=signed(body)) for _ in range(20))
            answers = await asyncio.gather(*posts)
        assert Counter(map(told, answers)) == {(200, "stored"): 1, (200, "duplicate"): 19}
        assert host.told == [("alpha", "evt_1", False)]

    asyncio.run(main())


GOOD = payload(("evt_1", 10_000))
DEEP = b"[" * 100_000 + b"]" * 100_000
STALE = signed(GOOD, at_s=b.NOW.timestamp() - 301)


@pytest.mark.parametrize(
    ("path", "body", "headers", "expected"),
    [
        ("/alpha", GOOD, signed(GOOD, secret=b"guessed"), (401, "signature")),
        ("/alpha", GOOD[:-1], signed(GOOD), (401, "signature")),
        ("/alpha", GOOD, {}, (401, "signature")),
        ("/alpha", GOOD, STALE, (401, "timestamp")),
        ("/alpha", DEEP, signed(DEEP), (400, "unreadable")),
        ("/alpha", b"\xff{", signed(b"\xff{"), (400, "unreadable")),
        ("/alpha", bytes(10_000_000), {}, (413, "too_large")),
        ("/mute", GOOD, signed(GOOD), (404, "unknown")),
        ("/gamma", GOOD, signed(GOOD), (404, "unknown")),
        ("/", GOOD, signed(GOOD), (404, "unknown")),
    ],
    ids=["forged", "truncated", "unsigned", "stale", "deep", "no text", "10 MB", "no webhooks", "unknown", "nobody"],
)
def test_what_is_not_genuine_or_not_readable_is_refused_and_changes_nothing(path, body, headers, expected):
    async def main():
        host = Host()
        async with served(host) as client:
            assert told(await client.post(path, content=body, headers=headers)) == expected
            assert host.told == []
            assert await host.waiting() == []
            assert told(await client.post("/alpha", content=GOOD, headers=signed(GOOD))) == (200, "stored")

    asyncio.run(main())


def test_a_body_in_chunks_without_a_length_is_cut_off_at_the_limit():
    async def endless():
        for _ in range(200):
            yield bytes(100_000)

    async def main():
        async with served(Host()) as client:
            assert told(await client.post("/alpha", content=endless())) == (413, "too_large")

    asyncio.run(main())


def test_a_connection_that_breaks_in_the_middle_of_a_body_leaves_nothing():
    async def main():
        host = Host()
        async with served(host) as client:
            port = client.base_url.port
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /payments/webhooks/alpha HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n" + GOOD)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            assert told(await client.post("/alpha", content=GOOD, headers=signed(GOOD))) == (200, "stored")
        assert host.told == [("alpha", "evt_1", False)]

    asyncio.run(main())
