"""What the sandbox is started with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How this provider behaves when nothing is wrong.

    Attributes:
        key_window_s: how long an idempotency key is remembered, in seconds; after that it is new again.
        keeps_failures: whether a 5xx answer is remembered under its key; otherwise the same key executes anew.
        latency_s: how long every request takes at least, in seconds.
        challenge_validity: how long a payer may take over a 3-D Secure challenge.
        authorization_validity: how long an authorization can be captured.
    """

    key_window_s: float = 86_400.0
    keeps_failures: bool = True
    latency_s: float = 0.0
    challenge_validity: timedelta = timedelta(minutes=15)
    authorization_validity: timedelta = timedelta(days=7)
