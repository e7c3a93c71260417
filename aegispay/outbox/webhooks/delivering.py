"""Hands one event to one endpoint, and tells the relay what the answer means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from aegispay.outbox.definition import DeliveryContext, Disable, RetryAfter
from aegispay.outbox.webhooks.answer import Answer
from aegispay.outbox.webhooks.letters import Letters
from aegispay.outbox.webhooks.past import Past
from aegispay.ports import Clock
from aegispay.ports.outbox import WebhookAttempt
from aegispay.ports.tracing import outgoing_headers


class Sender(Protocol):
    """Posts to one endpoint."""

    async def check(self) -> None:
        """Refuse an endpoint whose host leads inside."""
        ...

    async def post(self, event_id: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send an event, once, and return what came of it."""
        ...

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        ...


class NotDeliveredError(Exception):
    """The endpoint did not answer as one that has taken the event."""


class WebhookDelivery:
    """The handler of an endpoint's subscription.

    Args:
        sender: posts to the endpoint. letters: makes what is posted. past: keeps the delivery log short. clock: for
            its lines.
    """

    def __init__(self, *, sender: Sender, letters: Letters, past: Past, clock: Clock) -> None:
        self._sender = sender
        self._letters = letters
        self._past = past
        self._clock = clock

    async def __call__(self, context: DeliveryContext) -> None:
        """Post the event, and note the request in the delivery log.

        Raises:
            Disable: the endpoint never wants to hear of anything again.
            RetryAfter: it wants to be left alone for some time.
            NotDeliveredError: it has to be tried again by the schedule.
            StoreError: the payment cannot be read.
        """
        stored = context.stored
        await self._past.forget()
        body = await self._letters.body_of(stored)
        at = self._clock.now()
        answer = await self._sender.post(stored.event_id, body, headers=outgoing_headers())
        context.note(
            WebhookAttempt(
                endpoint=context.subscriber,
                position=stored.position,
                event_id=stored.event_id,
                at=at,
                status=answer.status,
                latency_s=answer.latency_s,
                error=answer.problem,
            )
        )
        if answer.is_delivered:
            return
        if answer.is_gone:
            raise Disable(answer.problem)
        wait_s = answer.wait_s(self._clock.now())
        if wait_s is not None:
            raise RetryAfter(wait_s, answer.problem)
        raise NotDeliveredError(answer.problem)
