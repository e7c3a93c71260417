"""What the simulated gateway does: by token, or because it was told to for the next calls of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.outcome import Declined, DeclineKind, Reason
from aegispay.domain.payment_method import PaymentMethod
from aegispay.gateways.entry import EntryKind


class Fault(StrEnum):
    """What goes wrong with one call; ``before`` and ``after`` it was carried out."""

    REFUSE_CONNECTION = "refuse_connection"
    RATE_LIMIT = "rate_limit"
    BAD_CREDENTIALS = "bad_credentials"
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    RAISE_BEFORE = "raise_before"
    RAISE_AFTER = "raise_after"
    GARBAGE_AFTER = "garbage_after"
    WRONG_AMOUNT = "wrong_amount"
    PENDING = "pending"

    @property
    def is_before(self) -> bool:
        """Whether it strikes so early that nothing is carried out."""
        return self in _BEFORE

    @property
    def token(self) -> str:
        """The payment method's token that brings it about."""
        return f"tok_{self}_charge" if self.endswith(("_before", "_after")) else f"tok_{self}"


_BEFORE = frozenset(
    {
        Fault.REFUSE_CONNECTION,
        Fault.RATE_LIMIT,
        Fault.BAD_CREDENTIALS,
        Fault.HANG_BEFORE,
        Fault.ERROR_BEFORE,
        Fault.RAISE_BEFORE,
    }
)


def declined(kind: DeclineKind, reason: Reason, code: str = "") -> Declined:
    """Return a decline that explains itself."""
    code = code or reason
    return Declined(kind=kind, reason=reason, code=code, message=code.replace("_", " "))


DECLINES: dict[str, Declined] = {
    "tok_declined": declined(DeclineKind.HARD, Reason.DO_NOT_HONOR),
    "tok_soft_declined": declined(DeclineKind.SOFT, Reason.ISSUER_UNAVAILABLE),
    "tok_insufficient_funds": declined(DeclineKind.CUSTOMER_FIXABLE, Reason.INSUFFICIENT_FUNDS),
    "tok_lost_card": declined(DeclineKind.HARD, Reason.LOST_CARD),
    "tok_stolen_card": declined(DeclineKind.HARD, Reason.STOLEN_CARD),
    "tok_expired_card": declined(DeclineKind.CUSTOMER_FIXABLE, Reason.EXPIRED_CARD),
    "tok_incorrect_cvc": declined(DeclineKind.CUSTOMER_FIXABLE, Reason.INCORRECT_CVC),
    "tok_fraud": declined(DeclineKind.RISK, Reason.FRAUD_SUSPECTED),
}
"""Tokens that are declined, always and by every simulated gateway."""

RANDOM_DECLINE = declined(DeclineKind.HARD, Reason.DO_NOT_HONOR)
"""How a payment is declined that the success rate did not favour."""

TOO_LITTLE = declined(DeclineKind.CUSTOMER_FIXABLE, Reason.INSUFFICIENT_FUNDS)
"""How a charge is declined that the payer's account covers in part only."""

CHALLENGE_FAILED = declined(DeclineKind.AUTHENTICATION, Reason.AUTHENTICATION_FAILED)
CHALLENGE_EXPIRED = declined(DeclineKind.AUTHENTICATION, Reason.ACTION_EXPIRED)

FAULTS: dict[str, Fault] = {fault.token: fault for fault in Fault}
"""Tokens that make the provider misbehave: ``tok_hang_after_charge`` and so on."""

REQUIRES_ACTION_TOKEN = "tok_requires_action"  # noqa: S105 - a name in a script, not a secret
PARTIAL_TOKEN = "tok_partial"  # noqa: S105 - a name in a script, not a secret
PARTIAL_PERCENT = 60


def script_word(method: PaymentMethod) -> str:
    """Return the word that selects the behaviour: the token, or for UPI the part before the @ as a token."""
    token = getattr(method, "token", None)
    if token is not None:
        return str(token)
    vpa = getattr(method, "vpa", None)
    return "" if vpa is None else f"tok_{str(vpa).partition('@')[0]}"


@dataclass(slots=True, eq=False)
class _Line:
    kind: EntryKind
    what: Fault | Declined
    times: int | None
    payment_id: str | None

    def fits(self, kind: EntryKind, payment_id: str) -> bool:
        return self.kind is kind and self.payment_id in {None, payment_id}


class Script:
    """What was ordered for calls to come; the first line that fits a call is used up by it."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []

    def add(self, kind: EntryKind, what: Fault | Declined, *, times: int | None, payment_id: str | None) -> None:
        """Add a line; `times` of ``None`` is for good."""
        if times is not None and times < 1:
            raise ValueError(f"times is {times}: use 1 or more, or None for every call")
        self._lines.append(_Line(kind, what, times, payment_id))

    def take(self, kind: EntryKind, payment_id: str) -> Fault | Declined | None:
        """Return what was ordered for this call, and use it up."""
        if not self._lines:
            return None
        line = next((line for line in self._lines if line.fits(kind, payment_id)), None)
        if line is None:
            return None
        if line.times is not None:
            line.times -= 1
            if line.times == 0:
                self._lines.remove(line)
        return line.what

    def clear(self) -> None:
        """Forget all lines."""
        self._lines.clear()
