"""What a payment does by itself: when its timer is due, after a restart, after a crash."""

from __future__ import annotations

from aegispay.actors.asking import undecided
from aegispay.actors.desk import Desk
from aegispay.actors.reacting import taken_in
from aegispay.actors.services import apply
from aegispay.actors.submitting import begin
from aegispay.domain import commands as c
from aegispay.domain.evidence import Evidence
from aegispay.domain.keys import cancel_id, operation_key
from aegispay.domain.outcome import OutcomeUnknown, Reason
from aegispay.domain.payment import Attempt, Operation, Payment, Sent
from aegispay.domain.resolution import Purpose
from aegispay.domain.state import AttemptStatus, OperationStatus, PaymentState
from aegispay.domain.timers import cancel_again_at

_ASK_AGAIN_S = 10.0
"""How soon a gateway is asked again about an action whose time is over, when it could not say."""


class Waking:
    """Goes on with one payment.

    Args:
        desk: whose.
        is_restarted: whether the actor has crashed before: what it was doing then has to be asked about at once.
    """

    __slots__ = ("_ask_again_s", "_desk", "_is_restarted")

    def __init__(self, desk: Desk, *, is_restarted: bool) -> None:
        self._desk = desk
        self._is_restarted = is_restarted
        self._ask_again_s = 0.0

    async def wake(self, *, is_waiting: bool) -> None:
        """Do whatever is due.

        Args:
            is_waiting: whether an operation waits for its turn at the gateway.
        """
        payment = self._desk.payment
        try:
            if payment is not None and not payment.is_parked:
                await self._go_on(payment)
                if not is_waiting:
                    await self._operations()
        finally:
            attempt = None if self._desk.payment is None else self._desk.payment.open_attempt
            if attempt is None or not self._desk.asking.is_under_way(attempt):
                self._desk.services.recovered(self._desk.id)

    async def _go_on(self, payment: Payment) -> None:
        match payment.state:
            case PaymentState.INITIATED | PaymentState.REQUIRES_ACTION | PaymentState.AUTHORIZED:
                await self._expire()
            case PaymentState.AUTHENTICATED:
                await self._carry_on()
            case PaymentState.PROCESSING:
                await self._wake_processing(payment)
            case _:
                pass

    # --- time ---------------------------------------------------------------------------------------

    async def _expire(self) -> None:
        desk = self._desk
        payment = desk.existing()
        attempt, action = payment.open_attempt, payment.action
        if attempt is not None and action is not None:
            if action.expires_at <= desk.services.now():
                await self._action_is_over(attempt)
            elif self._is_restarted:
                # What it crashed over may have been the answer that somebody waits for.
                self._ask_about_action(attempt)
            return
        draft = desk.draft()
        if draft.apply(c.ExpirePayment(at=desk.services.now())) is None:
            await desk.commit(draft)

    async def _action_is_over(self, attempt: Attempt) -> None:
        """Find out whether the payer acted although nobody told us: that his time is over does not say so."""
        if self._ask_about_action(attempt):
            return
        desk = self._desk
        draft = desk.draft()
        apply(draft, desk.asking.record(desk.existing(), attempt, undecided(attempt), Evidence.ANSWER))
        await desk.commit(draft)

    def _ask_about_action(self, attempt: Attempt) -> bool:
        """Look up what came of it, not too often; return whether that is possible."""
        desk = self._desk
        payment, clock = desk.existing(), desk.services.clock
        if desk.asking.question(payment, attempt, desk.begun(attempt)) is not Purpose.LOOKUP:
            return False
        if not desk.asking.is_under_way(attempt) and clock.monotonic() >= self._ask_again_s:
            self._ask_again_s = clock.monotonic() + _ASK_AGAIN_S
            desk.services.calls.pauses.begin(payment.id, _ASK_AGAIN_S)
            desk.asking.place(payment, attempt, Purpose.LOOKUP)
        return True

    # --- the charge ---------------------------------------------------------------------------------

    async def _carry_on(self) -> None:
        draft = self._desk.draft()
        await begin(self._desk, draft)
        await self._desk.commit(draft)

    async def _wake_processing(self, payment: Payment) -> None:
        attempt = payment.open_attempt
        if attempt is None:
            await self._carry_on()
        elif not self._desk.asking.is_under_way(attempt):
            await self._ask_or_doubt(attempt, was_sent=attempt.status is AttemptStatus.STARTED)

    async def _ask_or_doubt(self, sent: Sent, *, was_sent: bool) -> None:
        if was_sent:
            # The call was made or not made by a process or an instance that is gone: nobody knows.
            await self._doubt(sent, "the answer was lost in a restart")
            await self._ask_about(sent.id)
        elif sent.next_check_at <= self._desk.services.now() or self._is_restarted:
            await self._ask_about(sent.id)

    async def _ask_about(self, reference: str) -> None:
        """Ask the gateway what became of what was sent, the way its contract allows."""
        desk = self._desk
        payment = desk.existing()
        sent = payment.find_sent(reference)
        if sent is None or not sent.status.is_open:
            return
        question = desk.asking.question(payment, sent, desk.begun(sent))
        if question is not None:
            desk.asking.place(payment, sent, question)
            return
        if desk.asking.contract(payment, sent) is None:
            await self._doubt(sent, "its gateway is not registered, so nobody can be asked")
            return
        message = "the gateway cannot be asked: a webhook, or a person's verdict, has to tell"
        await self._doubt(sent, message, Reason.CANNOT_BE_ASKED)

    async def _doubt(self, sent: Sent, message: str, reason: Reason = Reason.INTERRUPTED) -> None:
        desk = self._desk
        lost = OutcomeUnknown(reason=reason, message=message)
        await desk.commit(await taken_in(desk, sent, lost, Evidence.ANSWER))

    # --- captures, voids and refunds ----------------------------------------------------------------

    async def _operations(self) -> None:
        for operation in self._desk.existing().operations:
            if operation.status.is_open and not self._desk.asking.is_under_way(operation):
                await self._ask_or_doubt(operation, was_sent=operation.status is OperationStatus.REQUESTED)
        await self._cancel_again()

    async def _cancel_again(self) -> None:
        desk = self._desk
        payment = desk.existing()
        due_at = cancel_again_at(payment)
        approved = payment.approved_attempt
        if due_at is None or approved is None or due_at > desk.services.now():
            return
        reference = cancel_id(payment.id, 1 + sum(not operation.key for operation in payment.operations))
        draft = desk.draft()
        apply(
            draft,
            c.RepeatCancel(
                at=desk.services.now(),
                operation_id=reference,
                idempotency_key=operation_key(reference, approved.gateway),
                deadline_at=desk.services.patience(approved.gateway),
            ),
        )
        await desk.commit(draft)


def is_interrupted(payment: Payment) -> bool:
    """Return whether the payment has to go on by itself when it is read anew."""
    if payment.is_parked:
        return False
    return bool(open_sends(payment)) or payment.state in {PaymentState.AUTHENTICATED, PaymentState.PROCESSING}


def open_sends(payment: Payment | None) -> tuple[Attempt | Operation, ...]:
    """Return what may still move money."""
    if payment is None:
        return ()
    attempt = payment.open_attempt
    operations = tuple(operation for operation in payment.operations if operation.status.is_open)
    return operations if attempt is None else (attempt, *operations)
