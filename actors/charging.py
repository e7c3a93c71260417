"""A payment's attempts: which gateway next, what exactly is sent, what an answer says about the attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pykka import ActorRef

from aegispay.actors.calls import CallResult, CallScope, GatewayCall
from aegispay.actors.errors import ActorDeadError, MailboxFullError
from aegispay.actors.gateway import PlaceCall
from aegispay.actors.router import ChooseGateway
from aegispay.config import AegisConfig
from aegispay.domain import commands as c
from aegispay.domain.contract import GatewayContract
from aegispay.domain.draft import Draft
from aegispay.domain.ids import is_payment_id
from aegispay.domain.keys import attempt_id, charge_key, request_digest
from aegispay.domain.outcome import Approved, NotProcessed, Outcome, OutcomeUnknown, Reason
from aegispay.domain.payment import Attempt, Payment
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
    EngineFailedError,
    FencedError,
    FieldError,
    IllegalTransitionError,
    NoGatewayError,
    UnknownGatewayError,
    ValidationError,
)
from aegispay.history import rebuild
from aegispay.ports import ChargeRequest, Clock, EventStore, Gateway, NotFound

_ROUTER_TIMEOUT_S = 10.0
"""The router answers from memory; longer than this it is being restarted, and the payment tries again."""
_REPEATABLE = frozenset({PaymentState.FAILURE, PaymentState.CANCELLED})
_STARTABLE = frozenset({PaymentState.AUTHENTICATED, PaymentState.PROCESSING})


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """A registered gateway and how to find the actor that guards it."""

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
        find_router: looked up for each question, because the router may have been started anew.
        deliver: hands a call's result to the payment it is about, whichever incarnation lives then.
        is_halted: whether the engine may call gateways no more.
        fenced: called when another engine turns out to own the store.
        settled: called after the commit that leaves a payment with nothing to wait for.
        recovered: called when a payment that was interrupted has survived what it was doing then.
    """

    store: EventStore
    clock: Clock
    config: AegisConfig
    find_router: Callable[[], ActorRef[Any]]
    gateways: Mapping[str, GatewayEntry]
    calls: CallScope
    deliver: Callable[[CallResult], None]
    is_halted: Callable[[], bool]
    fenced: Callable[[FencedError], None]
    settled: Callable[[Payment], None]
    recovered: Callable[[str], None]

    def now(self) -> datetime:
        """Return the wall clock."""
        return self.clock.now()

    def later(self, seconds: float) -> datetime:
        """Return the wall clock in `seconds`."""
        return self.clock.now() + timedelta(seconds=seconds)


def apply(draft: Draft, command: c.Command) -> None:
    """Decide a command that the caller expects to be legal.

    Raises:
        IllegalTransitionError: it is not.
    """
    rejection = draft.apply(command)
    if rejection is not None:
        state = "nothing" if draft.payment is None else draft.payment.state.value
        raise IllegalTransitionError(state=state, command=type(command).__name__, reason=rejection.value)


