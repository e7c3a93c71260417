"""A payment's attempts: which gateway next, and with what."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aegispay.actors.network_caps import cap_marks
from aegispay.actors.router import ChooseGateway
from aegispay.actors.services import PaymentServices, apply
from aegispay.config import AegisPayConfig
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.enriched import enriched_request
from aegispay.domain.ids import is_payment_id
from aegispay.domain.keys import attempt_id, charge_key, request_digest
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.put_off import may_go_back, waits_again
from aegispay.domain.request import CaptureMode, PaymentRequest
from aegispay.domain.retry import RetryPolicy, left_s
from aegispay.domain.routing import RoutingDecision, RoutingRequest, Strategy, draw_of
from aegispay.domain.state import PaymentState
from aegispay.errors import FieldError, NoGatewayError, UnknownGatewayError, ValidationError
from aegispay.history import rebuild
from aegispay.ports import Gateway

_ROUTER_TIMEOUT_S = 10.0
"""The router answers from memory; longer than this it is being restarted, and the payment tries again."""
_REPEATABLE = frozenset({PaymentState.FAILURE, PaymentState.CANCELLED})
_STARTABLE = frozenset({PaymentState.AUTHENTICATED, PaymentState.PROCESSING})


def routing_request(request: PaymentRequest, *, at: datetime, excluded: frozenset[str] = frozenset()) -> RoutingRequest:
    """Return what the router has to know of a payment."""
    return RoutingRequest(
        amount_minor=request.amount_minor,
        currency=request.currency,
        method=request.payment_method.type,
        forced=request.gateway,
        excluded=excluded,
        needs_authorization=request.capture is CaptureMode.MANUAL,
        payment=request,
        at=at,
        sticky_key=request.idempotency_key if request.customer is None else request.customer.id,
    )


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
        if repeated is not None and repeated.has_late_approval:
            message = "names a payment of which a gateway reports that money moved; look at its incidents first"
            raise ValidationError([FieldError("retry_of", message)])
        if repeated is None or repeated.state not in _REPEATABLE:
            found = "no payment" if repeated is None else f"a payment that is {repeated.state}"
            raise ValidationError([FieldError("retry_of", f"must name a payment that has failed; it names {found}")])

    async def next_attempt(self, draft: Draft) -> None:
        """Add the next attempt, or the end of the payment, if it is at the point where one of them has to come."""
        payment = draft.payment
        if payment is None or payment.open_attempt is not None or payment.state not in _STARTABLE:
            return
        services, now = self._services, self._services.now()
        if payment.retry is not None and now < payment.retry.at:
            return
        # Asked once: it may change while the router is asked, and the attempt has to name the one it was decided under.
        revision, settings = services.settings.revision_of(payment), services.settings.of(payment)
        policy = settings.retry
        if payment.attempts and left_s(policy, payment.attempts[0].started_at, now) < 0:
            message = "no attempt begins after the payment's deadline"
            apply(draft, c.RefusePayment(at=now, reason=Reason.RETRY_DEADLINE_PASSED, message=message))
            return
        decision = await self._choose(payment, _strategy(payment, settings))
        gateways = services.gateways
        entry = next((gateways[name] for name in decision.order if name in gateways), None)
        if entry is None:
            apply(draft, self._nobody(payment, policy, decision))
            return
        start = self._start(payment, entry.gateway, decision, revision)
        draft.marks += cap_marks(payment, policy, services.store.salt, start.at)
        apply(draft, start)

    def _nobody(self, payment: Payment, policy: RetryPolicy, decision: RoutingDecision) -> c.Command:
        """End the payment for want of a gateway; one that has waited for its time waits a little more."""
        now = self._services.now()
        again = waits_again(payment, policy, now)
        if again is not None:
            return c.PutOffRetry(at=now, retry=again)
        return c.RefusePayment(at=now, reason=Reason.NO_ELIGIBLE_GATEWAY, message=decision.explain())

    async def _choose(self, payment: Payment, strategy: Strategy) -> RoutingDecision:
        excluded = frozenset(attempt.gateway for attempt in payment.attempts if not may_go_back(payment, attempt))
        request = routing_request(enriched_request(payment), at=self._services.now(), excluded=excluded)
        if request.forced is None and payment.retry is not None and payment.retry.gateway is not None:
            request = replace(request, forced=payment.retry.gateway, is_forced_by_retry=True)
        if self._services.hooks.prefers:
            request = await self._services.hooks.preferring(payment, request)
        question = ChooseGateway(
            request=request,
            strategy=strategy,
            draw=draw_of(payment.id, len(payment.attempts) + 1),
            is_retry=bool(payment.attempts),
            # It protects the gateways, so that of today counts, whatever the payment started with.
            budget=self._services.settings.current.retry.budget,
            at_s=self._services.clock.monotonic(),
        )
        decision: RoutingDecision = await self._services.find_router().ask(
            question, block=False, timeout=_ROUTER_TIMEOUT_S
        )
        return decision

    def _start(
        self, payment: Payment, gateway: Gateway, decision: RoutingDecision, configuration: int
    ) -> c.StartAttempt:
        number = len(payment.attempts) + 1
        operation_id = attempt_id(payment.id, number)
        key = charge_key(payment.id, number, gateway.name)
        return c.StartAttempt(
            at=self._services.now(),
            gateway=gateway.name,
            operation_id=operation_id,
            idempotency_key=key,
            request_digest=request_digest(operation_id, key, payment.fingerprint),
            deadline_at=self._services.patience(gateway.name),
            decision=decision,
            configuration=configuration,
        )


def _strategy(payment: Payment, settings: AegisPayConfig) -> Strategy:
    try:
        return settings.strategy(payment.request.strategy)
    except ValidationError:
        # It was known when the payment was created: a payment under way goes on without it.
        return settings.strategy(None)
