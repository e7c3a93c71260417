"""What hooks' verdicts about a payment before its first attempt come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from aegispay.actors.services import apply
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.events import AttemptStarted, PaymentFailed
from aegispay.domain.hook_kind import VerdictKind
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.hooks.rulings import Judged


def note(draft: Draft, verdicts: Iterable[Judged], at: datetime) -> None:
    """Keep verdicts."""
    for each in verdicts:
        apply(draft, c.JudgePayment(at=at, **asdict(each)))


def refuse(draft: Draft, refusals: Sequence[Judged], at: datetime) -> None:
    """End the payment with all that hooks have against it."""
    is_risk = refusals[0].verdict is VerdictKind.BLOCK
    apply(
        draft,
        c.RefusePayment(
            at=at,
            reason=Reason.RISK_REFUSED if is_risk else Reason.VALIDATION_REFUSED,
            code=refusals[0].hook,
            message="; ".join(f"{each.hook}: {each.reason}" for each in refusals)[:1_000],
        ),
    )


def blocked(draft: Draft, before: Payment | None, verdict: Judged, at: datetime) -> Draft:
    """Return the draft without its attempt, which a full counter does not let pass: the payment ends instead.

    Args:
        draft: what was refused.
        before: the payment as it is on disk.
        verdict: that of the hook whose counter is full.
        at: now, aware UTC.
    """
    instead = Draft(draft.payment_id, before)
    for event in draft.events:
        if not isinstance(event, AttemptStarted | PaymentFailed):
            instead.take(event)
    note(instead, (verdict,), at)
    refuse(instead, (verdict,), at)
    return instead
