"""What hooks may do to a payment: add to its metadata before it is processed, and have their verdicts kept."""

from __future__ import annotations

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.hook_kind import JUDGES
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection

Events = tuple[e.Event, ...]
JUDGEMENTS_MAX = 100
"""Verdicts kept of one payment: every hook's of one kind, and an error handler's for each attempt and operation."""


def decide_enrich(payment: Payment, command: c.EnrichPayment) -> Events:
    """Take in what is new; what the merchant attached, or an earlier hook added, stays as it is."""
    known = payment.metadata
    added = {name: value for name, value in command.metadata.items() if name not in known}
    return (e.PaymentEnriched(at=command.at, hook=command.hook, metadata=added),) if added else ()


def decide_judge(payment: Payment, command: c.JudgePayment) -> Events | Rejection:
    """Keep a verdict."""
    if len(payment.judgements) >= JUDGEMENTS_MAX:
        return Rejection.TOO_MANY_JUDGEMENTS
    if command.kind in JUDGES and payment.attempts:
        return Rejection.NOT_ALLOWED_IN_THIS_STATE
    return (
        e.HookJudged(
            at=command.at,
            hook=command.hook,
            kind=command.kind,
            verdict=command.verdict,
            reason=command.reason,
            score=command.score,
            took_s=command.took_s,
            has_failed=command.has_failed,
        ),
    )
