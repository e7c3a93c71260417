"""Random numbers that are no accident: the same payment and attempt always draw the same."""

from __future__ import annotations

import hashlib
from random import Random

_BYTES = 7
_BITS = 53
"""Every JSON reader takes a whole number of 53 bits exactly."""


def draw_of(*parts: object) -> int:
    """Return the seed that belongs to these parts, such as a payment's id and the number of an attempt."""
    digest = hashlib.blake2b("\x00".join(map(str, parts)).encode(), digest_size=_BYTES)
    return int.from_bytes(digest.digest(), "big") & ((1 << _BITS) - 1)


def part_of(draw: int) -> float:
    """Return a draw as a number between 0 and 1, never one of them."""
    return (draw + 0.5) / (1 << _BITS)


def source_of(draw: int, purpose: str) -> Random:
    """Return a source of random numbers, the same for the same draw and purpose."""
    return Random(draw_of(draw, purpose))  # noqa: S311 - reproducible on purpose
