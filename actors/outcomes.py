"""What gateways say: answers to calls, and what they report by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta

from aegispay.actors.asking import undecided, was_refused
from aegispay.actors.calls import CallResult
from aegispay.actors.desk import Desk
from aegispay.actors.gateway_requests import gateway_of
from aegispay.actors.payment_messages import NotificationArrived
from aegispay.actors.reacting import taken_in
from aegispay.actors.services import apply
from aegispay.domain import commands as c
from aegispay.domain.contract import GatewayContract, LookupAuthority
from aegispay.domain.draft import Draft
from aegispay.domain.evidence import Evidence
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import (
    Approved,
    Declined,
    NextAction,
    Outcome,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.domain.payment import Attempt, Operation, Payment, Sent
from aegispay.domain.resolution import Purpose, settles_s
from aegispay.domain.state import PaymentState
from aegispay.log import logger
from aegispay.observability.binding import of_payment
from aegispay.ports import NotFound


async def answered(desk: Desk, result: CallResult) -> bool:
    """Take in what came of a call; return whether the same request should be offered to the gateway again soon."""
    payment, services = desk.existing(), desk.services
    sent = payment.find_sent(result.call.operation_id)
    if sent is None:
        services.calls.withdraw(result.call)
        return False
    if not sent.status.is_open:
        services.calls.settled(sent.id)
    if payment.state is PaymentState.REQUIRES_ACTION and sent.status.is_open and result.call.purpose is Purpose.LOOKUP:
        await _action_asked_about(desk, sent, result)
        return False
    if _was_not_made(desk, sent, result):
        return True
    if sent.status.is_open and desk.asking.put_off(payment, result):
        services.calls.withdraw(result.call)
        services.recovered(desk.id)
        return False
    meaning = desk.asking.interpret(payment, sent, result, desk.begun(sent))
    if meaning is None:
        services.calls.withdraw(result.call)
    elif isinstance(meaning, Purpose):
        desk.asking.place(payment, sent, meaning)
    else:
        await _take_in(desk, sent, meaning, result.call.purpose.evidence)
        services.calls.pauses.end(desk.id)
        services.calls.withdraw(result.call)
        services.recovered(desk.id)
        _tell_who_waits_for_the_payer(desk)
    return False


def _was_not_made(desk: Desk, sent: Sent, result: CallResult) -> bool:
    """Whether an operation was not even offered to its gateway, which takes none now, so that it waits its turn."""
    return (
        isinstance(sent, Operation)
        and sent.is_first_hand
        and result.asked_at is None
        and was_refused(result.answer)
        and desk.services.now() < sent.next_check_at
    )


async def _take_in(desk: Desk, sent: Sent, outcome: Outcome, evidence: Evidence) -> None:
    await desk.commit(await taken_in(desk, sent, outcome, evidence))


def _tell_who_waits_for_the_payer(desk: Desk) -> None:
    """Answer those who waited for the end of a payer's action when it is the payer's turn again."""
    payment = desk.existing()
    if payment.state is PaymentState.REQUIRES_ACTION:
        desk.services.looked_at(payment)


async def _action_asked_about(desk: Desk, sent: Sent, result: CallResult) -> None:
    """Take in what came of the payer's action, if it is known; if its time is over, nothing came of it."""
    draft = desk.draft()
    match result.answer:
        case Approved() | Declined() | Pending() as answer:
            draft = await taken_in(desk, sent, answer, Evidence.LOOKUP)
        case NotFound() | RequiresAction():
            _nobody_acted(desk, draft, sent, result)
        case _:
            pass
    if draft.events:
        await desk.commit(draft)
        desk.services.calls.pauses.end(desk.id)
    desk.services.calls.withdraw(result.call)
    if desk.completion is None:
        desk.services.looked_at(desk.existing())


def _nobody_acted(desk: Desk, draft: Draft, sent: Sent, result: CallResult) -> None:
    """End an action that the gateway has not seen, if it was asked late enough to have seen it."""
    payment = desk.existing()
    action, contract = payment.action, desk.asking.contract(payment, sent)
    if action is None or contract is None or result.asked_at is None:
        return
    if isinstance(result.answer, RequiresAction) and result.answer.action.expires_at > action.expires_at:
        # The gateway gives him more time than it first said.
        apply(draft, desk.asking.record(payment, sent, result.answer, Evidence.LOOKUP))
        return
    if not _would_have_shown(desk, sent, action, contract, result.asked_at):
        return
    if isinstance(result.answer, NotFound) and contract.lookup is not LookupAuthority.AUTHORITATIVE:
        apply(draft, desk.asking.record(payment, sent, undecided(sent), Evidence.LOOKUP))
    else:
        draft.apply(c.ExpirePayment(at=desk.services.now()))


