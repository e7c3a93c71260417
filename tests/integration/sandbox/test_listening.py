"""The listening socket."""

import asyncio
import socket

from aegispay.sandbox.server import _listen


async def _accepted():
    """Return whether a connection that was accepted sends small writes at once."""
    is_prompt = asyncio.get_running_loop().create_future()

    def accept(_, writer):
        accepted = writer.get_extra_info("socket")
        is_prompt.set_result(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        writer.close()

    listening = _listen("127.0.0.1", 0)
    server = await asyncio.start_server(accept, sock=listening)
    _, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        return await is_prompt
    finally:
        writer.close()
        await writer.wait_closed()
        server.close()


def test_answers_are_not_held_back_for_the_acknowledgement_of_their_head():
    assert asyncio.run(_accepted()) is True
