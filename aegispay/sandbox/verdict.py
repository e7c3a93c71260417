"""What the issuer says to a payment method: the public convention of test cards, and tokens."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.sandbox.payment import Decline

PARTIAL_PERCENT = 60


@dataclass(frozen=True, slots=True)
class Approve:
    """Approved, for so many minor units."""

    amount: int


@dataclass(frozen=True, slots=True)
class Challenge:
    """The payer has to authenticate first."""


@dataclass(frozen=True, slots=True)
class Process:
    """Not decided at once."""


Verdict = Approve | Challenge | Process | Decline


def _decline(code: str, kind: str, *, retry_after_s: float | None = None) -> Decline:
    return Decline(code=code, message=code.replace("_", " "), kind=kind, retry_after_s=retry_after_s)


AUTHENTICATION_FAILED = _decline("authentication_failed", "authentication")
INSUFFICIENT_FUNDS = _decline("insufficient_funds", "customer_fixable")
NOT_SUPPORTED = _decline("card_not_supported", "hard")

DECLINES: dict[str, Decline] = {
    "tok_declined": _decline("do_not_honor", "hard"),
    "tok_insufficient_funds": INSUFFICIENT_FUNDS,
    "tok_lost_card": _decline("lost_card", "hard"),
    "tok_stolen_card": _decline("stolen_card", "hard"),
    "tok_expired_card": _decline("expired_card", "customer_fixable"),
    "tok_incorrect_cvc": _decline("incorrect_cvc", "customer_fixable"),
    "tok_fraud": _decline("fraud_suspected", "risk"),
    "tok_soft_declined": _decline("issuer_unavailable", "soft", retry_after_s=1.0),
}
CHALLENGE_TOKEN = "tok_requires_action"  # noqa: S105 - a name in a script, not a secret
PARTIAL_TOKEN = "tok_partial"  # noqa: S105 - a name in a script, not a secret
PROCESSING_TOKEN = "tok_processing"  # noqa: S105 - a name in a script, not a secret

_APPROVED_CARDS = (
    "4111111111111111",
    "4242424242424242",
    "5555555555554444",
    "38000000000006",
    "378282246310005",
    "6011111111111117",
)
CARDS: dict[str, str] = {
    **dict.fromkeys(_APPROVED_CARDS, "tok_visa"),
    "5105105105105100": "tok_declined",
    "4000000000000002": "tok_declined",
    "4000000000009995": "tok_insufficient_funds",
    "4000000000009987": "tok_lost_card",
    "4000000000009979": "tok_stolen_card",
    "4000003800000446": CHALLENGE_TOKEN,
}
"""Test card numbers that everybody knows, and the token that behaves the same. Any other number is not supported."""


def judge(token: str | None, amount: int, *, is_partial_allowed: bool, is_partial: bool = False) -> Verdict:
    """Return the verdict for a token.

    Args:
        token: orders the verdict; any token that is not listed is approved.
        amount: minor units asked for.
        is_partial_allowed: whether less than that may be approved.
        is_partial: whether the payer's account covers a part only.
    """
    if token in DECLINES:
        return DECLINES[token]
    if token == CHALLENGE_TOKEN:
        return Challenge()
    if token == PROCESSING_TOKEN:
        return Process()
    if is_partial or token == PARTIAL_TOKEN:
        return Approve(max(1, amount * PARTIAL_PERCENT // 100)) if is_partial_allowed else INSUFFICIENT_FUNDS
    return Approve(amount)
