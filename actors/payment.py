"""The payment actor: one payment, one mailbox, one writer of its events. It never waits for a gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aegispay.actors import Actor, ActorDeadError, ActorRef, ControlMessage, MailboxFullError, Refusal
from aegispay.actors.calls import CallResult, CallScope, GatewayCall
from aegispay.actors.gateway import PlaceCall
from aegispay.actors.router import ChooseGateway
from aegispay.config import AegisConfig
from aegispay.domain import commands as c
from aegispay.domain.contract import GatewayContract
from aegispay.domain.draft import Draft
from aegispay.domain.events import AttemptStarted
from aegispay.domain.evolve import IllegalEventError, replay
from aegispay.domain.invariants import InvariantError, check
from aegispay.domain.keys import attempt_id, charge_key, request_digest
from aegispay.domain.outcome import NotProcessed, Outcome, OutcomeUnknown, Reason
from aegispay.domain.payment import Attempt, Payment
from aegispay.domain.projection import project
from aegispay.domain.request import PaymentRequest, differing_fields
from aegispay.domain.resolution import (
    Purpose,
    as_evidence,
    check_delay_s,
    first_step,
    may_resend,
    proves_absence,
)
from aegispay.domain.routing import RoutingDecision, RoutingRequest
from aegispay.domain.state import AttemptStatus, PaymentState
from aegispay.errors import (
    AegisPayError,
    CorruptStoreError,
    EngineFailedError,
    FencedError,
    IdempotencyConflictError,
    IllegalTransitionError,
    PaymentNotFoundError,
    StoreError,
    StoreUnavailableError,
    VersionConflictError,
)
from aegispay.ports import Append, ChargeRequest, Clock, EventStore, Gateway, NotFound

# --- messages ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitPayment:
    """Create the payment, or repeat its creation; the reply is the `Payment`.

    Attributes:
        process: whether to start processing it in the same step.
    """

    request: PaymentRequest
    fingerprint: str
    process: bool = False


@dataclass(frozen=True, slots=True)
class ProcessPayment:
    """Start processing, or say how far it is; the reply is the `Payment` once the intent is on disk."""


@dataclass(frozen=True, slots=True)
class GetPayment:
    """Ask for the `Payment` as it is now."""


@dataclass(frozen=True, slots=True)
class OutcomeArrived(ControlMessage):
    """A gateway call about this payment ended; addressed to the payment, not to an incarnation."""

    result: CallResult


@dataclass(frozen=True, slots=True)
class Wake(ControlMessage):
    """The payment's durable timer is due, or the engine has just started: go on with what is unfinished."""


class RefusedError(Refusal):
    """Carries one of AegisPay's own errors to whoever asked; the actor is fine."""

    def __init__(self, error: AegisPayError) -> None:
        super().__init__(str(error))
        self.error = error


# --- the actor --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """A registered gateway and the actor that guards it."""

    gateway: Gateway
    find: Callable[[], ActorRef[Any]]

    @property
    def ref(self) -> ActorRef[Any]:
        """The actor's ref, looked up: the actor may have been started anew."""
        return self.find()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentServices:
    """What payment actors work with.

    Attributes:
        settled: called after the commit that leaves a payment with nothing to wait for.
    """

    store: EventStore
    clock: Clock
    config: AegisConfig
    router: ActorRef[Any]
    gateways: Mapping[str, GatewayEntry]
    calls: CallScope
    settled: Callable[[Payment], None]


_ROUTER_TIMEOUT_S = 10.0
"""The router answers from memory; longer than this it is being restarted, and the payment tries again."""
_STORE_RETRY_S = 1.0
"""How soon an outcome is offered to the store again that it could not take."""


