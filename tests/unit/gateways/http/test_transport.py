"""The transport sends each request once, whatever happens to it, and never mixes up two answers."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from aegispay.gateways.http.answer import HttpAnswer, HttpCall, NoAnswer
from aegispay.gateways.http.phase import Phase
from aegispay.gateways.http.transport import HttpTransport
from tests.unit.gateways.http.provider import always, provider, read_request, response, silent, socket_server


def post(number=1, **changes):
    fields = {"method": "POST", "path": f"/v1/{number}", "content": b"{}", "timeout_s": 30.0}
    return HttpCall(**(fields | changes))


async def echo(server, request, writer):
    """Answer with the path that was asked for."""
    writer.write(response({"path": request.split()[1].decode()}))
    await writer.drain()
    return True


def one_answer(said, **changes):
    async def scenario():
        async with provider(always(said)) as server:
            transport = HttpTransport(server.url)
            answer = await transport.send(post(**changes))
            await transport.aclose()
            return answer, server

    return asyncio.run(scenario())


def test_an_answer_is_its_status_and_its_json():
    answer, server = one_answer(response({"id": "sp_1"}, 201))
    assert answer == HttpAnswer(status=201, body={"id": "sp_1"})
    assert len(server.requests) == 1


def test_exactly_the_given_bytes_are_sent():
    _, server = one_answer(response({}), content=b'{"b":1,"a":2}', headers={"idempotency-key": "key-1"})
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"b":1,"a":2}'
    assert b"idempotency-key: key-1" in head.lower()


def test_a_connection_is_kept_for_the_next_request():
    async def scenario():
        async with provider(echo) as server:
            transport = HttpTransport(server.url)
            answers = [await transport.send(post(number)) for number in range(5)]
            assert [answer.body["path"] for answer in answers] == [f"/v1/{number}" for number in range(5)]
            assert (server.opened, transport.connections.idle) == (1, 1)
            await transport.aclose()
            await server.closed.acquire()

    asyncio.run(scenario())


def test_parallel_requests_get_their_own_answers():
    async def scenario():
        async with provider(echo) as server:
            transport = HttpTransport(server.url)
            answers = await asyncio.gather(*[transport.send(post(number)) for number in range(50)])
            assert [answer.body["path"] for answer in answers] == [f"/v1/{number}" for number in range(50)]
            assert transport.connections.active == 0
            await transport.aclose()

    asyncio.run(scenario())


def test_a13_a_kept_connection_that_the_server_has_closed_is_not_used():
    async def scenario():
        async with provider(always(response({}), keep=False)) as server:
            transport = HttpTransport(server.url)
            for _ in range(3):
                assert (await transport.send(post())).status == 200
                await server.closed.acquire()
            assert (len(server.requests), server.opened) == (3, 3)
            await transport.aclose()

    asyncio.run(scenario())


def test_a13_a_request_that_meets_a_closing_connection_is_not_sent_again():
    async def scenario():
        async with provider(always(response({}), b"")) as server:
            transport = HttpTransport(server.url)
            await transport.send(post(1))
            lost = await transport.send(post(2))
            assert lost == NoAnswer(phase=Phase.READ, is_timeout=False, error="RemoteProtocolError")
            assert [request.split()[1] for request in server.requests] == [b"/v1/1", b"/v1/2"]
            assert server.opened == 1
            await transport.aclose()

    asyncio.run(scenario())


def test_a13_httpx_itself_resends_nothing_either_when_a_pooled_connection_dies_under_a_request():
    async def scenario():
        async with provider(always(response({}), b"")) as server:
            async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
                await client.post("/1")
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.post("/2")
            assert len(server.requests) == 2

    asyncio.run(scenario())


def test_a13_over_any_order_of_answers_and_lost_connections_each_send_is_seen_once_at_most():
    async def scenario():
        plan = [response({}), b"", response({}), response({}), b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]

        async def answer(server, request, writer):
            said = plan[len(server.requests) % len(plan)]
            writer.write(said)
            await writer.drain()
            return said.endswith(b"{}")

        async with provider(answer) as server:
            transport = HttpTransport(server.url)
            for number in range(30):
                await transport.send(post(number))
            seen = [request.split()[1] for request in server.requests]
            assert seen == [f"/v1/{number}".encode() for number in range(30)]
            await transport.aclose()

    asyncio.run(scenario())


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_request_cancelled_at_any_moment_leaks_no_connection_and_leaves_no_answer_behind(is_connected):
    async def scenario():
        async with provider(echo) as server:
            transport = HttpTransport(server.url, connections_max=1)
            outcomes = set()
            for moment in range(60):
                if not is_connected:
                    await transport.aclose()
                task = asyncio.create_task(transport.send(post("cancelled")))
                for _ in range(moment):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                outcomes.add(task.cancelled())
                assert transport.connections.active == 0
                answer = await transport.send(post(moment))
                assert answer.body == {"path": f"/v1/{moment}"}
            assert outcomes == {True, False}
            await transport.aclose()
            for _ in range(server.opened):
                await server.closed.acquire()

    asyncio.run(scenario())


def test_a_request_cancelled_during_the_handshake_closes_its_socket():
    async def scenario():
        began, closed = asyncio.Event(), asyncio.Event()

        async def mute(reader, writer):
            await reader.readexactly(1)
            began.set()
            await reader.read()
            closed.set()
            writer.close()

        async with socket_server(mute, scheme="https") as url:
            task = asyncio.create_task(HttpTransport(url).send(post()))
            await began.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            await closed.wait()

    asyncio.run(scenario())


def test_a_request_cancelled_with_half_an_answer_read_closes_its_connection():
    async def scenario():
        async def half(server, request, writer):
            if len(server.requests) > 1:
                return await echo(server, request, writer)
            writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"path":')
            await writer.drain()
            return await silent(server, request, writer)

        async with provider(half) as server:
            transport = HttpTransport(server.url)
            task = asyncio.create_task(transport.send(post(1)))
            await server.received.acquire()
            for _ in range(20):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert (transport.connections.active, transport.connections.idle) == (0, 0)
            assert (await transport.send(post(2))).body == {"path": "/v1/2"}
            assert server.opened == 2
            await transport.aclose()

    asyncio.run(scenario())


def test_a_connection_on_which_more_came_than_was_asked_for_is_not_used_again():
    async def scenario():
        two = response({"for": "first"}) + response({"for": "nobody"})
        async with provider(always(two, response({"for": "second"}))) as server:
            transport = HttpTransport(server.url)
            assert (await transport.send(post(1))).body == {"for": "first"}
            assert (await transport.send(post(2))).body == {"for": "second"}
            assert server.opened == 2
            await transport.aclose()

    asyncio.run(scenario())


def test_a_redirect_is_an_answer_and_is_not_followed():
    answer, server = one_answer(response({}, 307, "location: /elsewhere"))
    assert answer.status == 307
    assert len(server.requests) == 1


def test_the_environment_has_no_say_in_where_a_request_goes(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert one_answer(response({"id": 1}))[0].body == {"id": 1}


def test_cookies_are_not_sent_back():
    async def scenario():
        async with provider(always(response({}, 200, "set-cookie: id=1; path=/"))) as server:
            transport = HttpTransport(server.url)
            await transport.send(post())
            await transport.send(post())
            assert b"cookie" not in server.requests[1].lower()
            await transport.aclose()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (response(b"", raw=True), "not JSON"),
        (response(b"<html>502</html>", raw=True), "not JSON"),
        (response(b'{"id": "\xff"}', raw=True), "not JSON"),
        (response(b'{"amount": NaN}', raw=True), "NaN is no JSON number"),
        (response(b'{"status": "declined", "status": "captured"}', raw=True), "a key is given twice"),
        (response(b"[" * 33 + b"]" * 33, raw=True), "more than 32 levels deep"),
        (response(b"[" * 400_000, raw=True), "more than 32 levels deep"),
        (response(b'"' + b"x" * 1_000_000 + b'"', raw=True), "more than 1000000 bytes"),
        (response({}, 200, "content-encoding: gzip"), "encoded, though that was not asked for"),
    ],
    ids=["empty", "HTML", "no UTF-8", "NaN", "contradicts itself", "deep", "very deep", "long", "encoded"],
)
def test_a_body_that_cannot_be_trusted_is_unreadable_and_says_why(said, why):
    assert one_answer(said)[0] == HttpAnswer(status=200, body=None, unreadable=why)


def test_json_as_deep_as_allowed_is_read():
    body = json.loads("[" * 32 + "]" * 32)
    assert one_answer(response(body))[0].body == body


def test_an_answer_without_end_is_given_up_and_its_connection_closed():
    async def scenario():
        async def endless(reader, writer):
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            try:
                while True:
                    writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                    await writer.drain()
            except ConnectionError:
                closed.set()
            finally:
                writer.close()

        closed = asyncio.Event()
        async with socket_server(endless) as url:
            transport = HttpTransport(url)
            assert await transport.send(post()) == HttpAnswer(status=200, unreadable="more than 1000000 bytes")
            await closed.wait()
            assert transport.connections.idle == 0

    asyncio.run(scenario())


def test_one_transport_serves_one_event_loop_after_the_other():
    transport = HttpTransport("http://127.0.0.1:1")

    async def scenario():
        async with provider(echo) as server:
            transport._base_url = server.url
            assert (await transport.send(post(7))).body == {"path": "/v1/7"}
            await transport.aclose()

    asyncio.run(scenario())
    asyncio.run(scenario())


def test_after_closing_the_next_call_opens_new_connections():
    async def scenario():
        async with provider(echo) as server:
            transport = HttpTransport(server.url)
            await transport.send(post(1))
            await transport.aclose()
            await transport.aclose()
            assert (await transport.send(post(2))).status == 200
            assert server.opened == 2
            await transport.aclose()

    asyncio.run(scenario())


def test_closing_while_a_request_is_under_way_closes_its_connection_when_it_ends():
    async def scenario():
        go = asyncio.Event()

        async def later(server, request, writer):
            await go.wait()
            return await echo(server, request, writer)

        async with provider(later) as server:
            transport = HttpTransport(server.url)
            task = asyncio.create_task(transport.send(post(1)))
            await server.received.acquire()
            await transport.aclose()
            go.set()
            assert (await task).body == {"path": "/v1/1"}
            await server.closed.acquire()

    asyncio.run(scenario())


def test_what_is_sent_is_shown_nowhere():
    call = post(content=b'{"number":"4242424242424242"}', headers={"authorization": "Bearer sk_sandbox_1"})
    assert repr(call) == "HttpCall(method='POST', path='/v1/1', query={}, timeout_s=30.0)"


def test_a_call_has_one_deadline_over_all_its_phases():
    async def scenario():
        async with provider(silent) as server:
            transport = HttpTransport(server.url)
            answer = await transport.send(post(timeout_s=0.2))
            assert answer == NoAnswer(phase=Phase.READ, is_timeout=True, error="TimeoutError")
            assert transport.connections.active == 0
            await transport.aclose()

    asyncio.run(scenario())
