"""What the sandbox's payments and operations say about the request that was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from aegispay.domain.outcome import (
    ActionKind,
    Approved,
    Declined,
    DeclineKind,
    NextAction,
    Outcome,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.domain.request import CaptureMode
from aegispay.domain.state import OperationKind
from aegispay.ports import NotFound

Minor = Annotated[int, Field(ge=0, lt=2**63)]
Word = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
Currency = Annotated[str, Field(pattern=r"^[A-Za-z]{3}$")]
Text = Annotated[str, Field(max_length=2000)]
Decline = Callable[[str, str, float | None], Outcome]
"""(code, message, retry after seconds) to what a decline means."""


class Answer(BaseModel):
    """Anything the sandbox says: exact types, unknown fields ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


class _Action(Answer):
    type: Literal["redirect"]
    url: Text
    expires_at: Annotated[AwareDatetime, Field(strict=False)]


class _Failure(Answer):
    code: Annotated[str, Field(max_length=255)]
    message: Text = ""
    retry_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class SandboxPayment(Answer):
    """A payment as the sandbox shows it; the amounts are totals so far, in minor units."""

    object: Literal["payment"]
    id: Word
    reference: Word
    status: Literal["requires_action", "processing", "authorized", "captured", "declined", "voided", "expired"]
    capture: Annotated[CaptureMode, Field(strict=False)] | None = None
    amount: Minor
    currency: Currency
    authorized_amount: Minor
    captured_amount: Minor
    refunded_amount: Minor
    next_action: _Action | None = None
    decline: _Failure | None = None


class SandboxOperation(Answer):
    """A capture, void or refund as the sandbox shows it; the amount is that of this operation alone.

    Attributes:
        payment_reference: the reference of the payment; ``None`` where an older sandbox does not say.
    """

    object: Literal["operation"]
    kind: Annotated[OperationKind, Field(strict=False)]
    id: Word
    reference: Word
    payment: Word
    payment_reference: Word | None = None
    amount: Minor
    currency: Currency
    status: Literal["succeeded", "pending", "failed"]
    failure: _Failure | None = None


class ContradictionError(ValueError):
    """An answer that cannot be true of our request. The message never quotes it."""


_Kind = TypeVar("_Kind", bound=Answer)


def parse(kind: type[_Kind], body: object) -> _Kind:
    """Return what the body says.

    Raises:
        ContradictionError: it is not of that kind.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(str(part) for part in each["loc"]) for each in error.errors()}))
        raise ContradictionError(f"these fields cannot be read: {fields}"[:200]) from None


def parse_found(kind: type[_Kind], body: object) -> tuple[_Kind, ...]:
    """Return what a look-up found.

    Raises:
        ContradictionError: it is no list of that kind.
    """
    found = body.get("data") if isinstance(body, dict) else None
    if not isinstance(found, list) or len(found) > 100:
        raise ContradictionError("the answer to the look-up is no list")
    return tuple(parse(kind, each) for each in found)


def charge_outcome(payment: SandboxPayment, reference: str, capture: CaptureMode, decline: Decline) -> Outcome:
    """Return what became of the attempt to charge or authorize.

    An authorization that was captured or voided later had been approved. A charge is approved only when the money
    was collected.

    Raises:
        ContradictionError: it is about another request, or contradicts itself.
    """
    _check(payment, reference)
    match payment.status:
        case "requires_action":
            return RequiresAction(reference=payment.id, action=_action(payment))
        case "processing":
            return Pending(reference=payment.id)
        case "declined":
            return _declined(payment.decline, decline)
        case _ if capture is CaptureMode.AUTOMATIC:
            return _collected(payment)
        case "expired" if payment.captured_amount == 0:
            return _expired(payment)
        case _:
            return _approved(payment, payment.authorized_amount)


def operation_outcome(
    operation: SandboxOperation, *, reference: str, kind: OperationKind, payment: str | None, decline: Decline
) -> Outcome:
    """Return what became of a capture, void or refund.

    Args:
        operation: as the sandbox shows it.
        reference: our name for it.
        kind: what it must be.
        payment: the sandbox's id of the payment it must be about; ``None`` when that is not known.
        decline: what a failure means.

    Raises:
        ContradictionError: it is about another request.
    """
    if operation.reference != reference or operation.kind is not kind or payment not in {None, operation.payment}:
        raise ContradictionError("the answer is about another operation")
    match operation.status:
        case "succeeded":
            return Approved(reference=operation.id, amount_minor=operation.amount, currency=operation.currency)
        case "pending":
            return Pending(reference=operation.id)
        case "failed":
            return _declined(operation.failure, decline)


def found_one(outcomes: Sequence[Outcome]) -> Outcome | NotFound:
    """Return what a look-up by our reference says: one of several counts only if the others moved no money."""
    if not outcomes:
        return NotFound()
    live = [outcome for outcome in outcomes if not isinstance(outcome, Declined)]
    if len(live) > 1:
        message = f"the provider has {len(live)} of them under one reference"
        return OutcomeUnknown(reason=Reason.CONFLICTING_ANSWER, code="several", message=message)
    return live[0] if live else outcomes[0]


def _check(payment: SandboxPayment, reference: str) -> None:
    if payment.reference != reference:
        raise ContradictionError("the answer is about another payment")
    is_settled = payment.status in {"authorized", "captured", "voided", "expired"}
    claims: dict[str, Any] = {
        "more was captured than authorized": payment.captured_amount > payment.authorized_amount,
        "more was refunded than captured": payment.refunded_amount > payment.captured_amount,
        "money was captured of what has not been approved": payment.captured_amount > 0 and not is_settled,
        "nothing is authorized": payment.status == "authorized" and payment.authorized_amount == 0,
        "nothing was captured": payment.status == "captured" and payment.captured_amount == 0,
    }
    wrong = [claim for claim, is_true in claims.items() if is_true]
    if wrong:
        raise ContradictionError(f"the payment is {payment.status}, yet {wrong[0]}")


def _action(payment: SandboxPayment) -> NextAction:
    action = payment.next_action
    if action is None:
        raise ContradictionError("the payer has to act, and nothing says how")
    if urlsplit(action.url).scheme not in {"http", "https"}:
        raise ContradictionError("the address for the payer is none")
    return NextAction(kind=ActionKind.REDIRECT, url=action.url, expires_at=action.expires_at)


def _collected(payment: SandboxPayment) -> Outcome:
    if payment.captured_amount > 0:
        return _approved(payment, payment.captured_amount)
    match payment.status:
        case "authorized":
            # The second half of the charge is still to come.
            return Pending(reference=payment.id)
        case "expired":
            return _expired(payment)
        case _:
            message = "the authorization was released, nothing was collected"
            return Declined(kind=DeclineKind.HARD, reason=Reason.DECLINED_OTHER, code=payment.status, message=message)


def _approved(payment: SandboxPayment, amount_minor: int) -> Approved:
    return Approved(
        reference=payment.id,
        amount_minor=amount_minor,
        currency=payment.currency,
        is_partial=amount_minor < payment.amount,
    )


def _expired(payment: SandboxPayment) -> Declined:
    if payment.authorized_amount == 0:
        return Declined(kind=DeclineKind.AUTHENTICATION, reason=Reason.ACTION_EXPIRED, code="expired")
    return Declined(kind=DeclineKind.HARD, reason=Reason.AUTHORIZATION_EXPIRED, code="expired")


def _declined(failure: _Failure | None, decline: Decline) -> Outcome:
    if failure is None or not failure.code:
        return decline("unspecified", "", None)
    return decline(failure.code, failure.message, failure.retry_after_s)
