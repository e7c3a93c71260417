"""What an endpoint's answer means: delivered, later, or never again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aegispay.observability.redaction import redact_text

EXCERPT_CHARS_MAX = 200
RETRY_AFTER_MIN_S = 1.0
RETRY_AFTER_MAX_S = 86_400.0

_SECONDS = re.compile(r"[0-9]{1,10}")
_UNPRINTABLE = re.compile(r"[^ -~]+")
_GONE = 410
_LATER = frozenset({429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one request.

    Attributes:
        status: HTTP status; ``None`` when there was no answer.
        latency_s: until the answer, or until it was given up.
        error: why there was none, or what a refusing answer said, shortened and masked.
        retry_after: the header, as it was sent.
    """

    status: int | None
    latency_s: float
    error: str = ""
    retry_after: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status <= 299

    @property
    def is_gone(self) -> bool:
        """Whether the receiver never wants to hear of anything again."""
        return self.status == _GONE

    @property
    def problem(self) -> str:
        """Why it counts as not delivered; empty if it does not."""
        if self.is_delivered:
            return ""
        if self.status is None:
            return self.error
        is_redirect = 300 <= self.status <= 399
        words = f"answered {self.status}" + (", and redirects are not followed" if is_redirect else "")
        return f"{words}: {self.error}" if self.error else words

    def wait_s(self, now: datetime) -> float | None:
        """Return how long the receiver wants to be left alone, in seconds and within bounds; ``None`` if not told."""
        if self.status not in _LATER:
            return None
        wanted_s = _retry_after_s(self.retry_after.strip(), now)
        return None if wanted_s is None else min(max(wanted_s, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)


def excerpt(body: bytes, *, hidden: Sequence[str] = ()) -> str:
    """Return the beginning of a body as it may be written down: one line, printable, without card data or secrets.

    Args:
        body: as it came.
        hidden: texts that are left out, the longest first.
    """
    text = _UNPRINTABLE.sub(" ", body.decode("utf-8", "replace"))
    for secret in hidden:
        text = text.replace(secret, "[removed]")
    # Masked before it is cut: half a card number is none to whoever looks for one.
    return " ".join(redact_text(text, longest=len(text)).split())[:EXCERPT_CHARS_MAX]


def _retry_after_s(header: str, now: datetime) -> float | None:
    if _SECONDS.fullmatch(header):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # A date without a zone, or with "-0000", is meant as UTC.
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - now).total_seconds()
