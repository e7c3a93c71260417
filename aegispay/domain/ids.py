"""Payment ids: derived from merchant and idempotency key, so the key *is* the payment's address."""

from __future__ import annotations

import hashlib
import re

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
"""Base 32 without letters that are mistaken for digits."""
_PAIRS = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
"""Two digits at a time: ten bits."""
_SHIFTS = range(120, -1, -10)
"""130 bits, 26 digits: two payments will never meet by chance."""
_PAYMENT_ID = re.compile(r"pay_[0-9a-hjkmnp-tv-z]{26}")


def derive_payment_id(salt: bytes, merchant: str, idempotency_key: str) -> str:
    """Return the id of the payment that `merchant` names with `idempotency_key`.

    Args:
        salt: secret of the store, 16 to 64 bytes; without it, ids cannot be guessed from keys.
        merchant: whose key it is; keys of different merchants never give the same id.
        idempotency_key: the merchant's key.
    """
    # The length in front makes ("a", "bc") and ("ab", "c") different texts.
    named = f"{len(merchant)}:{merchant}:{idempotency_key}".encode()
    digest = hashlib.blake2b(named, key=salt, digest_size=20).digest()
    number = int.from_bytes(digest[:17]) >> 6
    return "pay_" + "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def is_payment_id(value: str) -> bool:
    """Return whether `value` has the form of a payment id."""
    return _PAYMENT_ID.fullmatch(value) is not None
