"""What the sandbox's refusals mean."""

from __future__ import annotations

from aegispay.domain.outcome import DeclineKind, Reason
from aegispay.gateways.http.classification import (
    LOOKUPS,
    MUTATIONS,
    GatewayOperation,
    OutcomeClass,
    Row,
    Table,
)

NOT_EXECUTED = "rate_limited_not_executed"
"""Stands for a 429 whose body says ``"executed": false``; the bare 429 may have been executed."""

_CAPTURES = frozenset({GatewayOperation.CAPTURE})
_VOIDS = frozenset({GatewayOperation.VOID})
_REFUNDS = frozenset({GatewayOperation.REFUND})
_KEYS_FIRST = "a key that was executed is answered from the books before the state is looked at"


def _declined(kind: DeclineKind, reason: Reason, *codes: str) -> Row:
    return Row(
        status=402,
        codes=frozenset(codes),
        operations=MUTATIONS,
        outcome=OutcomeClass.DECLINED,
        reason=reason,
        kind=kind,
    )


def _refused(operations: frozenset[GatewayOperation], reason: Reason, *codes: str) -> Row:
    return Row(
        status=409,
        codes=frozenset(codes),
        operations=operations,
        outcome=OutcomeClass.DECLINED,
        reason=reason,
        kind=DeclineKind.HARD,
        because=_KEYS_FIRST,
    )


_DECLINES = (
    _declined(DeclineKind.HARD, Reason.DO_NOT_HONOR, "do_not_honor", "card_declined", "generic_decline"),
    _declined(DeclineKind.SOFT, Reason.DO_NOT_HONOR, "soft_declined", "soft_decline", "try_again_later"),
    _declined(DeclineKind.SOFT, Reason.ISSUER_UNAVAILABLE, "issuer_unavailable"),
    _declined(DeclineKind.CUSTOMER_FIXABLE, Reason.INSUFFICIENT_FUNDS, "insufficient_funds"),
    _declined(DeclineKind.HARD, Reason.LOST_CARD, "lost_card"),
    _declined(DeclineKind.HARD, Reason.STOLEN_CARD, "stolen_card"),
    _declined(DeclineKind.CUSTOMER_FIXABLE, Reason.EXPIRED_CARD, "expired_card"),
    _declined(DeclineKind.CUSTOMER_FIXABLE, Reason.INCORRECT_CVC, "incorrect_cvc"),
    _declined(DeclineKind.RISK, Reason.FRAUD_SUSPECTED, "fraud", "fraud_suspected", "fraudulent"),
    _declined(DeclineKind.AUTHENTICATION, Reason.AUTHENTICATION_FAILED, "authentication_failed", "challenge_expired"),
    _declined(DeclineKind.HARD, Reason.INVALID_METHOD, "card_not_supported", "not_supported", "invalid_method"),
    _declined(DeclineKind.HARD, Reason.LIMIT_EXCEEDED, "partial_not_allowed", "limit_exceeded"),
    _declined(DeclineKind.HARD, Reason.AUTHORIZATION_EXPIRED, "authorization_expired"),
    _declined(DeclineKind.HARD, Reason.DECLINED_OTHER, "capture_failed", "refund_failed"),
    # Unlisted codes come without notice: final, because nobody has said that another gateway may be tried.
    Row(
        status=402,
        operations=MUTATIONS,
        outcome=OutcomeClass.DECLINED,
        reason=Reason.DECLINED_OTHER,
        kind=DeclineKind.HARD,
    ),
)

_STATES = (
    # "Already done" may be what we did ourselves: it is looked up, never taken for a refusal.
    Row(
        status=409,
        codes=frozenset({"already_captured"}),
        operations=_CAPTURES,
        outcome=OutcomeClass.DUPLICATE,
        reason=Reason.DUPLICATE_REFERENCE,
    ),
    Row(
        status=409,
        codes=frozenset({"already_voided"}),
        operations=_VOIDS,
        outcome=OutcomeClass.DUPLICATE,
        reason=Reason.DUPLICATE_REFERENCE,
    ),
    _refused(_VOIDS, Reason.DECLINED_OTHER, "already_captured"),
    _refused(_CAPTURES | _REFUNDS, Reason.DECLINED_OTHER, "already_voided"),
    _refused(_CAPTURES | _VOIDS, Reason.AUTHORIZATION_EXPIRED, "authorization_expired"),
    _refused(_REFUNDS, Reason.DECLINED_OTHER, "not_captured"),
    _refused(_CAPTURES | _VOIDS, Reason.DECLINED_OTHER, "not_authorized"),
    _refused(_CAPTURES | _REFUNDS, Reason.LIMIT_EXCEEDED, "amount_too_large"),
)

_REQUESTS = (
    Row(
        status=(400, 409),
        codes=frozenset({"idempotency_mismatch"}),
        outcome=OutcomeClass.UNKNOWN,
        reason=Reason.DUPLICATE_REFERENCE,
    ),
    Row(status=400, outcome=OutcomeClass.INVALID_REQUEST, reason=Reason.REJECTED_REQUEST),
    Row(status=401, needs_code=False, outcome=OutcomeClass.MISCONFIGURED, reason=Reason.BAD_CREDENTIALS),
    Row(status=403, needs_code=False, outcome=OutcomeClass.MISCONFIGURED, reason=Reason.BAD_CREDENTIALS),
    Row(status=404, operations=MUTATIONS, outcome=OutcomeClass.INVALID_REQUEST, reason=Reason.REJECTED_REQUEST),
    Row(status=422, outcome=OutcomeClass.INVALID_REQUEST, reason=Reason.REJECTED_REQUEST),
    Row(
        status=429,
        codes=frozenset({NOT_EXECUTED}),
        operations=MUTATIONS | LOOKUPS,
        outcome=OutcomeClass.NOT_PROCESSED,
        reason=Reason.RATE_LIMITED,
        because='the body says "executed": false',
    ),
)

SANDBOX = Table("sandbox", (*_DECLINES, *_STATES, *_REQUESTS))
