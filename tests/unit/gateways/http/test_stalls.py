"""A process that stands still in the middle of a call writes nothing of it once the call's time is over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Self

import pytest

from aegispay.domain.outcome import Executed
from aegispay.gateways.http.answer import HttpAnswer, HttpCall, NoAnswer
from aegispay.gateways.http.phase import Phase, outcome_of_phase
from aegispay.gateways.http.transport import HttpTransport
from tests.unit.gateways.http.provider import always, provider, response

TIMEOUT_S = 30.0


class StallingLoop(asyncio.SelectorEventLoop):
    """A loop whose time can leap, as after a suspension: what was ready runs first, and only then its timers."""

    stalled_s = 0.0

    def time(self) -> float:
        return super().time() + self.stalled_s


class Wire:
    """The provider's end of the connections, read without the loop's help: what is on it was really written."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.peers: list[socket.socket] = []
        self.written = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for peer in (*self.peers, self.listener):
            peer.close()

    async def answer(self) -> None:
        """Take a new connection, answer one request on it, and forget that."""
        loop = asyncio.get_running_loop()
        peer, _ = await loop.sock_accept(self.listener)
        peer.setblocking(False)
        self.peers.append(peer)
        said = b""
        while not said.endswith(b"}"):
            said += await loop.sock_recv(peer, 65_536)
        await loop.sock_sendall(peer, response({}))

    def read(self) -> bytes:
        """Return everything that has been written until now, as long as nobody answers."""
        for taken in (self._accept, self._receive):
            while taken():
                pass
        return self.written

    def _accept(self) -> bool:
        try:
            peer, _ = self.listener.accept()
        except BlockingIOError:
            return False
        peer.setblocking(False)
        self.peers.append(peer)
        return True

    def _receive(self) -> bool:
        said = b""
        for peer in self.peers:
            try:
                said += peer.recv(65_536)
            except (BlockingIOError, ConnectionError):
                continue
        self.written += said
        return bool(said)


def post(path: str) -> HttpCall:
    return HttpCall(method="POST", path=path, content=b'{"amount":1}', timeout_s=TIMEOUT_S)


def stand_still_after(hops: int, stalled_s: float, first: Callable[[], None] = lambda: None) -> None:
    """Let the running loop stand still after so many of its turns."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, StallingLoop)

    def turn(left: int) -> None:
        if left:
            loop.call_soon(turn, left - 1)
            return
        first()
        loop.stalled_s += stalled_s

    loop.call_soon(turn, hops)


async def warm_up(transport: HttpTransport, wire: Wire) -> None:
    """Leave one kept connection behind."""
    task = asyncio.create_task(transport.send(post("/first")))
    await wire.answer()
    assert isinstance(await task, HttpAnswer)


async def charge_with_a_stall(hops: int, stalled_s: float, *, is_kept: bool) -> tuple[Any, bytes, bytes]:
    """Stand still after so many turns of the loop; return the answer, and what was written before and in all."""
    before: list[bytes] = []
    with Wire() as wire:
        transport = HttpTransport(wire.url)
        if is_kept:
            await warm_up(transport, wire)
        stand_still_after(hops, stalled_s, lambda: before.append(wire.read()))
        answer = await transport.send(post("/charge"))
        assert transport.connections.active == 0
        await transport.aclose()
        return answer, before[0], wire.read()


def stalled(hops: int, stalled_s: float, *, is_kept: bool) -> tuple[Any, bytes, bytes]:
    with asyncio.Runner(loop_factory=StallingLoop) as runner:
        return runner.run(charge_with_a_stall(hops, stalled_s, is_kept=is_kept))


@pytest.mark.parametrize("stalled_s", [TIMEOUT_S, 200.0])
@pytest.mark.parametrize("is_kept", [True, False])
def test_a14_nothing_is_written_after_a_stall_that_was_longer_than_the_call_may_take(is_kept, stalled_s):
    seen = set()
    for hops in range(25):
        answer, before, in_all = stalled(hops, stalled_s, is_kept=is_kept)
        assert in_all == before, f"after {hops} turns"
        assert isinstance(answer, NoAnswer)
        assert answer.is_timeout
        executed = outcome_of_phase(answer.phase, is_timeout=True).executed
        assert executed is (Executed.UNKNOWN if before else Executed.NO), f"after {hops} turns: {answer}"
        seen.add((answer.phase, b"/charge" in before, before.endswith(b"}")))
    early = Phase.POOL if is_kept else Phase.CONNECT
    assert seen >= {(early, False, False), (Phase.WRITE, True, False), (Phase.READ, True, True)}


def test_a14_a_request_given_up_unwritten_leaves_no_connection_and_the_next_one_is_sent():
    async def scenario() -> None:
        with Wire() as wire:
            transport = HttpTransport(wire.url)
            await warm_up(transport, wire)
            stand_still_after(0, 200.0)
            late = await transport.send(post("/late"))
            assert isinstance(late, NoAnswer)
            assert (late.phase, late.is_timeout) == (Phase.POOL, True)
            assert (transport.connections.active, transport.connections.idle) == (0, 0)
            await warm_up(transport, wire)
            await transport.aclose()
            assert (len(wire.peers), wire.read()) == (2, b"")

    with asyncio.Runner(loop_factory=StallingLoop) as runner:
        runner.run(scenario())


def test_a_stall_within_the_calls_time_does_not_keep_it_from_being_written():
    async def scenario(hops: int) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StallingLoop)
        async with provider(always(response({}))) as server:
            transport = HttpTransport(server.url)
            for _ in ("new", "kept"):
                stand_still_after(hops, 5.0)
                assert await transport.send(post("/charge")) == HttpAnswer(status=200, body={})
            assert (len(server.requests), loop.stalled_s) == (2, 10.0)
            await transport.aclose()

    for hops in range(4):
        with asyncio.Runner(loop_factory=StallingLoop) as runner:
            runner.run(scenario(hops))
