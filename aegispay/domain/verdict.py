"""What a person's verdict about something in doubt amounts to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aegispay.domain import commands as c
from aegispay.domain.card_data import shown
from aegispay.domain.evidence import Evidence, Verdict, parse_verdict
from aegispay.domain.money import Amount, Money, parse_amount
from aegispay.domain.outcome import Approved, NotProcessed, Outcome, Reason
from aegispay.domain.payment import Attempt, Operation, Payment, Sent
from aegispay.domain.request import CaptureMode
from aegispay.domain.text import text
from aegispay.errors import FieldError, NotInDoubtError, ValidationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """A verdict, whose it is and what it rests on.

    Attributes:
        reference: the id of the attempt or operation meant; ``None`` when only one is in doubt.
        gateway_reference: the gateway's id of what was done, where known.
        amount: how much was done, in major units; ``None`` for what was asked.
    """

    verdict: Verdict
    evidence: str
    operator: str
    reference: str | None = None
    gateway_reference: str | None = None
    amount: Amount | None = None


def parse_testimony(
    verdict: object,
    *,
    evidence: object,
    operator: object,
    reference: object = None,
    gateway_reference: object = None,
    amount: Amount | None = None,
) -> Testimony:
    """Return what an operator said.

    Raises:
        ValidationError: a verdict that does not exist, or words that are missing or too long.
        CardDataError: a card number stands in it.
    """
    return Testimony(
        verdict=parse_verdict(verdict),
        evidence=text("evidence", evidence, longest=500),
        operator=text("operator", operator, longest=100),
        reference=None if reference is None else text("reference", reference, longest=255),
        gateway_reference=(
            None if gateway_reference is None else text("gateway_reference", gateway_reference, longest=255)
        ),
        amount=amount,
    )


def doubt_meant(payment: Payment, reference: str | None) -> Sent:
    """Return what a verdict is about.

    Raises:
        NotInDoubtError: nothing is in doubt, not this, or several things and none was named.
    """
    names = ", ".join(doubt.id for doubt in payment.doubts)
    meant = [doubt for doubt in payment.doubts if reference in {None, doubt.id}]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise NotInDoubtError(f"{payment.id} has several things in doubt: {names}")
    what = payment.id if reference is None else shown(reference)
    raise NotInDoubtError(f"{what} is not in doubt" + (f"; in doubt are {names}" if names else ""))


def verdict_command(
    payment: Payment, sent: Sent, said: Testimony, *, at: datetime, authorization_validity_s: float
) -> c.RecordOutcome | c.RecordOperation:
    """Return the command that takes a verdict in.

    Args:
        payment: whose doubt it is.
        sent: what is in doubt.
        said: the verdict.
        at: when it was given.
        authorization_validity_s: how long an authorization can be captured from now on, if it turns out to be one.

    Raises:
        ValidationError: it says that something was done, and not under which id, or an amount that cannot be.
    """
    outcome = _outcome(payment, sent, said)
    detail = f"{said.operator}: {said.evidence}"
    if isinstance(sent, Operation):
        return c.RecordOperation(
            at=at,
            operation_id=sent.id,
            outcome=outcome,
            next_check_at=at,
            evidence=Evidence.OPERATOR,
            detail=detail,
        )
    return c.RecordOutcome(
        at=at,
        operation_id=sent.id,
        outcome=outcome,
        next_check_at=at,
        authorization_expires_at=at + timedelta(seconds=authorization_validity_s),
        evidence=Evidence.OPERATOR,
        detail=detail,
    )


def _outcome(payment: Payment, sent: Sent, said: Testimony) -> Outcome:
    if said.verdict is Verdict.NOT_EXECUTED:
        return NotProcessed(reason=Reason.OPERATOR_VERDICT, message=said.evidence)
    reference = said.gateway_reference or sent.reference
    if reference is None:
        # A made-up one would be named to the gateway in every capture or refund to come.
        raise ValidationError(
            [FieldError("gateway_reference", f"say under which id the gateway has {sent.id}")],
            hint="Give the gateway's own id of what it did.",
        )
    asked_minor = sent.amount_minor if isinstance(sent, Operation) else payment.amount_minor
    amount_minor = asked_minor if said.amount is None else parse_amount(said.amount, payment.currency)
    may_be_part = isinstance(sent, Attempt) and payment.request.capture is CaptureMode.MANUAL
    if amount_minor != asked_minor and not (may_be_part and amount_minor < asked_minor):
        asked = Money(asked_minor, payment.currency)
        raise ValidationError(
            [FieldError("amount", f"{asked} was asked for: put the difference right at the gateway first")],
            hint="A verdict can say less than was asked only of an authorization that is captured later.",
        )
    return Approved(
        reference=reference,
        amount_minor=amount_minor,
        currency=payment.currency,
        is_partial=amount_minor < asked_minor,
    )
