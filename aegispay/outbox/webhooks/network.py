"""Connections that lead to where they were checked to lead: no second look-up can change it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

from aegispay.delivery_errors import UnsafeAddressError
from aegispay.outbox.webhooks.addresses import address_of
from aegispay.outbox.webhooks.endpoint import Resolve
from aegispay.outbox.webhooks.url import refuse_address

ADDRESSES_MAX = 4
"""How many addresses of one host are tried."""


class SystemResolver:
    """Asks the system for addresses, in a thread of its own.

    A look-up cannot be cancelled, and one that hangs would keep one of the few threads that everybody shares.
    """

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the host's addresses.

        Raises:
            OSError: it has none, or nobody answers.
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="aegispay-webhook-name")
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._thread, _look_up, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Let the thread end. Idempotent."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None


def _look_up(host: str, port: int) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:
        raise OSError(f"the name cannot be looked up: {error}") from None


async def checked_addresses(host: str, port: int, resolve: Resolve, *, is_allowed: bool) -> list[str]:
    """Return the addresses that a host has now.

    Raises:
        UnsafeAddressError: one of them is not public, and the host is not allowed to be so.
        OSError: there are none.
    """
    found = [host] if address_of(host) is not None else list(await resolve(host, port))
    if not found:
        raise OSError("the name has no address")
    if not is_allowed:
        for text in found:
            address = address_of(text)
            if address is None:
                raise UnsafeAddressError("leads to an address that cannot be read")
            refuse_address(address)
    return found[:ADDRESSES_MAX]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Looks a host up, checks every address it has, and connects to one of those.

    TLS still asks for the host's name and verifies its certificate.
    """

    def __init__(self, resolve: Resolve, *, is_allowed: bool) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._network: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that answers.

        Raises:
            UnsafeAddressError: one of them is not public.
            OSError: the host has none.
            httpcore.ConnectError, httpcore.ConnectTimeout: none answered.
        """
        async with asyncio.timeout(timeout):
            addresses = await checked_addresses(host, port, self._resolve, is_allowed=self._is_allowed)
            share_s = None if timeout is None else timeout / len(addresses)
            for address in addresses[:-1]:
                try:
                    return await self._network.connect_tcp(address, port, share_s, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout):
                    continue
            return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no endpoint is a file.

        Raises:
            UnsafeAddressError: always.
        """
        raise UnsafeAddressError("must not be a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore asks for it between tries of its own, of which there are none."""
        await self._network.sleep(seconds)
