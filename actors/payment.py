"""The payment actor: one payment, one mailbox, one writer of its events. It never waits for a gateway."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import Any

from aegispay.actors.actor import Actor
from aegispay.actors.calls import CallResult
from aegispay.actors.charging import Charging, apply
from aegispay.actors.payment_messages import (
    GetPayment,
    OutcomeArrived,
    ProcessPayment,
    RefusedError,
    SubmitPayment,
    Wake,
)
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.events import AttemptStarted
from aegispay.domain.invariants import check
from aegispay.domain.outcome import Approved, Declined, OutcomeUnknown, Pending, Reason, RequiresAction
from aegispay.domain.payment import Attempt, Payment
from aegispay.domain.projection import project
from aegispay.domain.request import differing_fields
from aegispay.domain.resolution import Purpose
from aegispay.domain.state import AttemptStatus, PaymentState
from aegispay.errors import (
    AegisPayError,
    CommitUnknownError,
    FencedError,
    GatewayError,
    IdempotencyConflictError,
    PaymentNotFoundError,
    RequestError,
    StoreError,
    StoreUnavailableError,
    VersionConflictError,
)
from aegispay.history import rebuild
from aegispay.ports import Append, NotFound

_ASK_AGAIN_S = 10.0
"""How soon a gateway is asked again about an action whose time is over, when it could not say."""
_STORE_RETRY_S = 1.0
"""How soon an outcome is offered to the store again that it could not take."""


class PaymentActor(Actor):
    """Serialises everything that happens to one payment."""

    def __init__(self, payment_id: str, charging: Charging) -> None:
        super().__init__()
        self._id = payment_id
        self._charging = charging
        self._services = charging.services
        self._payment: Payment | None = None
        self._is_loaded = False
        self._message: Any = None
        self._begun_s: float | None = None
        self._ask_again_s = 0.0

    def __repr__(self) -> str:
        """Show id, state and version."""
        if self._payment is None:
            return f"<PaymentActor {self._id} empty>"
        return f"<PaymentActor {self._id} {self._payment.state} v{self._payment.version}>"

    def can_passivate(self) -> bool:
        """Stay in memory while an attempt is open, or an answer waits for the store."""
        return (self._payment is None or self._payment.open_attempt is None) and not len(self.timers)

    async def on_start(self) -> None:  # type: ignore[override]  # pykka's hooks may be async here
        """After a crash, read the events and go on; a first instance reads when it must."""
        if self.incarnation > 0:
            try:
                await self._load()
            except StoreUnavailableError:
                # Not this payment's fault, so no crash of its own.
                self.timers.start("load", Wake(), _STORE_RETRY_S)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Keep an answer that perhaps was not written; ask again for one that this instance crashed over."""
        if not isinstance(self._message, OutcomeArrived):
            return
        if isinstance(exception_value, CommitUnknownError):
            self._services.deliver(self._message.result)
        else:
            self._services.calls.withdraw(self._message.result.call)

    async def on_receive(self, message: Any) -> Any:
        """Handle one message; business refusals are replies, everything unexpected is a crash."""
        self._message = message
        try:
            return await self._handle_up_to_date(message)
        except FencedError as error:
            self._services.fenced(error)
            raise RefusedError(error) from error
        except StoreUnavailableError as error:
            # Surely not written, so what is in memory is still true.
            if isinstance(message, OutcomeArrived):
                self.timers.start(("store", message.result.call.operation_id), message, _STORE_RETRY_S)
            raise RefusedError(error) from error
        except StoreError:
            raise
        except AegisPayError as error:
            raise RefusedError(error) from error

    async def _handle_up_to_date(self, message: Any) -> Any:
        if not (self._is_loaded or isinstance(message, SubmitPayment)):
            await self._load()
        try:
            return await self._handle(message)
        except VersionConflictError:
            # There are events in this stream that are not in memory: it was not read yet, or parking wrote to it.
            await self._load()
            return await self._handle(message)
        except StoreUnavailableError:
            if self._is_loaded or not isinstance(message, SubmitPayment):
                raise
            # A repetition needs no writing: if the payment exists, what it has become can be said all the same.
            await self._load()
            if self._payment is None:
                raise
            return await self._handle(message)

    async def _handle(self, message: Any) -> Any:
        match message:
            case SubmitPayment():
                return await self._submit(message)
            case ProcessPayment():
                return await self._process()
            case GetPayment():
                return self._existing()
            case OutcomeArrived(result):
                await self._outcome(result)
            case Wake():
                await self._wake()
            case _:
                return super().on_receive(message)
        return None

    # --- requests -----------------------------------------------------------------------------------

    async def _submit(self, message: SubmitPayment) -> Payment:
        if self._payment is None:
            await self._check_new(message)
        known = self._payment
        if known is not None and known.fingerprint != message.fingerprint:
            fields = differing_fields(known.request, message.request)
            raise IdempotencyConflictError(payment_id=self._id, fields=fields)
        draft = self._draft()
        if known is None:
            # Not read before: whether the stream is empty is decided by the append, which expects it to be.
            apply(draft, self._create(message))
        if message.process:
            await self._begin(draft)
        return await self._commit(draft)

    async def _check_new(self, message: SubmitPayment) -> None:
        """Refuse what a new payment may not ask for; a repetition may, because it changes nothing."""
        try:
            if message.process or message.request.gateway is not None:
                self._charging.check_gateways(message.request.gateway)
            if message.request.retry_of is not None:
                await self._charging.check_retry(message.request.retry_of)
        except (GatewayError, RequestError):
            if not self._is_loaded:
                await self._load()
            if self._payment is None:
                raise

    def _create(self, message: SubmitPayment) -> c.CreatePayment:
        now = self._services.now()
        expires_at = now + timedelta(seconds=self._services.config.payment_expiry_s)
        return c.CreatePayment(at=now, request=message.request, fingerprint=message.fingerprint, expires_at=expires_at)

    async def _process(self) -> Payment:
        self._existing()
        draft = self._draft()
        await self._begin(draft)
        return await self._commit(draft)

    async def _begin(self, draft: Draft) -> None:
        """Start processing unless that has happened already."""
        payment = draft.payment
        if payment is None or payment.is_parked:
            return
        if payment.open_attempt is None and not payment.state.is_final:
            self._charging.check_gateways(payment.request.gateway)
        if payment.state is PaymentState.INITIATED:
            apply(draft, c.AuthenticatePayment(at=self._services.now()))
        await self._charging.next_attempt(draft)

    # --- outcomes -----------------------------------------------------------------------------------

    async def _outcome(self, result: CallResult) -> None:
        payment = self._existing()
        attempt = next((a for a in payment.attempts if a.operation_id == result.call.operation_id), None)
        if (
            attempt is not None
            and payment.state is PaymentState.REQUIRES_ACTION
            and result.call.purpose is Purpose.LOOKUP
        ):
            await self._action_asked_about(attempt, result)
            return
        meaning = None if attempt is None else self._charging.interpret(payment, attempt, result, self._begun_s)
        if attempt is None or meaning is None:
            self._services.calls.withdraw(result.call)
            return
        if isinstance(meaning, Purpose):
            self._charging.place(payment, attempt, meaning)
            return
        evidence = "answer" if result.call.purpose is Purpose.CHARGE else result.call.purpose.value
        draft = self._draft()
        apply(draft, self._charging.record(attempt, meaning, evidence))
        await self._charging.next_attempt(draft)
        await self._commit(draft)
        self._services.calls.withdraw(result.call)
        self._services.recovered(self._id)

    # --- going on by itself -------------------------------------------------------------------------

    async def _wake(self) -> None:
        payment = self._payment
        try:
            if payment is not None and not payment.is_parked:
                await self._go_on(payment)
        finally:
            attempt = None if self._payment is None else self._payment.open_attempt
            if attempt is None or not self._services.calls.is_under_way(attempt.operation_id):
                self._services.recovered(self._id)

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

    async def _expire(self) -> None:
        if self._asks_before_expiry():
            return
        draft = self._draft()
        if draft.apply(c.ExpirePayment(at=self._services.now())) is None:
            await self._commit(draft)

    def _asks_before_expiry(self) -> bool:
        """Ask whether the payer acted although nobody told us; return whether the answer has to be waited for."""
        payment, clock = self._existing(), self._services.clock
        attempt, action = payment.open_attempt, payment.action
        if attempt is None or action is None or action.expires_at > clock.now():
            return False
        if self._charging.question(payment, attempt, self._begun_s) is not Purpose.LOOKUP:
            return False
        is_asking = self._services.calls.is_under_way(attempt.operation_id)
        if not is_asking and clock.monotonic() >= self._ask_again_s:
            self._ask_again_s = clock.monotonic() + _ASK_AGAIN_S
            self._charging.place(payment, attempt, Purpose.LOOKUP)
        return True

    async def _action_asked_about(self, attempt: Attempt, result: CallResult) -> None:
        """The time to act is over: take in what came of it, if it is known."""
        draft = self._draft()
        match result.answer:
            case Approved() | Declined() | Pending() as answer:
                apply(draft, self._charging.record(attempt, answer, Purpose.LOOKUP.value))
            case NotFound() | RequiresAction():
                draft.apply(c.ExpirePayment(at=self._services.now()))
            case _:
                pass
        if draft.events:
            await self._commit(draft)
        self._services.calls.withdraw(result.call)

    async def _carry_on(self) -> None:
        draft = self._draft()
        await self._begin(draft)
        await self._commit(draft)

    async def _wake_processing(self, payment: Payment) -> None:
        attempt = payment.open_attempt
        if attempt is None:
            await self._carry_on()
        elif self._services.calls.is_under_way(attempt.operation_id):
            pass
        elif attempt.status is AttemptStatus.STARTED:
            # The call was made or not made by a process or an instance that is gone: nobody knows.
            await self._doubt(attempt, "the answer was lost in a restart")
            await self._ask_about(self._existing())
        elif attempt.next_check_at <= self._services.now() or self.incarnation > 0:
            await self._ask_about(payment)

    async def _ask_about(self, payment: Payment) -> None:
        """Ask the gateway what became of the open attempt, the way its contract allows."""
        attempt = payment.open_attempt
        if attempt is None:
            return
        question = self._charging.question(payment, attempt, self._begun_s)
        if question is not None:
            self._charging.place(payment, attempt, question)
            return
        await self._doubt(attempt, f"{attempt.gateway} cannot be asked; evidence must come from outside")

    async def _doubt(self, attempt: Attempt, message: str) -> None:
        draft = self._draft()
        lost = OutcomeUnknown(reason=Reason.INTERRUPTED, message=message)
        apply(draft, self._charging.record(attempt, lost, "answer"))
        await self._commit(draft)

    # --- state --------------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Rebuild the payment from its events; if it was interrupted, go on with it after this message."""
        is_first = not self._is_loaded
        self._payment = rebuild(self._id, await self._services.store.load(self._id))
        self._is_loaded = True
        if not is_first or self._payment is None:
            return
        if _is_interrupted(self._payment):
            self.actor_ref.tell(Wake())
        # The instance before this one may have crashed between its commit and telling whoever waits.
        self._tell_settled(self._payment)

    def _existing(self) -> Payment:
        if self._payment is None:
            raise PaymentNotFoundError(f"there is no payment {self._id}")
        return self._payment

    def _draft(self) -> Draft:
        return Draft(self._id, self._payment)

    async def _commit(self, draft: Draft) -> Payment:
        """Write what was decided; only then may it be seen, answered or acted upon."""
        payment = draft.payment
        if payment is None:
            raise PaymentNotFoundError(f"there is no payment {self._id}")
        if not draft.events:
            return payment
        check(payment)
        await self._services.store.append(
            Append(
                payment_id=self._id,
                expected_version=draft.version,
                events=draft.events,
                row=project(payment),
            )
        )
        self._payment = payment
        self._is_loaded = True
        attempt = payment.open_attempt
        if attempt is not None and any(isinstance(event, AttemptStarted) for event in draft.events):
            self._begun_s = self._services.clock.monotonic()
            self._charging.place(payment, attempt, Purpose.CHARGE)
        self._tell_settled(payment)
        return payment

    def _tell_settled(self, payment: Payment) -> None:
        if payment.is_settled:
            self._services.settled(payment)
            if not payment.in_doubt:
                self._services.recovered(self._id)


def _is_interrupted(payment: Payment) -> bool:
    return not payment.is_parked and payment.state in {PaymentState.AUTHENTICATED, PaymentState.PROCESSING}