class Charging:
    """The attempts of any payment; it holds no payment's state."""

    __slots__ = ("_services",)

    def __init__(self, services: PaymentServices) -> None:
        self._services = services

    @property
    def services(self) -> PaymentServices:
        """What payment actors work with."""
        return self._services

    # --- the next attempt ---------------------------------------------------------------------------

    def check_gateways(self, forced: str | None) -> None:
        """Refuse to begin where there is nobody to begin with.

        Raises:
            NoGatewayError: no gateway is registered.
            UnknownGatewayError: the request names one that is not.
        """
        gateways = self._services.gateways
        if not gateways:
            raise NoGatewayError("no gateway is registered")
        if forced is not None and forced not in gateways:
            raise UnknownGatewayError(f"gateway: {forced!r} is not registered; there are {', '.join(gateways)}")

    async def check_retry(self, payment_id: str) -> None:
        """Refuse to repeat a payment that succeeded or may still succeed.

        Raises:
            ValidationError: there is no such payment, or it has not failed.
        """
        repeated = None
        if is_payment_id(payment_id):
            repeated = rebuild(payment_id, await self._services.store.load(payment_id))
        if repeated is None or repeated.state not in _REPEATABLE:
            found = "no payment" if repeated is None else f"a payment that is {repeated.state}"
            raise ValidationError([FieldError("retry_of", f"must name a payment that has failed; it names {found}")])

    async def next_attempt(self, draft: Draft) -> None:
        """Add the next attempt, or the end of the payment, if it is at the point where one of them has to come."""
        payment = draft.payment
        if payment is None or payment.open_attempt is not None or payment.state not in _STARTABLE:
            return
        decision = await self._choose(payment)
        gateways = self._services.gateways
        entry = next((gateways[name] for name in decision.order if name in gateways), None)
        if entry is None:
            reason, message = Reason.NO_ELIGIBLE_GATEWAY, decision.explain()
            apply(draft, c.RefusePayment(at=self._services.now(), reason=reason, message=message))
        else:
            apply(draft, self._start(payment, entry.gateway, decision))

    async def _choose(self, payment: Payment) -> RoutingDecision:
        request = RoutingRequest(
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            method=payment.payment_method.type,
            forced=payment.request.gateway,
            excluded=frozenset(attempt.gateway for attempt in payment.attempts),
        )
        decision: RoutingDecision = await self._services.find_router().ask(
            ChooseGateway(request), block=False, timeout=_ROUTER_TIMEOUT_S
        )
        return decision

    def _start(self, payment: Payment, gateway: Gateway, decision: RoutingDecision) -> c.StartAttempt:
        number = len(payment.attempts) + 1
        operation_id = attempt_id(payment.id, number)
        key = charge_key(payment.id, number, gateway.name)
        # After the deadline no call can begin any more: it covers waiting to start, the call, and some grace.
        patience_s = gateway.contract.timeout_s + 2 * self._services.config.answer_grace_s
        return c.StartAttempt(
            at=self._services.now(),
            gateway=gateway.name,
            operation_id=operation_id,
            idempotency_key=key,
            request_digest=request_digest(operation_id, key, payment.fingerprint),
            deadline_at=self._services.later(patience_s),
            decision=decision,
        )

    # --- asking a gateway ---------------------------------------------------------------------------

    def place(self, payment: Payment, attempt: Attempt, purpose: Purpose) -> None:
        """Hand the call to the gateway's actor; whatever becomes of it is delivered to the payment."""
        services = self._services
        if services.is_halted():
            return
        entry = services.gateways[attempt.gateway]
        call = GatewayCall(
            payment_id=payment.id,
            operation_id=attempt.operation_id,
            purpose=purpose,
            request=ChargeRequest(
                payment_id=payment.id,
                reference=attempt.operation_id,
                idempotency_key=attempt.idempotency_key,
                money=payment.money,
                payment_method=payment.payment_method,
                customer=payment.customer,
                metadata=payment.metadata,
                capture=payment.request.capture,
                timeout_s=entry.gateway.contract.timeout_s,
            ),
            start_before=services.clock.monotonic() + services.config.answer_grace_s,
        )
        services.calls.announce(call)
        try:
            entry.ref.tell(PlaceCall(call))
        except (MailboxFullError, ActorDeadError, EngineFailedError):
            busy = NotProcessed(reason=Reason.BULKHEAD_FULL, message=f"{attempt.gateway} takes no calls now")
            services.deliver(CallResult(call=call, gateway=attempt.gateway, answer=busy))

    def question(self, payment: Payment, attempt: Attempt, begun_s: float | None) -> Purpose | None:
        """Return how the gateway can be asked what became of the attempt; ``None`` when it cannot."""
        entry = self._services.gateways.get(attempt.gateway)
        if entry is None:
            return None
        contract = entry.gateway.contract
        step = first_step(contract, attempt, self._services.now())
        if step is Purpose.RESEND and not self._may_resend(payment, attempt, contract, begun_s):
            return None
        return step

    def _may_resend(self, payment: Payment, attempt: Attempt, contract: GatewayContract, begun_s: float | None) -> bool:
        now = self._services.now()
        if begun_s is not None:
            now = max(now, attempt.started_at + timedelta(seconds=self._services.clock.monotonic() - begun_s))
        if payment.is_cancel_requested or now < attempt.started_at:
            return False
        digest = request_digest(attempt.operation_id, attempt.idempotency_key, payment.fingerprint)
        return digest == attempt.request_digest and may_resend(contract, attempt, now)

    # --- what an answer means -----------------------------------------------------------------------

    def interpret(
        self, payment: Payment, attempt: Attempt, result: CallResult, begun_s: float | None
    ) -> Outcome | Purpose | None:
        """Return what an answer says about the attempt, or which question comes next, or ``None`` for nothing.

        Args:
            payment: whose attempt it is.
            attempt: which the answer is about.
            result: the answer.
            begun_s: monotonic seconds at the attempt's start, if this process made it: the wall clock may jump.
        """
        if not isinstance(result.answer, NotFound):
            return self._meaning(attempt, result, result.answer)
        if not attempt.status.is_open:
            return None
        contract = self._services.gateways[attempt.gateway].gateway.contract
        if self._may_resend(payment, attempt, contract, begun_s):
            return Purpose.RESEND
        if self._proves_absence(contract, payment, attempt, result, begun_s):
            message = f"{attempt.gateway} has no record of the request"
            return NotProcessed(reason=Reason.NEVER_RECEIVED, message=message)
        message = f"{attempt.gateway} does not show the request, which proves nothing yet"
        return OutcomeUnknown(reason=Reason.TIMEOUT, message=message)

    def _meaning(self, attempt: Attempt, result: CallResult, answer: Outcome) -> Outcome | None:
        if not isinstance(answer, Approved) and self._services.calls.is_running(attempt.operation_id):
            # A late answer to a send that was given up: the call that runs now has the last word.
            return None
        # Only the answer to the one and only send says what became of the attempt. Once others may have been made, or
        # the gateway has a record of the attempt, "this one was not processed" proves nothing.
        is_first = attempt.status is AttemptStatus.STARTED and attempt.reference is None
        is_only = result.call.purpose is not Purpose.CHARGE or is_first
        return as_evidence(result.call.purpose if is_only else Purpose.RESEND, answer)

    def _proves_absence(
        self,
        contract: GatewayContract,
        payment: Payment,
        attempt: Attempt,
        result: CallResult,
        begun_s: float | None,
    ) -> bool:
        services = self._services
        if result.asked_at is None or not result.is_alone or services.calls.is_lingering(attempt.operation_id):
            return False
        if attempt.reference is not None or any(i.reason is Reason.AMOUNT_MISMATCH for i in payment.incidents):
            # It has said before that it has the request: "not found" contradicts that, and proves nothing.
            return False
        # By when the question was asked: what the provider saw then, later times cannot change.
        asked_at = result.asked_at
        if begun_s is not None:
            asked_at = min(asked_at, attempt.started_at + timedelta(seconds=result.asked_s - begun_s))
        return proves_absence(contract, attempt, asked_at, start_delay_s=2 * services.config.answer_grace_s)

    def record(self, attempt: Attempt, outcome: Outcome, evidence: str) -> c.RecordOutcome:
        """Return the command that takes an outcome in, with the times that may follow from it."""
        services = self._services
        entry = services.gateways.get(attempt.gateway)
        validity_s = 0.0 if entry is None else entry.gateway.contract.authorization_validity_s
        checks = attempt.checks + 1 if attempt.status is AttemptStatus.UNKNOWN else 0
        return c.RecordOutcome(
            at=services.now(),
            operation_id=attempt.operation_id,
            outcome=outcome,
            evidence=evidence,
            policy=services.config.retry,
            next_check_at=services.later(check_delay_s(checks, services.config.check_delays_s)),
            authorization_expires_at=services.later(validity_s),
        )
