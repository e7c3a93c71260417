"""The address of an endpoint, taken apart by one parser only, so that what is checked is what is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from aegispay.delivery_errors import UnsafeAddressError
from aegispay.outbox.webhooks.addresses import address_of, objection

URL_CHARS_MAX = 2_048
HTTPS_PORT = 443
_HTTP_PORT = 80

_PRINTABLE = re.compile(r"[!-~]+")
_PATH = re.compile(r"[^\\\"<>^`{|}]*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INSIDE = frozenset({"localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "onion"})
"""Last parts of names that never lead to the public internet."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an endpoint is.

    Attributes:
        host: in lower case, without a final dot; an IPv6 address without brackets.
        path: what is asked for there: path and query, never empty. It may hold a secret.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == (HTTPS_PORT if self.scheme == "https" else _HTTP_PORT)
        return f"{self.scheme}://{host}" if is_usual else f"{self.scheme}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole of it, secrets included."""
        return f"{self.origin}{self.path}"

    @property
    def shown(self) -> str:
        """What may be written down: paths and queries often hold secrets."""
        return self.origin if self.path == "/" else f"{self.origin}/…"


def parse_url(url: str, *, allowed_hosts: frozenset[str] = frozenset(), allowed_ports: frozenset[int]) -> Target:
    """Return where an endpoint is, if it may be called as far as can be told without asking for its address.

    Args:
        url: as somebody else wrote it.
        allowed_hosts: for these everything is permitted that is refused otherwise.
        allowed_ports: for all others.

    Raises:
        UnsafeAddressError: it may not; the message says what is wrong with it and never repeats it.
    """
    scheme, netloc, path = _split(url)
    host, port = _host_and_port(netloc)
    is_allowed = host in allowed_hosts
    if scheme != "https" and not (scheme == "http" and is_allowed):
        raise UnsafeAddressError("must begin with https://")
    chosen = port if port is not None else HTTPS_PORT if scheme == "https" else _HTTP_PORT
    if not is_allowed:
        _check_host(host)
        if chosen not in allowed_ports:
            ports = ", ".join(map(str, sorted(allowed_ports)))
            raise UnsafeAddressError(f"must use port {ports}", value=str(chosen))
    return Target(scheme=scheme, host=host, port=chosen, path=path)


def _split(url: str) -> tuple[str, str, str]:
    if not isinstance(url, str) or not url:
        raise UnsafeAddressError("must be the address of an endpoint, such as https://shop.example/hooks")
    if len(url) > URL_CHARS_MAX:
        raise UnsafeAddressError(f"must have at most {URL_CHARS_MAX} characters")
    if not _PRINTABLE.fullmatch(url):
        raise UnsafeAddressError("must be printable ASCII: write a host in its xn-- form, other characters as %xx")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UnsafeAddressError("is no URL") from None
    if "@" in parts.netloc:
        raise UnsafeAddressError("must hold no user name or password; they would be sent and logged by others")
    if parts.fragment or url.endswith("#"):
        raise UnsafeAddressError("must have no part behind a #; it would never be sent")
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if not _PATH.fullmatch(path):
        raise UnsafeAddressError("has characters in its path that must be written as %xx")
    return parts.scheme, parts.netloc.lower(), path


def _host_and_port(netloc: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([0-9a-f:.]+)\](?::([0-9]{1,5}))?", netloc)
    if bracketed is not None:
        address = address_of(bracketed[1])
        if not isinstance(address, IPv6Address):
            raise UnsafeAddressError("has no IPv6 address in its brackets")
        return address.compressed, _port(bracketed[2])
    plain = re.fullmatch(r"([^:\[\]/\\%]+?)\.?(?::([0-9]{1,5}))?", netloc)
    if plain is None:
        raise UnsafeAddressError("has no host, or none that can be read only one way")
    return plain[1], _port(plain[2])


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not 1 <= int(text) <= 65_535:
        raise UnsafeAddressError("must have a port from 1 to 65535", value=text)
    return int(text)


def _check_host(host: str) -> None:
    """Refuse a host that surely leads inside, or that could be read as an address in more than one way."""
    address = address_of(host)
    if address is not None:
        refuse_address(address)
        return
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UnsafeAddressError("has a host that cannot be a name of the internet")
    if _NUMBER.fullmatch(labels[-1]):
        raise UnsafeAddressError("has an address in an unusual form; write it as four numbers from 0 to 255")
    if len(labels) == 1 or labels[-1] in _INSIDE or host.endswith(".home.arpa"):
        raise UnsafeAddressError("has a host that is no name of the public internet")


def refuse_address(address: IPv4Address | IPv6Address) -> None:
    """Refuse an address that a webhook must not be sent to.

    Raises:
        UnsafeAddressError: it is not public.
    """
    kind = objection(address)
    if kind:
        raise UnsafeAddressError(f"leads to {address}, which is not public: {kind}")
