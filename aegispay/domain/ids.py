"""Payment ids: derived from merchant and idempotency key, so the key *is* the payment's address."""

from __future__ import annotations

import base64
import hashlib
import re

_LENGTH = 26
"""130 bits: two payments will never meet by chance."""
_TO_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")
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
    digest = hashlib.blake2b(named, key=salt, digest_size=20).digest()
    return "pay_" + base64.b32encode(digest)[:_LENGTH].translate(_TO_CROCKFORD).decode()


def is_payment_id(value: str) -> bool:
    """Return whether `value` has the form of a payment id."""
    return _PAYMENT_ID.fullmatch(value) is not None
