"""What the simulated provider does for which token: the whole vocabulary in one table."""

from __future__ import annotations

from enum import StrEnum

from aegispay.domain.outcome import Declined, DeclineKind, Reason
from aegispay.domain.payment_method import PaymentMethod


class Fault(StrEnum):
    """What goes wrong with one call."""

    REFUSE_CONNECTION = "refuse_connection"
    RATE_LIMIT = "rate_limit"
    BAD_CREDENTIALS = "bad_credentials"
    HANG_BEFORE_CHARGE = "hang_before_charge"
    HANG_AFTER_CHARGE = "hang_after_charge"
    ERROR_BEFORE_CHARGE = "error_before_charge"
    ERROR_AFTER_CHARGE = "error_after_charge"
    RAISE_BEFORE_CHARGE = "raise_before_charge"
    RAISE_AFTER_CHARGE = "raise_after_charge"
    GARBAGE_AFTER_CHARGE = "garbage_after_charge"
    WRONG_AMOUNT = "wrong_amount"


def _declined(kind: DeclineKind, reason: Reason) -> Declined:
    return Declined(kind=kind, reason=reason, code=reason, message=reason.replace("_", " "))


DECLINES: dict[str, Declined] = {
    "tok_declined": _declined(DeclineKind.HARD, Reason.DO_NOT_HONOR),
    "tok_soft_declined": _declined(DeclineKind.SOFT, Reason.ISSUER_UNAVAILABLE),
    "tok_insufficient_funds": _declined(DeclineKind.CUSTOMER_FIXABLE, Reason.INSUFFICIENT_FUNDS),
    "tok_lost_card": _declined(DeclineKind.HARD, Reason.LOST_CARD),
    "tok_stolen_card": _declined(DeclineKind.HARD, Reason.STOLEN_CARD),
    "tok_expired_card": _declined(DeclineKind.CUSTOMER_FIXABLE, Reason.EXPIRED_CARD),
    "tok_incorrect_cvc": _declined(DeclineKind.CUSTOMER_FIXABLE, Reason.INCORRECT_CVC),
    "tok_fraud": _declined(DeclineKind.RISK, Reason.FRAUD_SUSPECTED),
}
"""Tokens that are declined, always and by every simulated gateway."""

RANDOM_DECLINE = _declined(DeclineKind.HARD, Reason.DO_NOT_HONOR)
"""How a payment is declined that the success rate did not favour."""

FAULTS: dict[str, Fault] = {f"tok_{fault}": fault for fault in Fault}
"""Tokens that make the provider misbehave: ``tok_hang_after_charge`` and so on."""

REQUIRES_ACTION_TOKEN = "tok_requires_action"  # noqa: S105 - a name in a script, not a secret


def script_word(method: PaymentMethod) -> str:
    """Return the word that selects the behaviour: the token, or for UPI the part before the @ as a token."""
    token = getattr(method, "token", None)
    if token is not None:
        return str(token)
    vpa = getattr(method, "vpa", None)
    return "" if vpa is None else f"tok_{str(vpa).partition('@')[0]}"