class PaymentActor(Actor):
    """Serialises everything that happens to one payment."""

    def __init__(self, payment_id: str, services: PaymentServices) -> None:
        super().__init__()
        self._id = payment_id
        self._services = services
        self._payment: Payment | None = None

    def __repr__(self) -> str:
        """Show id, state and version."""
        if self._payment is None:
            return f"<PaymentActor {self._id} empty>"
        return f"<PaymentActor {self._id} {self._payment.state} v{self._payment.version}>"

    def can_passivate(self) -> bool:
        """Stay in memory while an attempt is open."""
        return self._payment is None or self._payment.open_attempt is None

    async def on_start(self) -> None:  # type: ignore[override]  # pykka's hooks may be async here
        """Rebuild the payment from its events; if it was interrupted, go on with it."""
        await self._load()
        if self._payment is not None and _is_interrupted(self._payment):
            self.actor_ref.tell(Wake())

    async def on_receive(self, message: Any) -> Any:
        """Handle one message; business refusals are replies, everything unexpected is a crash."""
        try:
            return await self._handle(message)
        except VersionConflictError:
            # Somebody wrote to this stream beside us, as unparking does: read again and decide anew, once.
            await self._load()
            return await self._handle(message)
        except (StoreUnavailableError, FencedError) as error:
            # Surely not written, so what is in memory is still true.
            if isinstance(message, OutcomeArrived) and isinstance(error, StoreUnavailableError):
                self.timers.start(("store", message.result.call.operation_id), message, _STORE_RETRY_S)
            raise RefusedError(error) from error
        except (AegisPayError, InvariantError) as error:
            if isinstance(error, StoreError | InvariantError):
                raise
            raise RefusedError(error) from error

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
        known = self._payment
        if known is not None and known.fingerprint != message.fingerprint:
            fields = differing_fields(known.request, message.request)
            raise IdempotencyConflictError(payment_id=self._id, fields=fields)
        draft = self._draft()
        if known is None:
            now = self._now()
            self._apply(
                draft,
                c.CreatePayment(
                    at=now,
                    request=message.request,
                    fingerprint=message.fingerprint,
                    expires_at=now + timedelta(seconds=self._services.config.payment_expiry_s),
                ),
            )
        if message.process:
            await self._begin(draft)
        return await self._commit(draft)

    async def _process(self) -> Payment:
        self._existing()
        draft = self._draft()
        await self._begin(draft)
        return await self._commit(draft)

    async def _begin(self, draft: Draft) -> None:
        """Start processing unless that has happened already."""
        if draft.payment is not None and draft.payment.is_parked:
            return
        if draft.payment is not None and draft.payment.state is PaymentState.INITIATED:
            self._apply(draft, c.AuthenticatePayment(at=self._now()))
        await self._next_attempt(draft)

    # --- attempts -----------------------------------------------------------------------------------

    async def _next_attempt(self, draft: Draft) -> None:
        """Add the next attempt, or the end of the payment, if it is at the point where one of them has to come."""
        payment = draft.payment
        if payment is None or payment.open_attempt is not None:
            return
        if payment.state not in {PaymentState.AUTHENTICATED, PaymentState.PROCESSING}:
            return
        decision = await self._choose(payment)
        entry = next((self._services.gateways[n] for n in decision.order if n in self._services.gateways), None)
        if entry is None:
            self._apply(
                draft,
                c.RefusePayment(at=self._now(), reason=Reason.NO_ELIGIBLE_GATEWAY, message=decision.explain()),
            )
            return
        self._apply(draft, self._start(payment, entry.gateway, decision))

    async def _choose(self, payment: Payment) -> RoutingDecision:
        request = RoutingRequest(
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            method=payment.payment_method.type,
            forced=payment.request.gateway,
            excluded=frozenset(attempt.gateway for attempt in payment.attempts),
        )
        decision: RoutingDecision = await self._services.router.ask(
            ChooseGateway(request), block=False, timeout=_ROUTER_TIMEOUT_S
        )
        return decision

    def _start(self, payment: Payment, gateway: Gateway, decision: RoutingDecision) -> c.StartAttempt:
        number = len(payment.attempts) + 1
        operation_id = attempt_id(self._id, number)
        key = charge_key(self._id, number, gateway.name)
        # After the deadline no call can begin any more: it covers waiting to start, the call, and some grace.
        patience_s = gateway.contract.timeout_s + 2 * self._services.config.answer_grace_s
        return c.StartAttempt(
            at=self._now(),
            gateway=gateway.name,
            operation_id=operation_id,
            idempotency_key=key,
            request_digest=request_digest(operation_id, key, payment.fingerprint),
            deadline_at=self._in(patience_s),
            decision=decision,
        )

    def _place(self, payment: Payment, attempt: Attempt, purpose: Purpose) -> None:
        """Hand the call to the gateway's actor; whatever becomes of it comes back as `OutcomeArrived`."""
        entry = self._services.gateways[attempt.gateway]
        call = GatewayCall(
            payment_id=self._id,
            operation_id=attempt.operation_id,
            purpose=purpose,
            request=ChargeRequest(
                payment_id=self._id,
                reference=attempt.operation_id,
                idempotency_key=attempt.idempotency_key,
                money=payment.money,
                payment_method=payment.payment_method,
                customer=payment.customer,
                metadata=payment.metadata,
                capture=payment.request.capture,
                timeout_s=entry.gateway.contract.timeout_s,
            ),
            start_before=self._services.clock.monotonic() + self._services.config.answer_grace_s,
        )
        self._services.calls.announce(call)
        try:
            entry.ref.tell(PlaceCall(call))
        except (MailboxFullError, ActorDeadError, EngineFailedError):
            self._services.calls.withdraw(call)
            busy = NotProcessed(reason=Reason.BULKHEAD_FULL, message=f"{attempt.gateway} takes no calls now")
            self.actor_ref.tell(OutcomeArrived(CallResult(call=call, gateway=attempt.gateway, answer=busy)))

    # --- outcomes -----------------------------------------------------------------------------------

    async def _outcome(self, result: CallResult) -> None:
        payment = self._existing()
        attempt = next((a for a in payment.attempts if a.operation_id == result.call.operation_id), None)
        if attempt is None:
            return
        outcome = self._interpret(payment, attempt, result)
        if outcome is None:
            return
        draft = self._draft()
        evidence = "answer" if result.call.purpose is Purpose.CHARGE else result.call.purpose.value
        self._apply(draft, self._record(attempt, outcome, evidence))
        await self._next_attempt(draft)
        await self._commit(draft)

    def _interpret(self, payment: Payment, attempt: Attempt, result: CallResult) -> Outcome | None:
        """Return what the answer says about the attempt; ``None`` when another question had to be asked first."""
        purpose = result.call.purpose
        if not isinstance(result.answer, NotFound):
            # Once in doubt, other sends may have been made: "this one was not processed" proves nothing any more.
            in_doubt = attempt.status is AttemptStatus.UNKNOWN and purpose is Purpose.CHARGE
            return as_evidence(Purpose.RESEND if in_doubt else purpose, result.answer)
        if not attempt.status.is_open:
            return None
        contract = self._services.gateways[attempt.gateway].gateway.contract
        now = self._now()
        if self._may_resend(payment, attempt, contract):
            self._place(payment, attempt, Purpose.RESEND)
            return None
        if proves_absence(contract, attempt, now):
            return NotProcessed(reason=Reason.NEVER_RECEIVED, message=f"{attempt.gateway} has no record of the request")
        return OutcomeUnknown(
            reason=Reason.TIMEOUT, message=f"{attempt.gateway} does not show the request, which proves nothing yet"
        )

    def _may_resend(self, payment: Payment, attempt: Attempt, contract: GatewayContract) -> bool:
        if payment.is_cancel_requested:
            return False
        digest = request_digest(attempt.operation_id, attempt.idempotency_key, payment.fingerprint)
        return digest == attempt.request_digest and may_resend(contract, attempt, self._now())

    def _record(self, attempt: Attempt, outcome: Outcome, evidence: str) -> c.RecordOutcome:
        entry = self._services.gateways.get(attempt.gateway)
        validity_s = 0.0 if entry is None else entry.gateway.contract.authorization_validity_s
        checks = attempt.checks + 1 if attempt.status is AttemptStatus.UNKNOWN else 0
        return c.RecordOutcome(
            at=self._now(),
            operation_id=attempt.operation_id,
            outcome=outcome,
            evidence=evidence,
            policy=self._services.config.retry,
            next_check_at=self._in(check_delay_s(checks, self._services.config.check_delays_s)),
            authorization_expires_at=self._in(validity_s),
        )

    # --- going on by itself -------------------------------------------------------------------------

    async def _wake(self) -> None:
        payment = self._payment
        if payment is None or payment.is_parked:
            return
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
        draft = self._draft()
        if draft.apply(c.ExpirePayment(at=self._now())) is None:
            await self._commit(draft)

    async def _carry_on(self) -> None:
        draft = self._draft()
        await self._next_attempt(draft)
        await self._commit(draft)

    async def _wake_processing(self, payment: Payment) -> None:
        attempt = payment.open_attempt
        if attempt is None:
            await self._carry_on()
        elif self._services.calls.is_under_way(attempt.operation_id):
            pass
        elif attempt.status is AttemptStatus.STARTED:
            # The call was made or not made by a process or an instance that is gone: nobody knows.
            lost = OutcomeUnknown(reason=Reason.INTERRUPTED, message="the answer was lost in a restart")
            draft = self._draft()
            self._apply(draft, self._record(attempt, lost, "answer"))
            await self._commit(draft)
            await self._ask_about(self._existing())
        elif attempt.next_check_at <= self._now() or self.incarnation > 0:
            await self._ask_about(payment)

    async def _ask_about(self, payment: Payment) -> None:
        """Ask the gateway what became of the open attempt, the way its contract allows."""
        attempt = payment.open_attempt
        if attempt is None:
            return
        entry = self._services.gateways.get(attempt.gateway)
        step = None if entry is None else first_step(entry.gateway.contract, attempt, self._now())
        if (
            step is Purpose.RESEND
            and entry is not None
            and not self._may_resend(payment, attempt, entry.gateway.contract)
        ):
            step = None
        if step is not None:
            self._place(payment, attempt, step)
            return
        waiting = OutcomeUnknown(
            reason=Reason.INTERRUPTED, message=f"{attempt.gateway} cannot be asked; evidence must come from outside"
        )
        draft = self._draft()
        self._apply(draft, self._record(attempt, waiting, "answer"))
        await self._commit(draft)

    # --- state --------------------------------------------------------------------------------------

    async def _load(self) -> None:
        stored = await self._services.store.load(self._id)
        try:
            self._payment = replay(self._id, (item.event for item in stored))
        except (IllegalEventError, KeyError, IndexError) as error:
            raise CorruptStoreError(f"{self._id}: its events do not fit together: {error}") from error
        if self._payment is not None:
            check(self._payment)

    def _existing(self) -> Payment:
        if self._payment is None:
            raise PaymentNotFoundError(f"there is no payment {self._id}")
        return self._payment

    def _draft(self) -> Draft:
        return Draft(self._id, self._payment)

    def _apply(self, draft: Draft, command: c.Command) -> None:
        rejection = draft.apply(command)
        if rejection is not None:
            state = "nothing" if draft.payment is None else draft.payment.state.value
            raise IllegalTransitionError(state=state, command=type(command).__name__, reason=rejection.value)

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
        attempt = payment.open_attempt
        if attempt is not None and attempt.status is AttemptStatus.STARTED and attempt.number > _started(draft):
            self._place(payment, attempt, Purpose.CHARGE)
        if payment.is_settled:
            self._services.settled(payment)
        return payment

    def _now(self) -> datetime:
        return self._services.clock.now()

    def _in(self, seconds: float) -> datetime:
        return self._now() + timedelta(seconds=seconds)


def _started(draft: Draft) -> int:
    """Return how many attempts were on disk before this draft."""
    assert draft.payment is not None
    return len(draft.payment.attempts) - sum(isinstance(event, AttemptStarted) for event in draft.events)


def _is_interrupted(payment: Payment) -> bool:
    return not payment.is_parked and payment.state in {PaymentState.AUTHENTICATED, PaymentState.PROCESSING}
