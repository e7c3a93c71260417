"""The regular expressions of conditions, parsed: what all dialects share, and nothing that needs to go back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PATTERN_LENGTH_MAX = 200
GROUP_DEPTH_MAX = 10
REPEAT_MAX = 100
_LAST = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]
"""A set of characters: code points from, to, both included."""


class WrongPatternError(ValueError):
    """It is no regular expression of this dialect; the message says why."""


@dataclass(frozen=True, slots=True)
class One:
    """One character of a set, or one that is not in it."""

    ranges: Ranges
    is_complement: bool = False

    def fits(self, points: Iterable[int]) -> bool:
        """Return whether the character fits that is written with any of these code points."""
        return any(low <= point <= high for point in points for low, high in self.ranges) is not self.is_complement


@dataclass(frozen=True, slots=True)
class Row:
    """One part after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of several."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part several times; `most` is ``None`` for any number."""

    part: Node
    least: int
    most: int | None


Node = One | Row | Either | Repeat

_DIGITS: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = ((9, 13), (32, 32))
_ANY_BUT_LINE_END: Ranges = ((0, 9), (11, _LAST))


def _complement(ranges: Ranges) -> Ranges:
    found, free = [], 0
    for low, high in sorted(ranges):
        if low > free:
            found.append((free, low - 1))
        free = max(free, high + 1)
    return (*found, (free, _LAST)) if free <= _LAST else tuple(found)


_CLASSES = {
    "d": _DIGITS, "w": _WORD, "s": _SPACE,
    "D": _complement(_DIGITS), "W": _complement(_WORD), "S": _complement(_SPACE),
}  # fmt: skip


def parse_pattern(source: str) -> Node:
    """Return the tree of a regular expression.

    Raises:
        WrongPatternError: it is none, or uses what this dialect leaves out.
    """
    if len(source) > PATTERN_LENGTH_MAX:
        raise WrongPatternError(f"use a regular expression of at most {PATTERN_LENGTH_MAX} characters")
    parser = _Parser(source)
    tree = parser.either(0)
    if parser.peek():
        raise WrongPatternError("has a ) without its (")
    return tree


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    def peek(self) -> str:
        return self._source[self._at : self._at + 1]

    def _take(self, why: str) -> str:
        if self._at >= len(self._source):
            raise WrongPatternError(why)
        self._at += 1
        return self._source[self._at - 1]

    def _skip(self, text: str) -> bool:
        found = self._source.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def either(self, depth: int) -> Node:
        options = [self._row(depth)]
        while self._skip("|"):
            options.append(self._row(depth))
        return options[0] if len(options) == 1 else Either(tuple(options))

    def _row(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.peek() not in {"", "|", ")"}:
            parts.append(self._repeated(self._atom(depth)))
        if not parts:
            raise WrongPatternError("has an empty group or alternative; use ? for what may be missing")
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def _atom(self, depth: int) -> Node:
        character = self._take("is empty")
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return self._set()
            case "\\":
                return One(self._escaped())
            case ".":
                return One(_ANY_BUT_LINE_END)
            case "^" | "$":
                raise WrongPatternError("the whole text is compared; leave ^ and $ out, or write a backslash before it")
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise WrongPatternError(f"has {character} where nothing can be repeated; write a backslash before it")
            case _:
                return One(_single(character))

    def _group(self, depth: int) -> Node:
        if depth >= GROUP_DEPTH_MAX:
            raise WrongPatternError(f"has groups more than {GROUP_DEPTH_MAX} deep")
        if self._skip("?") and not self._skip(":"):
            raise WrongPatternError("has a (?…) group; only (?:…) is known")
        inner = self.either(depth + 1)
        if not self._skip(")"):
            raise WrongPatternError("has a ( without its )")
        return inner

    def _repeated(self, atom: Node) -> Node:
        repeated: Node
        if self._skip("*"):
            repeated = Repeat(atom, 0, None)
        elif self._skip("+"):
            repeated = Repeat(atom, 1, None)
        elif self._skip("?"):
            repeated = Repeat(atom, 0, 1)
        elif self._skip("{"):
            repeated = self._counted(atom)
        else:
            return atom
        if self.peek() and self.peek() in "*+?{":
            raise WrongPatternError("repeats a repetition; put it in a group, or leave the second sign out")
        return repeated

    def _counted(self, atom: Node) -> Node:
        end = self._source.find("}", self._at)
        low, comma, high = self._source[self._at : end].partition(",")
        if end < 0 or not _is_count(low) or (comma and high and not _is_count(high)):
            raise WrongPatternError("use {2}, {2,} or {2,5} to count, or write a backslash before {")
        self._at = end + 1
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if least > REPEAT_MAX or (most is not None and not max(1, least) <= most <= REPEAT_MAX):
            raise WrongPatternError(f"counts must be from 1 to {REPEAT_MAX}, the smaller one first")
        return Repeat(atom, least, most)

    def _escaped(self) -> Ranges:
        character = self._take("ends with a backslash")
        if character in _CLASSES:
            return _CLASSES[character]
        if character.isalnum():
            raise WrongPatternError(f"\\{character} is not known; there are \\d \\w \\s \\D \\W \\S and signs")
        return _single(character)

    def _set(self) -> One:
        is_complement = self._skip("^")
        ranges: list[tuple[int, int]] = []
        while not self._skip("]"):
            low = self._member()
            if self.peek() == "-" and self._source[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._at += 1
                ranges.append(_range(low, self._member()))
            else:
                ranges += low
        if not ranges:
            raise WrongPatternError("has an empty [ ]")
        return One(tuple(ranges), is_complement)

    def _member(self) -> Ranges:
        character = self._take("has a [ without its ]")
        if character == "[":
            raise WrongPatternError("has a [ inside [ ]; write a backslash before it")
        return self._escaped() if character == "\\" else _single(character)


def _single(character: str) -> Ranges:
    return ((ord(character), ord(character)),)


def _is_count(text: str) -> bool:
    return 1 <= len(text) <= 3 and text.isdecimal() and text.isascii()


def _range(low: Ranges, high: Ranges) -> tuple[int, int]:
    if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1] or low > high:
        raise WrongPatternError("has a range in [ ] that does not go from one character up to another")
    return low[0][0], high[0][0]
