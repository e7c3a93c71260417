"""What a provider's refusal means, from a table that is data: was it executed, and why.

The table can only make an answer definite that says so itself; whatever no row settles is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.outcome import (
    Declined,
    DeclineKind,
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    Outcome,
    OutcomeUnknown,
    Reason,
)

_UNSETTLED_CLIENT_ERRORS = frozenset({408, 409, 425, 429})


class GatewayOperation(StrEnum):
    """What was asked of the provider."""

    AUTHORIZE = "authorize"
    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    LOOKUP = "lookup"


CHARGES = frozenset({GatewayOperation.AUTHORIZE, GatewayOperation.CHARGE})
MUTATIONS = frozenset(GatewayOperation) - {GatewayOperation.LOOKUP}
LOOKUPS = frozenset({GatewayOperation.LOOKUP})
EVERYTHING = frozenset(GatewayOperation)


class OutcomeClass(StrEnum):
    """What a row can say. Success is no refusal, so it is not among them."""

    DECLINED = "declined"
    NOT_PROCESSED = "not_processed"
    INVALID_REQUEST = "invalid_request"
    MISCONFIGURED = "misconfigured"
    UNKNOWN = "unknown"
    DUPLICATE = "duplicate"

    @property
    def is_definite(self) -> bool:
        """Whether it says that the request was surely not executed."""
        return self not in {OutcomeClass.UNKNOWN, OutcomeClass.DUPLICATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table; the first that fits counts.

    Attributes:
        status: the HTTP status, or the first and last of a range.
        codes: the provider's codes, in lower case; ``None`` for any.
        operations: what must have been asked.
        needs_code: whether an answer without a readable code does not fit; false only where `codes` is ``None``.
        outcome: what it means. kind: for a decline, who can do something about it.
        because: what proves that nothing was executed, where the status alone does not.
    """

    status: int | tuple[int, int]
    codes: frozenset[str] | None = None
    operations: frozenset[GatewayOperation] = EVERYTHING
    needs_code: bool = True
    outcome: OutcomeClass
    reason: Reason
    kind: DeclineKind | None = None
    because: str = ""

    @property
    def statuses(self) -> tuple[int, int]:
        """First and last status it is about."""
        return self.status if isinstance(self.status, tuple) else (self.status, self.status)

    def fits(self, operation: GatewayOperation, status: int, code: str) -> bool:
        """Return whether the row is about this answer; `code` is normalised, empty for none."""
        first, last = self.statuses
        if not first <= status <= last or operation not in self.operations:
            return False
        return (bool(code) or not self.needs_code) if self.codes is None else code in self.codes


@dataclass(frozen=True, slots=True)
class Table:
    """Every refusal a provider documents.

    Attributes:
        name: of the provider.
        rows: the first that fits counts.
    """

    name: str
    rows: tuple[Row, ...]

    def find(self, operation: GatewayOperation, status: int, code: str) -> Row | None:
        """Return the row for this answer, if there is one; `code` in whatever case the provider wrote it."""
        plain = normalised(code)
        return next((row for row in self.rows if row.fits(operation, status, plain)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that is no success, as the adapter read it.

    Attributes:
        status: HTTP status, whatever the provider sent.
        code: the provider's code; empty if the body names none or cannot be read.
        message: safe to show.
    """

    operation: GatewayOperation
    status: int
    code: str = ""
    message: str = ""
    retry_after_s: float | None = None


def normalised(code: str) -> str:
    """Return the code as tables write it: providers are not consistent about case."""
    return code.strip().casefold()


def settles(status: int) -> bool:
    """Return whether a status by itself says that the request was refused and not executed."""
    return 400 <= status <= 499 and status not in _UNSETTLED_CLIENT_ERRORS


def classify(table: Table, refusal: Refusal) -> Outcome:
    """Return what the refusal means. Total: there is an outcome for every operation, status and code."""
    row = table.find(refusal.operation, refusal.status, refusal.code) if 400 <= refusal.status <= 599 else None
    if row is None:
        return OutcomeUnknown(reason=_why_unknown(refusal.status), code=_code(refusal), message=refusal.message)
    return _outcome(row, refusal)


def _outcome(row: Row, refusal: Refusal) -> Outcome:
    code, message, retry_after_s = _code(refusal), refusal.message, refusal.retry_after_s
    match row.outcome:
        case OutcomeClass.DECLINED:
            kind = row.kind if row.kind is not None else DeclineKind.HARD
            return Declined(kind=kind, reason=row.reason, code=code, message=message, retry_after_s=retry_after_s)
        case OutcomeClass.NOT_PROCESSED:
            return NotProcessed(reason=row.reason, code=code, message=message, retry_after_s=retry_after_s)
        case OutcomeClass.INVALID_REQUEST:
            return InvalidRequest(reason=row.reason, code=code, message=message)
        case OutcomeClass.MISCONFIGURED:
            return GatewayMisconfigured(reason=row.reason, code=code, message=message)
        case OutcomeClass.DUPLICATE:
            return Duplicate()
        case OutcomeClass.UNKNOWN:
            return OutcomeUnknown(reason=row.reason, code=code, message=message)


def _code(refusal: Refusal) -> str:
    return refusal.code or str(refusal.status)


def _why_unknown(status: int) -> Reason:
    match status:
        case 408 | 504 | 524:
            return Reason.TIMEOUT
        case 409 | 425:
            return Reason.IN_PROGRESS
        case 429:
            return Reason.RATE_LIMITED
        case _ if 500 <= status <= 599:
            return Reason.GATEWAY_FAULT
        case _:
            return Reason.UNREADABLE_ANSWER
