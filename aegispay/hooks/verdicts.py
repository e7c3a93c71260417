"""What hooks may answer. Each verdict is checked when it is made: nonsense fails inside the hook that said it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aegispay.domain.card_data import shown
from aegispay.domain.metadata import parse_metadata
from aegispay.domain.text import text
from aegispay.errors import FieldError, ValidationError
from aegispay.hooks.counting import Count

REASON_MAX = 300
"""Characters of a reason: a sentence that fits into a log line."""
FIELDS_MAX = 50
"""Fields that one refusal may name."""
GATEWAYS_MAX = 100
COUNTS_MAX = 8
RETRY_AFTER_MAX_S = 30 * 86_400.0
"""Thirty days: nobody waits longer for a payment, and networks count no longer."""


def _all(*checks: Callable[[], object]) -> None:
    """Raise one `ValidationError` with everything that the checks find."""
    errors: list[FieldError] = []
    for check in checks:
        try:
            check()
        except ValidationError as error:
            errors += error.errors
    if errors:
        raise ValidationError(errors)


def _reason(value: object) -> None:
    if value != "":
        text("reason", value, longest=REASON_MAX)


def _number(name: str, value: object, *, smallest: float, largest: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not smallest <= value <= largest:  # type: ignore[operator]  # it is a number here
        raise ValidationError([FieldError(name, f"use a number from {smallest:g} to {largest:g}", shown(value))])


def _score(value: object) -> None:
    if value is not None:
        _number("score", value, smallest=0.0, largest=1.0)


def _texts(name: str, values: object, *, most: int) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) > most:
        raise ValidationError([FieldError(name, f"use a list of at most {most} texts", type(values).__name__)])
    return tuple(text(f"{name}[{index}]", value, longest=64) for index, value in enumerate(values))


@dataclass(frozen=True, slots=True)
class Allow:
    """Nothing against it.

    Attributes:
        score: how risky it looks, 0.0 to 1.0.
        is_final: no other hook of this kind is asked: for customers who are known well.
        counts: counters that go up when the payment is processed; one that is full by then blocks it.
    """

    reason: str = ""
    score: float | None = None
    is_final: bool = False
    counts: tuple[Count, ...] = ()

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        _all(lambda: _reason(self.reason), lambda: _score(self.score))
        are_counts = isinstance(self.counts, tuple) and all(isinstance(count, Count) for count in self.counts)
        if not are_counts or len(self.counts) > COUNTS_MAX:
            raise ValidationError([FieldError("counts", f"use a tuple of at most {COUNTS_MAX} Count")])


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is not valid.

    Attributes:
        reason: why, in words that the caller may read.
        fields: what is wrong with which field, by its dotted path.
    """

    reason: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        text("reason", self.reason, longest=REASON_MAX)
        if not isinstance(self.fields, Mapping) or len(self.fields) > FIELDS_MAX:
            raise ValidationError([FieldError("fields", f"use a mapping of at most {FIELDS_MAX} fields")])
        kept = {
            text("fields", name, longest=128): text("fields", words, longest=REASON_MAX)
            for name, words in self.fields.items()
        }
        object.__setattr__(self, "fields", kept)


@dataclass(frozen=True, slots=True)
class Block:
    """Too risky: the payment ends."""

    reason: str
    score: float | None = None

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        _all(lambda: text("reason", self.reason, longest=REASON_MAX), lambda: _score(self.score))


@dataclass(frozen=True, slots=True)
class Review:
    """A person has to decide before anything is charged: the payment is parked until then."""

    reason: str
    score: float | None = None

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        _all(lambda: text("reason", self.reason, longest=REASON_MAX), lambda: _score(self.score))


@dataclass(frozen=True, slots=True)
class Prefer:
    """Try these gateways first, best first; those that are not eligible are passed over."""

    gateways: tuple[str, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        object.__setattr__(self, "gateways", _texts("gateways", self.gateways, most=GATEWAYS_MAX))
        _reason(self.reason)


@dataclass(frozen=True, slots=True)
class Enrich:
    """Add to the metadata: what the merchant, or a hook of higher priority, has set stays as it is."""

    metadata: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what metadata cannot hold."""
        object.__setattr__(self, "metadata", parse_metadata(self.metadata))


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again later, `seconds` from now; only what surely moved no money can be tried again."""

    seconds: float
    reason: str = ""

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        _number("seconds", self.seconds, smallest=0.0, largest=RETRY_AFTER_MAX_S)
        _reason(self.reason)


@dataclass(frozen=True, slots=True)
class Refund:
    """Ask once more for a refund that surely failed: for as much as it asked for, whatever else was captured.

    About anything else it is not executed: after a charge, capture or void there is nothing that somebody wanted
    returned. To return more, call `refund_payment`.
    """

    reason: str = ""

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        _reason(self.reason)


@dataclass(frozen=True, slots=True)
class ManualReview:
    """Open an incident: a person must look."""

    reason: str

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        text("reason", self.reason, longest=REASON_MAX)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the payment: what proves approved after all is given back."""

    reason: str = ""

    def __post_init__(self) -> None:
        """Raise `ValidationError` or `CardDataError` for what makes no sense."""
        _reason(self.reason)


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing to say; the next hook is asked."""


Verdict = Allow | Refuse | Block | Review | Prefer | Enrich | RetryAfter | Refund | ManualReview | Cancel | Ignore
"""Everything a hook may answer; which of it, depends on its kind."""
