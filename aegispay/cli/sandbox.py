"""``aegispay sandbox``: a provider simulator over HTTP, in a process of its own."""

from __future__ import annotations

import asyncio
import random
from ipaddress import ip_address
from pathlib import Path

from rich.console import Console

from aegispay.cli.rows import UsageError
from aegispay.clock import SystemClock


def serve_sandbox(
    *,
    host: str,
    port: int,
    ledger: Path,
    key_window_s: float,
    reexecute_failures: bool,
    latency_ms: float,
    err: Console,
) -> None:
    """Serve until SIGINT or SIGTERM; the first line on standard output says where.

    Raises:
        UsageError: a package of the extra is missing, or the address cannot be used.
        StoreError: the ledger cannot.
    """
    try:
        from aegispay.sandbox.server import SandboxServer  # noqa: PLC0415 - an extra's packages
        from aegispay.sandbox.settings import SandboxSettings  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing: pip install 'aegispay[sandbox]'") from None
    settings = SandboxSettings(
        key_window_s=key_window_s, keeps_failures=not reexecute_failures, latency_s=latency_ms / 1000
    )
    if not _is_loopback(host):
        err.print(f"aegispay: {host} can be reached from other machines; anybody there can use the API")
    try:
        server = SandboxServer(
            settings,
            ledger,
            host=host,
            port=port,
            clock=SystemClock(),
            chance=random.SystemRandom(),
            on_listening=lambda url: print(f"listening on {url}", flush=True),
        )
    except OSError as error:
        raise UsageError(f"--host {host} --port {port}: {error.strerror or error}") from None
    asyncio.run(server.serve())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
