"""Which events somebody wants: names, or patterns with ``*``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from aegispay.domain.card_data import shown
from aegispay.domain.event_type import EventType
from aegispay.errors import FieldError, ValidationError

PATTERN_LENGTH_MAX = 64
PATTERNS_MAX = 64


@dataclass(frozen=True, slots=True)
class Interests:
    """A choice of event types; build it with `parse`.

    Attributes:
        patterns: as they were written, each once.
        types: the event types they name.
    """

    patterns: tuple[str, ...]
    types: frozenset[EventType]

    @classmethod
    def parse(cls, patterns: object, *, field: str = "events") -> Interests:
        """Return the interests that one pattern or a sequence of them names.

        A pattern is the name of an event type; each ``*`` in it stands for any characters, as in ``payment.refund_*``.

        Raises:
            ValidationError: there is none, one is no text, or one names nothing; the nearest event type is told.
        """
        wanted = list(_texts(patterns, field))
        if not 1 <= len(wanted) <= PATTERNS_MAX:
            raise _refused(field, f"name 1 to {PATTERNS_MAX} event types, such as payment.*")
        types = [_named(pattern, field) for pattern in wanted]
        return cls(tuple(dict.fromkeys(wanted)), frozenset().union(*types))

    @classmethod
    def everything(cls) -> Interests:
        """Return an interest in all events."""
        return cls(("*",), frozenset(EventType))

    def wants(self, event_type: EventType) -> bool:
        """Return whether an event of this type is wanted."""
        return event_type in self.types


def _texts(patterns: object, field: str) -> Iterable[str]:
    given: Sequence[object] | None = None
    if isinstance(patterns, str):
        given = (patterns,)
    elif isinstance(patterns, list | tuple | set | frozenset):
        given = tuple(patterns)
    if given is None:
        raise _refused(field, "use an event type, or several", type(patterns).__name__)
    for each in given:
        if not isinstance(each, str):
            raise _refused(field, "use names of event types", type(each).__name__)
        # A member of an enum becomes the plain text that it stands for.
        yield str.__str__(each)


def _named(pattern: str, field: str) -> frozenset[EventType]:
    if len(pattern) <= PATTERN_LENGTH_MAX:
        # Several asterisks in a row mean what one means, and would only make matching slow.
        parts = [re.escape(part) for part in re.split(r"\*+", pattern)]
        matches = re.compile(".*".join(parts)).fullmatch
        found = frozenset(each for each in EventType if matches(each.value))
        if found:
            return found
    raise _refused(field, _unknown(pattern[:PATTERN_LENGTH_MAX]), shown(pattern))


def _unknown(pattern: str) -> str:
    if pattern != pattern.lower() and any(fnmatchcase(each.value, pattern.lower()) for each in EventType):
        return f"no event type has this name; did you mean {pattern.lower()}?"
    near = get_close_matches(pattern.lower().replace("*", ""), list(EventType), n=1, cutoff=0.5)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(EventType)}"
    return f"no event type has this name; {meant}"


def _refused(field: str, message: str, value: str | None = None) -> ValidationError:
    return ValidationError(
        [FieldError(field, message, value)],
        hint="`aegispay events` shows the types; docs/events has one file for each.",
    )
