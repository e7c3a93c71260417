"""The sandbox behind a real socket, which can be shut for a while."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from aegispay.ports import Clock
from aegispay.sandbox.app import Sandbox
from aegispay.sandbox.door import Peer
from aegispay.sandbox.settings import SandboxSettings

_GRACE_S = 1
"""How long requests may go on after a stop; those that hang never end."""
_IDLE_S = 60
"""How long an idle connection is kept."""


class SandboxServer(uvicorn.Server):
    """Serves one sandbox.

    Args:
        settings: how the provider behaves.
        ledger: its SQLite file.
        host: address to listen on.
        port: port to listen on; 0 for any.
        clock: its time.
        chance: where its ids come from.
        on_listening: called with the address as soon as it listens.

    Raises:
        StoreOpenError: the ledger cannot be used.
        StoreLockedError: another sandbox has it open.
        OSError: the address cannot be used.
    """

    def __init__(
        self,
        settings: SandboxSettings,
        ledger: Path | str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock,
        chance: random.Random,
        on_listening: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._socket = _listen(host, port)
        try:
            self._sandbox = Sandbox(settings, ledger, clock=clock, chance=chance, door=self)
        except BaseException:
            self._socket.close()
            raise
        self._on_listening = on_listening
        self._opening: asyncio.TimerHandle | None = None
        self._reopening: asyncio.Task[None] | None = None
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        self._sandbox.listens_on(self.url)
        super().__init__(
            uvicorn.Config(
                self._sandbox.app,
                lifespan="on",
                ws="none",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=_IDLE_S,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in order at SIGINT and SIGTERM, where this is the main thread."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.stop)
        yield

    def stop(self) -> None:
        """Stop in order; returns at once."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup([self._socket])
        if self.started:
            self._on_listening(self.url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen, let requests end, and close the ledger."""
        if self._opening is not None:
            self._opening.cancel()
        await super().shutdown()
        self._socket.close()

    def shut(self, seconds: float, peer: Peer | None) -> None:
        """Stop listening for so long, drop idle connections and that of `peer`; returns at once."""
        if self.should_exit:
            return
        address = self._socket.getsockname()
        if self._reopening is not None:
            self._reopening.cancel()
        if self._opening is None:
            for server in self.servers:
                server.close()
            self.servers = []
            self._socket.close()
            # Bound, and not listening: who connects is refused, and nobody else can take the port.
            self._socket = _bind(address[0], address[1])
        else:
            self._opening.cancel()
        self._drop(peer)
        self._opening = asyncio.get_running_loop().call_later(seconds, self._open)

    def _open(self) -> None:
        self._opening = None
        self._reopening = asyncio.get_running_loop().create_task(self._reopen())

    async def _reopen(self) -> None:
        server = await asyncio.get_running_loop().create_server(self._protocol, sock=self._socket, backlog=2048)
        self.servers = [server]

    def _drop(self, peer: Peer | None) -> None:
        for connection in list(self.server_state.connections):
            if peer is not None and getattr(connection, "client", None) == peer:
                connection.transport.abort()
            else:
                connection.shutdown()

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


def _listen(host: str, port: int) -> socket.socket:
    listening = _bind(host, port)
    listening.listen(2048)
    return listening


def _bind(host: str, port: int) -> socket.socket:
    # With the protocol named, asyncio turns Nagle's delay off: head and body of an answer are two writes.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.settimeout(0)
    except BaseException:
        bound.close()
        raise
    return bound
