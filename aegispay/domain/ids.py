"""Payment ids: derived from merchant and idempotency key, so the key *is* the payment's address."""

from __future__ import annotations

import hashlib
import re

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letters that are mistaken for digits."""
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
    number = int.from_bytes(hashlib.blake2b(named, key=salt, digest_size=17).digest()) >> 6
    characters = []
    for _ in range(26):
        number, index = divmod(number, 32)
        characters.append(_ALPHABET[index])
    return f"pay_{''.join(characters)}"


def is_payment_id(value: str) -> bool:
    """Return whether `value` has the form of a payment id."""
    return _PAYMENT_ID.fullmatch(value) is not None
