"""Every place in an adapter's answers where a provider may put what it should not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aegispay import (
    Approved,
    Declined,
    DeclineKind,
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NextAction,
    NotProcessed,
    NotSentError,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.domain.outcome import ActionKind

Word = Callable[[str], Any]

_ACTION = NextAction(kind=ActionKind.REDIRECT, url="https://bank.example", expires_at=datetime(2099, 1, 1, tzinfo=UTC))


class Odd:
    """No outcome at all, and it shows what it holds."""

    def __init__(self, said: str) -> None:
        self.said = said

    def __repr__(self) -> str:
        return f"Odd({self.said})"


class OddError(Exception):
    """An exception that repeats the request, as client libraries do."""

    def __init__(self, said: str) -> None:
        super().__init__(f"POST failed: {said}", {"card": said})
        self.said = said


def _chained(said: str) -> Exception:
    error = RuntimeError("no answer")
    error.__cause__ = OddError(said)
    error.add_note(said)
    return error


_REASON = Reason.DO_NOT_HONOR
_REFUSALS: dict[str, Word] = {
    "declined.code": lambda said: Declined(kind=DeclineKind.HARD, reason=_REASON, code=said),
    "declined.message": lambda said: Declined(kind=DeclineKind.HARD, reason=_REASON, message=f"card {said} refused"),
    "not_processed.code": lambda said: NotProcessed(reason=Reason.RATE_LIMITED, code=said),
    "not_processed.message": lambda said: NotProcessed(reason=Reason.RATE_LIMITED, message=f"a\n{said}\tb"),
    "unknown.code": lambda said: OutcomeUnknown(reason=Reason.GATEWAY_FAULT, code=said),
    "unknown.message": lambda said: OutcomeUnknown(reason=Reason.AMOUNT_MISMATCH, message="x" * 490 + said),
    "invalid.code": lambda said: InvalidRequest(code=said),
    "invalid.message": lambda said: InvalidRequest(message=f'{{"number": "{said}"}}'),
    "misconfigured.code": lambda said: GatewayMisconfigured(code=said),
    "misconfigured.message": lambda said: GatewayMisconfigured(message=said),
}
_REFERENCES: dict[str, Word] = {
    "approved.reference": lambda said: Approved(reference=said, amount_minor=10_000, currency="USD"),
    "approved.currency": lambda said: Approved(reference="r", amount_minor=10_000, currency=said),
    "pending.reference": lambda said: Pending(reference=said),
    "duplicate.reference": lambda said: Duplicate(reference=said),
    "action.reference": lambda said: RequiresAction(reference=said, action=_ACTION),
    "action.url": lambda said: RequiresAction(
        reference="r", action=replace(_ACTION, url=f"https://b.example/?c={said}")
    ),
    "action.payload": lambda said: RequiresAction(reference="r", action=replace(_ACTION, payload=said)),
}
_RAISED: dict[str, Word] = {
    "raised text": lambda said: RuntimeError(f"card {said} was refused"),
    "raised own kind": OddError,
    "raised cause and note": _chained,
    "raised not sent": lambda said: NotSentError(f"no route for {said}"),
    "raised exit": SystemExit,
}
_NONE: dict[str, Word] = {
    "a text": lambda said: said,
    "a mapping": lambda said: {"status": said},
    "an object": Odd,
    "an outcome of odd fields": lambda said: Declined(kind=said, reason=said, message=said),
}
WORDS: dict[str, Word] = _REFUSALS | _REFERENCES | _RAISED | _NONE
