"""Where a payment would go, without sending it there."""

from __future__ import annotations

from typing import Unpack

from aegispay.actors.charging import routing_request
from aegispay.actors.router import ChooseGateway
from aegispay.api.life import EngineLife
from aegispay.domain.ids import derive_payment_id
from aegispay.domain.request import PaymentRequest, parse_request
from aegispay.domain.routing import RoutingDecision, draw_of
from aegispay.fields import RouteFields, check_route_names
from aegispay.ports import Gateway
from aegispay.views import RoutePreview, RoutePrice

_ROUTER_TIMEOUT_S = 10.0
_ANY_KEY = "preview"


class RoutingMethods(EngineLife):
    """Questions about routing."""

    async def preview_route(self, **fields: Unpack[RouteFields]) -> RoutePreview:
        """Say which gateways would be tried for such a payment, in which order, why, and at what price.

        Nothing is stored, no gateway is asked, and nobody's turn is used up. Hooks are not asked either. Strategies
        that draw lots draw for this `idempotency_key` and `merchant`, so that a payment created with them draws the
        same; without a key, they draw for some other payment.

        Args:
            **fields: as for `create_payment`; only amount, currency and payment method are needed.

        Raises:
            ValidationError: fields are wrong; every problem is listed.
            CardDataError: card data stands where a token belongs.
            UnknownGatewayError: `gateway` names none that is registered.
            NoGatewayError: no gateway is registered.
        """
        assembly = self._open_assembly()
        check_route_names(fields)
        request = parse_request(**{"idempotency_key": _ANY_KEY, **fields})
        assembly.charging.check_gateways(request.gateway)
        payment_id = derive_payment_id(self._store.salt, request.merchant, request.idempotency_key)
        question = ChooseGateway(
            request=routing_request(request, at=self._clock.now()),
            strategy=assembly.settings.current.strategy(request.strategy),
            draw=draw_of(payment_id, 1),
            is_preview=True,
        )
        decision: RoutingDecision = await assembly.find("router").ask(question, block=False, timeout=_ROUTER_TIMEOUT_S)
        gateways = {name: entry.gateway for name, entry in assembly.gateways.items()}
        prices = tuple(_price(gateways[each.gateway], request) for each in decision.candidates)
        return RoutePreview(decision=decision, prices=prices)


def _price(gateway: Gateway, request: PaymentRequest) -> RoutePrice:
    fee = gateway.contract.fee(request.currency, request.payment_method.type)
    cost = None if fee is None else fee.cost_minor(request.amount_minor)
    return RoutePrice(gateway=gateway.name, cost_minor=cost, currency=request.currency)
