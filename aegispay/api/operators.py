"""What people decide where the engine must not guess, and what gateways report by themselves."""

from __future__ import annotations

from collections.abc import Mapping

from aegispay.actors.payment_messages import CloseIncident, ResolveDoubt
from aegispay.api.life import EngineLife, checked_id
from aegispay.domain.card_data import shown
from aegispay.domain.evidence import Verdict
from aegispay.domain.money import Amount
from aegispay.domain.payment import Payment
from aegispay.domain.text import text
from aegispay.domain.verdict import parse_testimony
from aegispay.errors import PaymentParkedError, RefusedWebhook, UnknownGatewayError, WebhookRefusedError
from aegispay.ports import Receipt

_WORDS_MAX = 500
_NAME_MAX = 100


class OperatorMethods(EngineLife):
    """Doubts, incidents, parking, webhooks."""

    async def resolve_payment(
        self,
        payment_id: str,
        verdict: Verdict | str,
        *,
        evidence: str,
        operator: str,
        reference: str | None = None,
        gateway_reference: str | None = None,
        amount: Amount | None = None,
    ) -> Payment:
        """Say what became of something in doubt, after looking it up with the gateway by other means.

        Args:
            payment_id: whose.
            verdict: ``executed``: the gateway did what was asked; ``not_executed``: it did not, and will not. A charge
                that was not executed ends the payment: nothing is charged elsewhere after a verdict.
            evidence: what it rests on, at most 500 characters; kept.
            operator: who says so, at most 100 characters; kept.
            reference: the id of the attempt or operation meant, see `Payment.doubts`; needed only when several are in
                doubt.
            gateway_reference: the gateway's id of what was done; needed for ``executed``, unless the gateway has named
                it before.
            amount: major units, when an authorization turned out to be for less than was asked.

        Raises:
            NotInDoubtError: there is nothing, or not just one thing, that this verdict could be about.
            BeingAskedError: the gateway is being asked about it at this moment.
            ValidationError: a verdict that does not exist, words that are missing, an amount that cannot be.
            PaymentNotFoundError, PaymentParkedError, OverloadedError, StoreError.
        """
        said = parse_testimony(
            verdict,
            evidence=evidence,
            operator=operator,
            reference=reference,
            gateway_reference=gateway_reference,
            amount=amount,
        )
        message = ResolveDoubt(said=said)
        return await self._open_assembly().dispatcher.ask(checked_id(payment_id), message)

    async def close_incident(self, payment_id: str, incident_id: str, *, operator: str, detail: str) -> Payment:
        """Note that a person has looked at an incident and what is true.

        Args:
            payment_id: whose.
            incident_id: see `Payment.incidents`.
            operator: who, at most 100 characters; kept.
            detail: what was found, at most 500 characters; kept.

        Raises:
            IllegalTransitionError: there is no such open incident.
            ValidationError, PaymentNotFoundError, PaymentParkedError, OverloadedError, StoreError.
        """
        message = CloseIncident(
            incident_id=text("incident_id", incident_id, longest=500),
            operator=text("operator", operator, longest=_NAME_MAX),
            detail=text("detail", detail, longest=_WORDS_MAX),
        )
        return await self._open_assembly().dispatcher.ask(checked_id(payment_id), message)

    async def unpark_payment(self, payment_id: str, *, operator: str) -> Payment:
        """Let a payment go on that was parked because it kept crashing.

        Args:
            payment_id: which.
            operator: who decided that, at most 100 characters; kept in the log.

        Raises:
            ValidationError: the name is missing or too long.
            PaymentNotFoundError: there is no such payment.
            PaymentParkedError: a hook wants a person to decide about it: that is what `review_payment` is for.
        """
        assembly = self._open_assembly()
        name = text("operator", operator, longest=_NAME_MAX)
        if assembly.parking.is_in_review(checked_id(payment_id)):
            raise PaymentParkedError(f"{payment_id} waits for a review", hint="Decide with review_payment().")
        await assembly.unpark(checked_id(payment_id), operator=name)
        return await self._payment_on_disk(payment_id)

    async def receive_webhook(self, gateway: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Take in what a gateway reports: verified, kept, and merged into its payment whatever the order.

        `aegispay.webhooks.asgi` does this for a web server.

        Args:
            gateway: the registered gateway whose webhook it is, as the route says; never read from the body.
            headers: of the request.
            body: its raw bytes.

        Raises:
            UnknownGatewayError: no such gateway, or it sends no webhooks.
            WebhookRefusedError: not genuine, too old, too large or unreadable; nothing was kept.
            StoreError: it could not be kept, so the gateway must send it again.
            OverloadedError, PaymentParkedError: it contradicts an earlier one and its payment cannot be told, so the
                gateway must send it again.
        """
        assembly = self._open_assembly()
        entry = assembly.gateways.get(gateway) if isinstance(gateway, str) else None
        if entry is None:
            raise UnknownGatewayError(f"gateway: {shown(gateway)} is not registered")
        if not isinstance(headers, Mapping) or not all(
            isinstance(part, str) for item in headers.items() for part in item
        ):
            raise WebhookRefusedError("the headers are no mapping of texts", reason=RefusedWebhook.UNREADABLE)
        return await assembly.inbox.receive(entry.gateway, headers, body)
