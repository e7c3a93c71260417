"""The faults by name, what each does, and to which requests it can happen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Call(StrEnum):
    """What a request is for."""

    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    LOOKUP = "lookup"


class Fault(StrEnum):
    """What goes wrong; ``before`` and ``after`` the request was carried out."""

    REFUSE_CONNECTION = "refuse_connection"
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    ERROR_500_AFTER = "error_500_after"
    ERROR_502_AFTER = "error_502_after"
    ERROR_504_AFTER = "error_504_after"
    ERROR_520_AFTER = "error_520_after"
    ERROR_500_BEFORE = "error_500_before"
    UNREADABLE_AFTER = "unreadable_after"
    DROP_AFTER = "drop_after"
    WEBHOOK_FIRST = "webhook_first"
    WEBHOOK_DUPLICATE = "webhook_duplicate"
    WEBHOOK_REORDER = "webhook_reorder"
    WEBHOOK_DELAY = "webhook_delay"
    WEBHOOK_NEVER = "webhook_never"
    WEBHOOK_BAD_SIGNATURE = "webhook_bad_signature"
    WEBHOOK_OLD = "webhook_old"
    WEBHOOK_CHANGED = "webhook_changed"
    LOOKUP_NOT_FOUND = "lookup_not_found"
    LOOKUP_STALE = "lookup_stale"
    LOOKUP_HANG = "lookup_hang"
    IN_PROGRESS = "in_progress"
    KEY_MISMATCH = "key_mismatch"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    PARTIAL = "partial"
    FLIP_LATER = "flip_later"
    CHARGEBACK_AFTER_REFUND = "chargeback_after_refund"
    EXPIRE_AUTHORIZATION = "expire_authorization"
    RATE_LIMIT_BEFORE = "rate_limit_before"
    RATE_LIMIT_AFTER = "rate_limit_after"
    BROWN_OUT = "brown_out"
    REGION_SPLIT = "region_split"

    @property
    def token(self) -> str:
        """The payment method's token that brings it about."""
        return f"tok_{self}"


class FaultInfo(NamedTuple):
    """What a fault means, to whom it happens, and how long it lasts where it lasts."""

    meaning: str
    calls: frozenset[Call]
    seconds: float = 0.0


_ALL = frozenset(Call)
_MUTATIONS = _ALL - {Call.LOOKUP}
_CHARGE = frozenset({Call.CHARGE})
_LOOKUP = frozenset({Call.LOOKUP})

