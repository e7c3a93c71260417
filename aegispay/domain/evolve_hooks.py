"""What hooks leave on a payment."""

from __future__ import annotations

from typing import Any

from aegispay.domain import events as e
from aegispay.domain.judgement import Judgement
from aegispay.domain.payment import Payment

Changes = dict[str, Any]


def enriched(payment: Payment, event: e.PaymentEnriched) -> Changes:
    """Add to the metadata."""
    return {"added_metadata": {**payment.added_metadata, **event.metadata}}


def judged(payment: Payment, event: e.HookJudged) -> Changes:
    """Remember a verdict."""
    judgement = Judgement(
        hook=event.hook,
        kind=event.kind,
        verdict=event.verdict,
        reason=event.reason,
        score=event.score,
        has_failed=event.has_failed,
    )
    return {"judgements": (*payment.judgements, judgement)}
