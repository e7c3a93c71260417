"""What is sent over HTTP and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aegispay.gateways.http.phase import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """What to send.

    Attributes:
        path: below the base address, beginning with a slash, already quoted.
        content: the body, byte for byte; never shown, for it may hold card data.
        timeout_s: how long the whole call may take, from when it is given to the transport.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back, whole.

    Attributes:
        body: the parsed JSON; ``None`` if it is unreadable.
        unreadable: why the body cannot be read; empty if it can.
    """

    status: int
    body: Any = field(default=None, repr=False)
    unreadable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No whole answer came.

    Attributes:
        phase: how far it got; before `Phase.WRITE` surely nothing was sent.
        error: the kind of error, for the log; never its text.
    """

    phase: Phase
    is_timeout: bool
    error: str