FAULTS: dict[Fault, FaultInfo] = {
    Fault.REFUSE_CONNECTION: FaultInfo("nobody listens for a while; idle connections are dropped", _ALL, 0.2),
    Fault.HANG_BEFORE: FaultInfo("never answered and not carried out", _ALL),
    Fault.HANG_AFTER: FaultInfo("carried out, never answered", _MUTATIONS),
    Fault.ERROR_500_AFTER: FaultInfo("carried out, answered with 500", _MUTATIONS),
    Fault.ERROR_502_AFTER: FaultInfo("carried out, answered with 502", _MUTATIONS),
    Fault.ERROR_504_AFTER: FaultInfo("carried out, answered with 504", _MUTATIONS),
    Fault.ERROR_520_AFTER: FaultInfo("carried out, answered with 520", _MUTATIONS),
    Fault.ERROR_500_BEFORE: FaultInfo("not carried out, answered with 500", _ALL),
    Fault.UNREADABLE_AFTER: FaultInfo("carried out, answered with 200 and garbage", _ALL),
    Fault.DROP_AFTER: FaultInfo("carried out, the connection ends in the middle of the answer", _ALL),
    Fault.WEBHOOK_FIRST: FaultInfo("the webhook arrives before the answer", _MUTATIONS),
    Fault.WEBHOOK_DUPLICATE: FaultInfo("every webhook arrives twice", _MUTATIONS),
    Fault.WEBHOOK_REORDER: FaultInfo("the webhook waits until a later one of the payment arrived", _MUTATIONS, 2.0),
    Fault.WEBHOOK_DELAY: FaultInfo("the webhook arrives late", _MUTATIONS, 1.0),
    Fault.WEBHOOK_NEVER: FaultInfo("no webhook", _MUTATIONS),
    Fault.WEBHOOK_BAD_SIGNATURE: FaultInfo("the first delivery has a wrong signature", _MUTATIONS),
    Fault.WEBHOOK_OLD: FaultInfo("the first delivery was signed an hour ago", _MUTATIONS),
    Fault.WEBHOOK_CHANGED: FaultInfo("delivered again with the same id and another amount", _MUTATIONS),
    Fault.LOOKUP_NOT_FOUND: FaultInfo("look-ups do not find it until it is so old", _ALL, 1.0),
    Fault.LOOKUP_STALE: FaultInfo("the look-up shows how things stood before the last change", _LOOKUP),
    Fault.LOOKUP_HANG: FaultInfo("the look-up is never answered", _LOOKUP),
    Fault.IN_PROGRESS: FaultInfo("carried out, answered with 409 in_progress", _MUTATIONS),
    Fault.KEY_MISMATCH: FaultInfo("not carried out, answered with 400 idempotency_mismatch", _MUTATIONS),
    Fault.WRONG_AMOUNT: FaultInfo("carried out as asked, the answer says one minor unit more", _MUTATIONS),
    Fault.WRONG_CURRENCY: FaultInfo("carried out as asked, the answer says another currency", _MUTATIONS),
    Fault.PARTIAL: FaultInfo("60 % is authorized where that is allowed, otherwise declined", _CHARGE),
    Fault.FLIP_LATER: FaultInfo("a captured payment fails later, a declined one succeeds later", _CHARGE, 0.5),
    Fault.CHARGEBACK_AFTER_REFUND: FaultInfo("a chargeback follows the refund", frozenset({Call.REFUND}), 0.2),
    Fault.EXPIRE_AUTHORIZATION: FaultInfo("the authorization expires early", _CHARGE, 0.2),
    Fault.RATE_LIMIT_BEFORE: FaultInfo("not carried out, answered with 429", _ALL),
    Fault.RATE_LIMIT_AFTER: FaultInfo("carried out, answered with 429", _MUTATIONS),
    Fault.BROWN_OUT: FaultInfo("for a while everything takes ten times as long and 30 % fails", _ALL, 1.0),
    Fault.REGION_SPLIT: FaultInfo("without a region header, a region is drawn at random", _MUTATIONS),
}

UNEXECUTED = frozenset(
    {
        Fault.REFUSE_CONNECTION,
        Fault.HANG_BEFORE,
        Fault.ERROR_500_BEFORE,
        Fault.LOOKUP_HANG,
        Fault.KEY_MISMATCH,
        Fault.RATE_LIMIT_BEFORE,
    }
)
"""Faults that strike so early that nothing is carried out."""

ERRORS_AFTER: dict[Fault, int] = {
    Fault.ERROR_500_AFTER: 500,
    Fault.ERROR_502_AFTER: 502,
    Fault.ERROR_504_AFTER: 504,
    Fault.ERROR_520_AFTER: 520,
}
"""Statuses that hide what was carried out."""

TOKENS: dict[str, Fault] = {fault.token: fault for fault in Fault if fault is not Fault.PARTIAL}
"""Faults by token; ``tok_partial`` is a payer's account and no fault: it holds for every send."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that happens to one request.

    Attributes:
        seconds: how long it lasts, where it lasts.
    """

    fault: Fault
    seconds: float

    @classmethod
    def of(cls, fault: Fault, seconds: float | None = None) -> Strike:
        """Return the fault, lasting as long as usual unless said otherwise."""
        return cls(fault, FAULTS[fault].seconds if seconds is None else seconds)


def can_happen(fault: Fault, call: Call) -> bool:
    """Return whether the fault can strike a request of that kind."""
    return call in FAULTS[fault].calls


def by_token(token: str | None, call: Call) -> Fault | None:
    """Return what the payment's token does to a request: to the charge, if it can, and otherwise to a later one."""
    fault = TOKENS.get(token or "")
    if fault is None:
        return None
    strikes_charge = can_happen(fault, Call.CHARGE)
    return fault if (call is Call.CHARGE) is strikes_charge and can_happen(fault, call) else None
