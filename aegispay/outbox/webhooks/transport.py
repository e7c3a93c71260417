"""Connections to one endpoint: checked when they are opened, kept for the next requests, used once for each."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

import httpcore
import httpx

from aegispay.gateways.http.connections import Connections
from aegispay.outbox.webhooks.network import CheckedNetwork

KEEPALIVE_S = 30.0
"""After so long without a request the next one opens a new connection, which asks for the host's address anew."""


class CheckedConnections(Connections):
    """Opens its connections through a network that checks where they lead.

    Args:
        network: opens them.
        trust: how to verify who is there.
        connections_max: requests under way at once; more are refused with `PoolFullError`.
    """

    def __init__(self, network: CheckedNetwork, trust: ssl.SSLContext, *, connections_max: int) -> None:
        super().__init__(connections_max=connections_max, keepalive_s=KEEPALIVE_S, ssl_context=trust)
        self._network = network
        self._trust = trust

    async def _take(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.can_handle_request(origin) and not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            origin=origin,
            ssl_context=self._trust,
            keepalive_expiry=KEEPALIVE_S,
            retries=0,
            network_backend=self._network,
        )


@functools.cache
def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Return how to verify endpoints: by the usual authorities, and by those in a file.

    Raises:
        OSError, ssl.SSLError: the file cannot be used.
    """
    trust = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        trust.load_verify_locations(cafile=ca_file)
    return trust
