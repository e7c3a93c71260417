"""Regular expressions that cannot run away: an automaton reads each character of a text once and never goes back.

Glushkov's construction: every place of the pattern that takes a character is one bit, and a set of places an integer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aegispay.domain.conditions.pattern_syntax import (
    Either,
    Node,
    One,
    Repeat,
    Row,
    WrongPatternError,
    parse_pattern,
)

PLACES_MAX = 256
"""Places of a pattern, repetitions written out; with `SUBJECT_LENGTH_MAX` it bounds the time of any match."""
SUBJECT_LENGTH_MAX = 512
"""Characters of a text that is compared; a longer one does not match."""
_REMEMBERED_MAX = 1_000


class _Part(NamedTuple):
    """What a part of the pattern may begin and end with, as sets of places."""

    may_be_empty: bool
    first: int
    last: int


class Pattern:
    r"""A regular expression, ready to be compared with whole texts.

    Args:
        source: characters, ``.``, ``[a-z]``, ``[^a-z]``, ``\d \w \s`` (ASCII), groups, ``|``, ``? * + {2,5}``.
        is_folded: texts come without capitals, and the pattern's capitals make no difference.

    Raises:
        WrongPatternError: `source` is no such expression, or too large.
    """

    __slots__ = ("_after", "_follow", "_is_folded", "_masks", "_places", "_whole")

    def __init__(self, source: str, *, is_folded: bool = False) -> None:
        self._places: list[One] = []
        self._follow: list[int] = []
        self._is_folded = is_folded
        self._whole = self._build(parse_pattern(source))
        self._masks: dict[str, int] = {}
        self._after: dict[int, int] = {}

    def matches(self, text: str) -> bool:
        """Return whether the whole of `text` fits; in time that grows with its length and no faster."""
        if len(text) > SUBJECT_LENGTH_MAX:
            return False
        if not text:
            return self._whole.may_be_empty
        allowed, reached = self._whole.first, 0
        for character in text:
            reached = allowed & self._mask(character)
            if not reached:
                return False
            allowed = self._reachable(reached)
        return bool(reached & self._whole.last)

    def _mask(self, character: str) -> int:
        mask = self._masks.get(character)
        if mask is None:
            if len(self._masks) >= _REMEMBERED_MAX:
                self._masks.clear()
            points = self._points(character)
            mask = self._masks[character] = sum(1 << at for at, place in enumerate(self._places) if place.fits(points))
        return mask

    def _points(self, character: str) -> set[int]:
        """Return how the character may be written in the pattern."""
        written = {character, character.upper(), character.lower()} if self._is_folded else {character}
        return {ord(each) for each in written if len(each) == 1}

    def _reachable(self, reached: int) -> int:
        after = self._after.get(reached)
        if after is None:
            if len(self._after) >= _REMEMBERED_MAX:
                self._after.clear()
            after = self._after[reached] = self._union(reached)
        return after

    def _union(self, places: int) -> int:
        found = 0
        while places:
            lowest = places & -places
            found |= self._follow[lowest.bit_length() - 1]
            places ^= lowest
        return found

    # --- construction -----------------------------------------------------------------------------------

    def _build(self, node: Node) -> _Part:
        match node:
            case One():
                return self._place(node)
            case Row(parts):
                return self._in_a_row([self._build(part) for part in parts])
            case Either(options):
                built = [self._build(option) for option in options]
                return _Part(
                    any(part.may_be_empty for part in built),
                    _joined(part.first for part in built),
                    _joined(part.last for part in built),
                )
            case Repeat(part, least, most):
                return self._repeated(part, least, most)

    def _place(self, one: One) -> _Part:
        if len(self._places) >= PLACES_MAX:
            raise WrongPatternError(f"is too large: with repetitions written out it has more than {PLACES_MAX} places")
        place = 1 << len(self._places)
        self._places.append(one)
        self._follow.append(0)
        return _Part(may_be_empty=False, first=place, last=place)

    def _in_a_row(self, parts: list[_Part]) -> _Part:
        whole = parts[0]
        for part in parts[1:]:
            self._lead(whole.last, part.first)
            whole = _Part(
                whole.may_be_empty and part.may_be_empty,
                whole.first | part.first if whole.may_be_empty else whole.first,
                whole.last | part.last if part.may_be_empty else part.last,
            )
        return whole

    def _repeated(self, node: Node, least: int, most: int | None) -> _Part:
        copies = [self._build(node) for _ in range(max(1, least) if most is None else most)]
        if most is None:
            self._lead(copies[-1].last, copies[-1].first)
        parts = [part if index < least else part._replace(may_be_empty=True) for index, part in enumerate(copies)]
        return self._in_a_row(parts)

    def _lead(self, places: int, onward: int) -> None:
        while places:
            lowest = places & -places
            self._follow[lowest.bit_length() - 1] |= onward
            places ^= lowest


def _joined(sets: Iterable[int]) -> int:
    found = 0
    for each in sets:
        found |= each
    return found
