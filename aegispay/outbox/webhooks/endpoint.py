"""An address that wants to hear of events, as the host describes it at each start."""

from __future__ import annotations

import base64
import binascii
import re
import secrets as entropy
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from aegispay.domain.card_data import contains_card_number, shown
from aegispay.domain.deliveries.interests import Interests
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.errors import FieldError, ValidationError
from aegispay.outbox.webhooks.addresses import address_of
from aegispay.outbox.webhooks.url import HTTPS_PORT, Target, parse_url

SECRET_PREFIX = "whsec_"  # noqa: S105 - the beginning of every secret, no secret
SECRET_BYTES_MIN = 24
SECRET_BYTES_MAX = 64
SECRETS_MAX = 4
CONCURRENCY_MAX = 64
TIMEOUT_MAX_S = 60.0

WEBHOOK_RETRY = RetrySchedule(delays_s=(5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""Seconds for a restart, hours for a night, three days in all for a weekend."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) to addresses; raises `OSError` when there are none."""

_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_HINT = "Correct the endpoint; docs/webhooks-out.md lists what it may be."


def new_webhook_secret() -> str:
    """Return a new secret for an endpoint: give it to the receiver, and keep it where you keep secrets."""
    return SECRET_PREFIX + base64.b64encode(entropy.token_bytes(32)).decode()


@dataclass(frozen=True, kw_only=True)
class WebhookPolicy:
    """Which addresses an endpoint may have, beside https on public ones.

    Attributes:
        allowed_hosts: names or addresses for which nothing is checked: http, any port and the inside of your network
            are permitted. For tests, and for receivers of your own; never a name that somebody else controls.
        allowed_ports: ports that may be used on public addresses.
        ca_file: a PEM file of certificate authorities that are trusted as well.
        resolve: how a host and port become addresses; the system's way by default. Asked for each new connection.

    Raises:
        ValidationError: naming every setting that makes no sense.
    """

    allowed_hosts: frozenset[str] = frozenset()
    allowed_ports: frozenset[int] = frozenset({HTTPS_PORT})
    ca_file: Path | None = None
    resolve: Resolve | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check it, and write hosts as they are compared."""
        if not _is_set(self.allowed_hosts) or not all(isinstance(host, str) for host in self.allowed_hosts):
            raise _refused("policy.allowed_hosts", "use a set of names of hosts")
        if not _is_set(self.allowed_ports) or not all(_is_port(port) for port in self.allowed_ports):
            raise _refused("policy.allowed_ports", "use a set of numbers from 1 to 65535")
        if self.ca_file is not None and not Path(self.ca_file).is_file():
            raise _refused("policy.ca_file", "there is no such file", str(self.ca_file))
        object.__setattr__(self, "allowed_hosts", frozenset(_plain_host(host) for host in self.allowed_hosts))
        object.__setattr__(self, "allowed_ports", frozenset(self.allowed_ports))


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoint:
    """An address that wants to hear of events.

    Neither the address nor the secrets are ever stored, logged or shown: give both at each start.

    Attributes:
        name: under which the engine remembers what it has got; 1 to 64 of a-z, 0-9, _ and -. No subscription has it.
        url: https, see `WebhookPolicy`.
        secrets: 1 to 4 of them, ``whsec_`` and 24 to 64 bytes in base64, see `new_webhook_secret`. Each event is signed
            with all of them, so that a receiver who knows any of them can verify it: first add the new one, then give
            it to the receiver, then take the old one away.
        events: which events it wants: names, or patterns such as ``payment.*``.
        concurrency: requests under way at once, 1 to 64.
        timeout_s: for a whole request and its answer, at most 60 seconds.
        retry: when a failed try is repeated: by default ten tries within about three days, then it is a dead letter.
        policy: which addresses are permitted.

    Raises:
        ValidationError: naming what is wrong.
        UnsafeAddressError: the address may not be called.
    """

    name: str
    url: str | SecretStr = field(repr=False)
    secrets: Sequence[str | SecretStr] = field(repr=False)
    events: str | Sequence[str] = ("*",)
    concurrency: int = 4
    timeout_s: float = 15.0
    retry: RetrySchedule = field(default=WEBHOOK_RETRY, repr=False)
    policy: WebhookPolicy = field(default_factory=WebhookPolicy, repr=False)
    target: Target = field(init=False, repr=False, compare=False)
    interests: Interests = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check everything that can be checked without asking anybody."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name) or contains_card_number(self.name):
            raise _refused("name", "use 1 to 64 of a-z, 0-9, _ and -")
        self._check_numbers()
        if not isinstance(self.retry, RetrySchedule):
            raise _refused("retry", "use a RetrySchedule", type(self.retry).__name__)
        if not isinstance(self.policy, WebhookPolicy):
            raise _refused("policy", "use a WebhookPolicy", type(self.policy).__name__)
        keep = object.__setattr__
        target = parse_url(
            revealed(self.url), allowed_hosts=self.policy.allowed_hosts, allowed_ports=self.policy.allowed_ports
        )
        keep(self, "target", target)
        keep(self, "url", SecretStr(target.url))
        keep(self, "secrets", _secrets(self.secrets))
        keep(self, "interests", Interests.parse(self.events, field="events"))
        keep(self, "events", self.interests.patterns)

    def _check_numbers(self) -> None:
        if type(self.concurrency) is not int or not 1 <= self.concurrency <= CONCURRENCY_MAX:
            raise _refused("concurrency", f"use a whole number from 1 to {CONCURRENCY_MAX}", shown(self.concurrency))
        if not _is_duration(self.timeout_s, TIMEOUT_MAX_S):
            raise _refused("timeout_s", f"use seconds, more than 0, at most {TIMEOUT_MAX_S:g}", shown(self.timeout_s))

    @property
    def shown_url(self) -> str:
        """The address without its path and query, which often hold secrets."""
        return self.target.shown

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The secrets as bytes."""
        return tuple(key_of(secret) for secret in self.secrets)


def revealed(secret: str | SecretStr) -> str:
    """Return the text of a secret."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def key_of(secret: str | SecretStr) -> bytes:
    """Return the bytes of a secret.

    Raises:
        ValidationError: it is none; the message never repeats it.
    """
    text = revealed(secret)
    problem = f"use {SECRET_PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64"
    if not isinstance(text, str) or not text.startswith(SECRET_PREFIX):
        raise _refused("secrets", problem)
    encoded = text.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _refused("secrets", problem) from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise _refused("secrets", problem)
    return key


def _secrets(given: Sequence[str | SecretStr]) -> tuple[SecretStr, ...]:
    if isinstance(given, str | SecretStr) or not isinstance(given, Sequence) or not 1 <= len(given) <= SECRETS_MAX:
        raise _refused("secrets", f"use a tuple of 1 to {SECRETS_MAX} secrets")
    keys = [key_of(secret) for secret in given]
    if len(set(keys)) < len(keys):
        raise _refused("secrets", "one of them stands there twice")
    return tuple(secret if isinstance(secret, SecretStr) else SecretStr(secret) for secret in given)


def _plain_host(host: str) -> str:
    plain = host.strip().lower().removesuffix(".").removeprefix("[").removesuffix("]")
    address = address_of(plain)
    return plain if address is None else address.compressed


def _is_set(value: object) -> bool:
    return isinstance(value, frozenset | set | tuple | list)


def _is_port(value: object) -> bool:
    return type(value) is int and 1 <= value <= 65_535


def _is_duration(value: object, most_s: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most_s


def _refused(name: str, message: str, value: str | None = None) -> ValidationError:
    return ValidationError([FieldError(name, message, value)], hint=_HINT)
