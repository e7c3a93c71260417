"""Asking hooks in a payment's turn: about a new request, before the first attempt, before money is moved later."""

from __future__ import annotations

from aegispay.actors.desk import Desk
from aegispay.actors.payment_messages import Operate
from aegispay.actors.services import apply
from aegispay.actors.verdicts import note, refuse
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.judgement import review_cause
from aegispay.domain.request import PaymentRequest
from aegispay.domain.state import PaymentState
from aegispay.hooks.contexts import TransactionContext
from aegispay.hooks.rulings import Addition


async def look_at(desk: Desk, request: PaymentRequest) -> tuple[Addition, ...]:
    """Ask about a request that is surely new; return what hooks add to it.

    Raises:
        ValidationError: hooks refuse it; nothing is stored.
    """
    await desk.services.hooks.validation.refuse_request(request)
    return await desk.services.hooks.validation.additions(request)


def enrich(desk: Desk, draft: Draft, additions: tuple[Addition, ...]) -> None:
    """Note what hooks add to a new payment."""
    for addition in additions:
        apply(draft, c.EnrichPayment(at=desk.services.now(), hook=addition.hook, metadata=addition.metadata))


async def is_let_through(desk: Desk, draft: Draft) -> bool:
    """Ask about a payment before its first attempt, once; note what they say, and end or park it if they say so.

    Returns:
        Whether an attempt may be made.

    Raises:
        StoreError: hooks' counters cannot be read.
    """
    payment, services = draft.payment, desk.services
    if payment is None or payment.state is not PaymentState.AUTHENTICATED or payment.attempts or payment.is_judged:
        return True
    ruling = await services.hooks.judge(payment)
    at = services.now()
    note(draft, ruling.judged, at)
    if ruling.refusals:
        refuse(draft, ruling.refusals, at)
        return False
    review = ruling.review
    if review is not None:
        apply(draft, c.ParkPayment(at=at, cause=review_cause(review.hook, review.reason)))
        return False
    draft.marks.extend(services.hooks.marks(ruling, at))
    return True


async def look_at_transaction(desk: Desk, message: Operate, amount_minor: int | None) -> None:
    """Ask about a capture or refund that is surely new.

    Raises:
        ValidationError: hooks refuse it; nothing is stored and no gateway asked.
    """
    context = TransactionContext(
        at=desk.services.now(),
        payment=desk.existing(),
        kind=message.kind.value,
        amount_minor=amount_minor,
        reason=message.reason,
    )
    await desk.services.hooks.validation.refuse_transaction(context)
