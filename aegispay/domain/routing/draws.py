"""Random numbers that are no accident: the same payment and attempt always draw the same."""

from __future__ import annotations

import hashlib
from random import Random

_BYTES = 7
"""56 bits: every JSON reader takes the number exactly."""


def draw_of(*parts: object) -> int:
    """Return the seed that belongs to these parts, such as a payment's id and the number of an attempt."""
    digest = hashlib.blake2b("\x00".join(map(str, parts)).encode(), digest_size=_BYTES)
    return int.from_bytes(digest.digest(), "big") & ((1 << 53) - 1)


def source_of(draw: int) -> Random:
    """Return a source of random numbers that starts from this seed."""
    return Random(draw)  # noqa: S311 - reproducible on purpose