def _would_have_shown(
    desk: Desk, sent: Sent, action: NextAction, contract: GatewayContract, asked_at: datetime
) -> bool:
    """Return whether a look-up at that time shows all that may have come of the action."""
    if asked_at - timedelta(seconds=contract.visibility_delay_s) < action.expires_at:
        return False
    grace_s = 2 * desk.services.config.answer_grace_s
    return sent.completed_at is None or asked_at - timedelta(seconds=settles_s(contract, grace_s)) >= sent.completed_at


# --- notifications ----------------------------------------------------------------------------------


async def notified(desk: Desk, message: NotificationArrived) -> bool:
    """Take in what a gateway reports by itself; return whether it is about this payment."""
    payment, said = desk.payment, message.notification
    if payment is None or message.gateway not in {attempt.gateway for attempt in payment.attempts}:
        return False
    if message.is_conflict:
        detail = f"{message.gateway} sent event {said.id} twice with different content"
        await _open_incident(desk, f"{message.gateway}-{said.id}-conflict", Reason.CONFLICTING_ANSWER, detail)
    elif said.kind is NotificationKind.CHARGEBACK:
        return await _charged_back(desk, payment, message.gateway, said)
    else:
        return await _reported(desk, payment, message.gateway, said)
    return True


async def _reported(desk: Desk, payment: Payment, gateway: str, said: Notification) -> bool:
    sent = payment.find_sent(said.reference)
    if sent is not None and gateway_of(payment, sent) != gateway:
        return False
    kind = NotificationKind.CHARGE if isinstance(sent, Attempt) else sent and NotificationKind(sent.kind.value)
    if sent is None or kind is not said.kind:
        await _not_asked_for(desk, gateway, said)
        return True
    if isinstance(said.outcome, Approved):
        await _take_in(desk, sent, said.outcome, Evidence.WEBHOOK)
        return True
    return await _hinted(desk, payment, sent, said.outcome)


async def _not_asked_for(desk: Desk, gateway: str, said: Notification) -> None:
    """Call for a person: somebody moves this payment's money at the gateway, and what is left is not known here."""
    name = getattr(said.outcome, "reference", None) or said.reference
    detail = f"{gateway} reports a {said.kind} {name} ({said.outcome.type}) that was not asked for here"
    await _open_incident(desk, f"{gateway}-{said.kind}-{name}-unasked", Reason.UNKNOWN_OPERATION, detail)


async def _hinted(desk: Desk, payment: Payment, sent: Sent, outcome: Outcome) -> bool:
    """Take bad or vague news for a hint: notifications overtake each other, so the gateway itself is asked.

    Returns:
        Whether the news has been used; not while the gateway is being asked already, so that it is offered again.
    """
    if sent.failure is not None and not sent.status.is_open and isinstance(outcome, Declined):
        return True
    if desk.asking.is_under_way(sent):
        return False
    question = desk.asking.question(payment, sent, desk.begun(sent))
    if question is Purpose.LOOKUP:
        desk.asking.place(payment, sent, Purpose.LOOKUP)
    elif isinstance(outcome, Declined):
        await _take_in(desk, sent, outcome, Evidence.WEBHOOK)
    else:
        logger().bind(**of_payment(payment)).info("notification_not_used", outcome=outcome.type)
    return True


async def _charged_back(desk: Desk, payment: Payment, gateway: str, said: Notification) -> bool:
    taken, about = said.outcome, payment.find_sent(said.reference)
    if about is not None and gateway_of(payment, about) != gateway:
        return False
    if not isinstance(taken, Approved):
        return True
    if isinstance(about, Attempt) and about.status.is_open:
        # What was taken back has to be counted, and that needs to know that it was taken.
        return False
    draft = desk.draft()
    command = c.ReportChargeback(
        at=desk.services.now(), reference=taken.reference, amount_minor=taken.amount_minor, currency=taken.currency
    )
    approved = payment.approved_attempt
    if approved is None or approved.gateway != gateway or draft.apply(command) is not None:
        detail = f"{gateway}: dispute {taken.reference} over {taken.amount_minor} {taken.currency} (minor units)"
        await _open_incident(desk, f"{desk.id}-chargeback-{taken.reference}", Reason.CHARGEBACK, detail)
    else:
        await desk.commit(draft)
    return True


async def _open_incident(desk: Desk, incident_id: str, reason: Reason, detail: str) -> None:
    draft = desk.draft()
    apply(draft, c.OpenIncident(at=desk.services.now(), incident_id=incident_id, reason=reason, detail=detail))
    await desk.commit(draft)
