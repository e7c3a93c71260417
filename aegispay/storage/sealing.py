"""What is personal in an event, encrypted: it stands in the event's JSON as one field that only its key opens."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aegispay.storage.personal import put_back

Entropy = Callable[[int], bytes]
"""Returns so many random bytes, as `os.urandom` does; keys and nonces are made of them."""

KEY_BYTES = 32
NONCE_BYTES = 12
_MARK = ',"sealed":"'
_SEALED = re.compile(r',"sealed":"([0-9]{1,18})\.([A-Za-z0-9+/]+={0,2})"\}')


@dataclass(frozen=True, slots=True, repr=False)
class CustomerKey:
    """What the personal data of one customer is sealed with.

    Attributes:
        id: stands beside what is sealed; never used again.
        secret: 32 bytes; empty once the customer is erased.
    """

    id: int
    secret: bytes

    def __repr__(self) -> str:
        """Show the id, never the secret."""
        return f"<CustomerKey {self.id}>"


class Personal(NamedTuple):
    """What is personal in an event, on its way into the store.

    Attributes:
        text: JSON. nonce: 12 random bytes, for this event only.
    """

    text: str
    nonce: bytes

    def __repr__(self) -> str:
        """Say nothing of it."""
        return "<Personal>"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event belongs; what is sealed for one place does not open at another."""

    payment_id: str
    version: int
    event_type: str

    def bound_to(self, key_id: int) -> bytes:
        """Return what is authenticated beside the content."""
        return f"{key_id}|{self.payment_id}|{self.version}|{self.event_type}".encode()


def seal(key: CustomerKey, place: Place, data: str, personal: Personal) -> str:
    """Return the event's JSON with what is personal sealed in it.

    Args:
        key: of the customer.
        place: of the event.
        data: a JSON object, what may stand in the open.
        personal: the rest.
    """
    sealed = AESGCM(key.secret).encrypt(personal.nonce, personal.text.encode(), place.bound_to(key.id))
    return f'{data[:-1]}{_MARK}{key.id}.{base64.b64encode(personal.nonce + sealed).decode()}"}}'


def split(data: str) -> tuple[str, int, str] | None:
    """Return what stands in the open, the key's id and what is sealed; ``None`` where nothing is."""
    # The last field of the object itself: what a merchant writes is inside of another one, or escaped.
    if not data.endswith('"}'):
        return None
    start = data.rfind(_MARK)
    found = None if start < 0 else _SEALED.fullmatch(data, start)
    return None if found is None else (data[:start] + "}", int(found[1]), found[2])


def unseal(key: CustomerKey, place: Place, data: str, sealed: str) -> str:
    """Return the whole event's JSON.

    Raises:
        ValueError: it was not sealed with this key for this place.
    """
    return put_back(data, _decrypted(key, place, sealed).decode())


def opens(key: CustomerKey, place: Place, sealed: str) -> bool:
    """Return whether it was sealed with this key for this place."""
    try:
        _decrypted(key, place, sealed)
    except ValueError:
        return False
    return True


def _decrypted(key: CustomerKey, place: Place, sealed: str) -> bytes:
    blob = base64.b64decode(sealed)
    try:
        return AESGCM(key.secret).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], place.bound_to(key.id))
    except InvalidTag:
        raise ValueError("it does not open with its customer's key") from None


def repeatable_entropy(seed: bytes) -> Entropy:
    """Return a source that gives the same bytes in every run; for tests and simulations only."""
    numbers = itertools.count()

    def draw(size: int) -> bytes:
        return hashlib.shake_256(seed + next(numbers).to_bytes(8)).digest(size)

    return draw
