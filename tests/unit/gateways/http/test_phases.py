"""Hazard A14: each step of a request fails in its own way, and only the early ones mean "surely not sent"."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from aegispay.domain.outcome import Executed, NotProcessed, OutcomeUnknown, Reason
from aegispay.gateways.http.answer import HttpCall, NoAnswer
from aegispay.gateways.http.phase import Phase, outcome_of_phase
from aegispay.gateways.http.transport import HttpTransport
from tests.unit.gateways.http.provider import always, provider, response, silent, socket_server

BRIEFLY_S = 0.3


def post(content=b"{}", timeout_s=30.0):
    return HttpCall(method="POST", path="/v1/payments", content=content, timeout_s=timeout_s)


async def failure(transport, call):
    try:
        answer = await transport.send(call)
    finally:
        await transport.aclose()
    assert isinstance(answer, NoAnswer), answer
    return answer.phase, answer.is_timeout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a14_a_request_beyond_the_pool_fails_in_pool_and_is_not_sent():
    async def scenario():
        async with provider(silent) as server:
            transport = HttpTransport(server.url, connections_max=1)
            first = asyncio.create_task(transport.send(post()))
            await server.received.acquire()
            second = await transport.send(post())
            first.cancel()
            await asyncio.wait([first])
            assert (second.phase, second.is_timeout) == (Phase.POOL, False)
            assert len(server.requests) == 1
            assert transport.connections.active == 0
            await transport.aclose()

    asyncio.run(scenario())


def test_a14_a_name_that_does_not_resolve_fails_in_resolve(monkeypatch):
    def unknown(*_arguments, **_keywords):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    transport = HttpTransport("http://provider.invalid")
    assert asyncio.run(failure(transport, post())) == (Phase.RESOLVE, False)


def test_a14_a_refused_connection_fails_in_connect():
    transport = HttpTransport(f"http://127.0.0.1:{free_port()}")
    assert asyncio.run(failure(transport, post())) == (Phase.CONNECT, False)


def test_a14_a_connection_that_nobody_accepts_times_out_in_connect_before_the_call_does():
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        transport = HttpTransport(f"http://127.0.0.1:{full.getsockname()[1]}")
        answer = asyncio.run(transport.send(post(timeout_s=BRIEFLY_S)))
        assert answer == NoAnswer(phase=Phase.CONNECT, is_timeout=True, error="ConnectTimeout")


def test_a14_a_server_without_tls_fails_in_tls():
    async def plain(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def scenario():
        async with socket_server(plain, scheme="https") as url:
            assert await failure(HttpTransport(url), post()) == (Phase.TLS, False)

    asyncio.run(scenario())


def test_a14_a_handshake_without_an_answer_times_out_in_tls_and_closes_its_socket():
    closed = asyncio.Event()

    async def mute(reader, writer):
        await reader.read()
        writer.close()
        closed.set()

    async def scenario():
        async with socket_server(mute, scheme="https") as url:
            assert await failure(HttpTransport(url), post(timeout_s=BRIEFLY_S)) == (Phase.TLS, True)
            await closed.wait()

    asyncio.run(scenario())


def test_a14_a_connection_reset_while_writing_fails_in_write():
    async def reset(reader, writer):
        await reader.readexactly(1)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def scenario():
        async with socket_server(reset) as url:
            assert await failure(HttpTransport(url), post(bytes(50_000_000))) == (Phase.WRITE, False)

    asyncio.run(scenario())


def test_a14_a_server_that_takes_nothing_times_out_in_write():
    async def scenario():
        done = asyncio.Event()

        async def stuffed(_reader, writer):
            await done.wait()
            writer.transport.abort()

        async with socket_server(stuffed) as url:
            call = post(bytes(50_000_000), timeout_s=BRIEFLY_S)
            assert await failure(HttpTransport(url), call) == (Phase.WRITE, True)
            done.set()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200", b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"id":', b"SSH-2.0-OpenSSH_9.6\r\n"],
    ids=["nothing", "half a head", "half a body", "no HTTP"],
)
def test_a14_an_answer_that_is_not_whole_fails_in_read(said):
    async def scenario():
        async with provider(always(said, keep=False)) as server:
            assert await failure(HttpTransport(server.url), post()) == (Phase.READ, False)
            assert len(server.requests) == 1

    asyncio.run(scenario())


def test_a14_an_answer_that_never_comes_times_out_in_read():
    async def scenario():
        async with provider(silent) as server:
            assert await failure(HttpTransport(server.url), post(timeout_s=BRIEFLY_S)) == (Phase.READ, True)
            assert len(server.requests) == 1

    asyncio.run(scenario())


def test_a14_a_request_on_a_kept_connection_that_fails_is_never_in_an_early_phase():
    async def scenario():
        async with provider(always(response({}), b"")) as server:
            transport = HttpTransport(server.url)
            await transport.send(post())
            assert await failure(transport, post()) == (Phase.READ, False)
            assert server.opened == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("is_timeout", [False, True])
@pytest.mark.parametrize("phase", [Phase.POOL, Phase.RESOLVE, Phase.CONNECT, Phase.TLS])
def test_a14_before_a_byte_was_written_nothing_was_executed(phase, is_timeout):
    outcome = outcome_of_phase(phase, is_timeout=is_timeout)
    assert isinstance(outcome, NotProcessed)
    assert (outcome.reason, outcome.code, outcome.executed) == (Reason.NOT_SENT, phase.value, Executed.NO)


@pytest.mark.parametrize(("is_timeout", "reason"), [(False, Reason.CONNECTION_LOST), (True, Reason.TIMEOUT)])
@pytest.mark.parametrize("phase", [Phase.WRITE, Phase.READ])
def test_a14_after_that_nobody_knows(phase, is_timeout, reason):
    outcome = outcome_of_phase(phase, is_timeout=is_timeout)
    assert isinstance(outcome, OutcomeUnknown)
    assert (outcome.reason, outcome.code, outcome.executed) == (reason, phase.value, Executed.UNKNOWN)
