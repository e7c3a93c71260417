"""The amounts of one payment, kept by somebody who only sees what was asked and what was answered."""

from __future__ import annotations

from typing import Any

from aegispay.domain.outcome import Approved, Declined, GatewayMisconfigured, InvalidRequest, NotProcessed
from aegispay.domain.payment import Payment
from aegispay.domain.state import OperationKind
from tests import builders as b

NOT_DONE = Declined | NotProcessed | InvalidRequest | GatewayMisconfigured
K = OperationKind


class Books:
    """What was authorized, captured, refunded and taken back, and what each open request holds; minor units."""

    def __init__(self, *, is_manual: bool) -> None:
        self.is_manual = is_manual
        self.authorized = self.captured = self.refunded = self.charged_back = 0
        self.open: dict[str, tuple[OperationKind, int]] = {}
        self.disputes: set[str] = set()

    def reserved(self, kind: OperationKind) -> int:
        return sum(amount for held, amount in self.open.values() if held is kind)

    def left(self, kind: OperationKind) -> int:
        if kind is K.REFUND:
            return max(0, self.captured - self.refunded - self.charged_back - self.reserved(kind))
        return self.authorized - self.captured - self.reserved(K.CAPTURE)

    def approved(self, outcome: Approved) -> None:
        """Take in the answer to an open attempt; another amount than was asked counts as nothing."""
        is_part = outcome.is_partial and self.is_manual and 0 < outcome.amount_minor < b.AMOUNT
        is_whole = outcome.amount_minor == b.AMOUNT and not (outcome.is_partial and self.is_manual)
        if outcome.currency == "USD" and (is_part or is_whole):
            self.authorized = outcome.amount_minor
            self.captured = 0 if self.is_manual else outcome.amount_minor

    def requested(self, reference: str, kind: OperationKind, amount_minor: int | None) -> None:
        self.open[reference] = (kind, self.left(kind) if amount_minor is None else amount_minor)

    def answered(self, reference: str, outcome: Any) -> None:
        """Take in what became of a request; whatever does not say for sure changes nothing."""
        if reference not in self.open:
            return
        kind, amount_minor = self.open[reference]
        if isinstance(outcome, Approved):
            if kind is not K.VOID and (outcome.amount_minor, outcome.currency) != (amount_minor, "USD"):
                return
            self.captured += amount_minor if kind is K.CAPTURE else 0
            self.refunded += amount_minor if kind is K.REFUND else 0
        elif not isinstance(outcome, NOT_DONE):
            return
        del self.open[reference]

    def taken_back(self, reference: str, amount_minor: int, currency: str) -> None:
        if reference not in self.disputes and currency == "USD" and amount_minor > 0 and self.captured:
            self.disputes.add(reference)
            self.charged_back += amount_minor

    def agree_with(self, p: Payment) -> None:
        """Compare everything, and hold the sums against each other."""
        ours = (self.authorized, self.captured, self.refunded, self.charged_back, *map(self.reserved, K))
        theirs = (p.authorized_minor, p.captured_minor, p.refunded_minor, p.charged_back_minor)
        assert ours == (*theirs, *map(p.reserved_minor, K)), "the books disagree with the payment"
        captures = self.captured + self.reserved(K.CAPTURE)
        assert 0 <= captures <= self.authorized <= b.AMOUNT, "captures exceed what was authorized"
        assert 0 <= self.refunded + self.reserved(K.REFUND) <= self.captured, "refunds exceed what was captured"
