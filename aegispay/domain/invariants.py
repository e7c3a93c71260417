"""What is true of every payment at every moment: numbered, checked before each append and after each replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.request import CaptureMode
from aegispay.domain.state import AttemptStatus, OperationKind, OperationStatus, PaymentState


class InvariantError(AssertionError):
    """A payment's state is impossible: a bug in AegisPay or a damaged log. Nothing was written."""

    def __init__(self, payment_id: str, broken: tuple[str, ...]) -> None:
        self.payment_id = payment_id
        self.broken = broken
        super().__init__(f"{payment_id} breaks {'; '.join(broken)}")


@dataclass(frozen=True, slots=True)
class Invariant:
    """One numbered statement."""

    number: str
    statement: str
    holds: Callable[[Payment], bool]


_CAPTURED = frozenset({PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED})
_NEVER_CAPTURED = frozenset(set(PaymentState) - _CAPTURED - {PaymentState.AUTHORIZED})


def _money_in_order(p: Payment) -> bool:
    return 0 <= p.captured_minor <= p.authorized_minor <= p.amount_minor and p.amount_minor > 0


def _reservations_fit(p: Payment) -> bool:
    if not p.operations:
        return 0 <= p.refunded_minor <= p.captured_minor
    refunds = p.refunded_minor + p.reserved_minor(OperationKind.REFUND)
    captures = p.captured_minor + p.reserved_minor(OperationKind.CAPTURE)
    return 0 <= refunds <= p.captured_minor and captures <= p.authorized_minor


def _one_live_attempt(p: Payment) -> bool:
    return sum(a.status is not AttemptStatus.FAILED for a in p.attempts) <= 1


def _numbered(p: Payment) -> bool:
    return all(attempt.number == number for number, attempt in enumerate(p.attempts, start=1))


def _keys_differ(p: Payment) -> bool:
    return len(p.attempts) < 2 or len({a.idempotency_key for a in p.attempts}) == len(p.attempts)


def _final_is_closed(p: Payment) -> bool:
    return not p.state.is_final or p.open_attempt is None


def _captured_matches_state(p: Payment) -> bool:
    if p.state in _CAPTURED:
        return p.captured_minor > 0
    return p.state not in _NEVER_CAPTURED or p.captured_minor == 0


def _refunded_matches_state(p: Payment) -> bool:
    match p.state:
        case PaymentState.REFUNDED:
            return p.refunded_minor == p.captured_minor
        case PaymentState.PARTIALLY_REFUNDED:
            return 0 < p.refunded_minor < p.captured_minor
        case _:
            return p.refunded_minor == 0


def _approved_when_money(p: Payment) -> bool:
    approved = any(a.status is AttemptStatus.APPROVED for a in p.attempts)
    return approved == (p.authorized_minor > 0)


def _doubt_is_processing(p: Payment) -> bool:
    return not p.is_charge_in_doubt or p.state is PaymentState.PROCESSING


def _failure_has_reason(p: Payment) -> bool:
    return (p.state is PaymentState.FAILURE) == (p.failure is not None)


def _action_when_required(p: Payment) -> bool:
    return (p.state is PaymentState.REQUIRES_ACTION) == (p.action is not None)


def _void_or_capture(p: Payment) -> bool:
    return not p.operations or not (p.reserved_minor(OperationKind.VOID) and p.reserved_minor(OperationKind.CAPTURE))


def _operations_differ(p: Payment) -> bool:
    return len(p.operations) < 2 or len({operation.id for operation in p.operations}) == len(p.operations)


def _done_minor(p: Payment, kind: OperationKind) -> int:
    return sum(o.amount_minor for o in p.operations if o.kind is kind and o.status is OperationStatus.SUCCEEDED)


def _sums_of_operations(p: Payment) -> bool:
    if p.request.capture is CaptureMode.MANUAL and p.captured_minor != _done_minor(p, OperationKind.CAPTURE):
        return False
    return p.refunded_minor == _done_minor(p, OperationKind.REFUND)


def _voided_is_not_captured(p: Payment) -> bool:
    return not p.operations or p.captured_minor + _done_minor(p, OperationKind.VOID) <= p.authorized_minor


def _taken_back_is_seen(p: Payment) -> bool:
    if not p.charged_back_minor:
        return not p.chargebacks
    returned = p.refunded_minor + p.reserved_minor(OperationKind.REFUND) + p.charged_back_minor
    is_reported = any(incident.reason is Reason.CHARGEBACK for incident in p.incidents)
    return p.captured_minor > 0 and (returned <= p.captured_minor or is_reported)


def _waits_with_nothing_open(p: Payment) -> bool:
    return p.retry is None or (p.state is PaymentState.PROCESSING and p.open_attempt is None and bool(p.attempts))


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("I-01", "0 <= captured <= authorized <= amount, and the amount is positive", _money_in_order),
    Invariant(
        "I-02",
        "refunded and reserved refunds fit the captured amount, captures and reserved captures the authorized one",
        _reservations_fit,
    ),
    Invariant("I-03", "at most one attempt is open or approved", _one_live_attempt),
    Invariant("I-04", "attempts are numbered from 1 without gaps", _numbered),
    Invariant("I-05", "no two attempts share an outbound idempotency key", _keys_differ),
    Invariant("I-06", "a final payment has no open attempt", _final_is_closed),
    Invariant("I-07", "money is captured exactly in the states that say so", _captured_matches_state),
    Invariant("I-08", "money is refunded exactly in the states that say so", _refunded_matches_state),
    Invariant("I-09", "an approved attempt and an authorized amount come together", _approved_when_money),
    Invariant("I-10", "the charge is in doubt only while the payment is processing", _doubt_is_processing),
    Invariant("I-11", "a failed payment, and no other, has a reason for its failure", _failure_has_reason),
    Invariant("I-12", "the payer has something to do exactly while action is required", _action_when_required),
    Invariant("I-13", "a void and a capture are never under way together", _void_or_capture),
    Invariant("I-14", "no two captures, voids or refunds share an id", _operations_differ),
    Invariant("I-15", "what was captured and refunded by operations is the sum of those done", _sums_of_operations),
    Invariant("I-16", "money that was voided is never captured", _voided_is_not_captured),
    Invariant(
        "I-17",
        "chargebacks take back only captured money; where they and refunds exceed it, an incident says so",
        _taken_back_is_seen,
    ),
    Invariant(
        "I-18",
        "a payment waits for its next attempt only while it is processing and no attempt is open",
        _waits_with_nothing_open,
    ),
)


_RULES = tuple(invariant.holds for invariant in INVARIANTS)


def violations(payment: Payment) -> tuple[str, ...]:
    """Return the invariants the payment breaks, as ``number: statement``; empty when it is sound."""
    return tuple(f"{i.number}: {i.statement}" for i in INVARIANTS if not i.holds(payment))


def check(payment: Payment) -> Payment:
    """Return the payment if every invariant holds.

    Raises:
        InvariantError: naming every broken invariant.
    """
    for holds in _RULES:
        if not holds(payment):
            raise InvariantError(payment.id, violations(payment))
    return payment
