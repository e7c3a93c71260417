"""A payment's attempts: which gateway next, and with what."""

from __future__ import annotations

from datetime import datetime

from aegispay.actors.router import ChooseGateway
from aegispay.actors.services import PaymentServices, apply
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.ids import is_payment_id
from aegispay.domain.keys import attempt_id, charge_key, request_digest
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.request import CaptureMode, PaymentRequest
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
        decision = await self._choose(payment)
        gateways = self._services.gateways
        entry = next((gateways[name] for name in decision.order if name in gateways), None)
        if entry is None:
            reason, message = Reason.NO_ELIGIBLE_GATEWAY, decision.explain()
            apply(draft, c.RefusePayment(at=self._services.now(), reason=reason, message=message))
        else:
            apply(draft, self._start(payment, entry.gateway, decision))

    async def _choose(self, payment: Payment) -> RoutingDecision:
        excluded = frozenset(attempt.gateway for attempt in payment.attempts)
        request = routing_request(payment.request, at=self._services.now(), excluded=excluded)
        question = ChooseGateway(
            request=request,
            strategy=self._strategy(payment),
            draw=draw_of(payment.id, len(payment.attempts) + 1),
        )
        decision: RoutingDecision = await self._services.find_router().ask(
            question, block=False, timeout=_ROUTER_TIMEOUT_S
        )
        return decision

    def _strategy(self, payment: Payment) -> Strategy:
        config = self._services.config
        try:
            return config.strategy(payment.request.strategy)
        except ValidationError:
            # It was known when the payment was created: a payment under way goes on without it.
            return config.routing

    def _start(self, payment: Payment, gateway: Gateway, decision: RoutingDecision) -> c.StartAttempt:
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
        )
