"""The endpoints of an engine: each is a subscription whose handler posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aegispay.domain.deliveries.interests import Interests
from aegispay.outbox.definition import Definition, Start
from aegispay.outbox.relay import Relay
from aegispay.outbox.statuses import SubscriptionStatus
from aegispay.outbox.webhooks.choosing import choose
from aegispay.outbox.webhooks.delivering import Sender, WebhookDelivery
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint
from aegispay.outbox.webhooks.letters import Letters
from aegispay.outbox.webhooks.offline import kept_endpoint, unknown_endpoint
from aegispay.outbox.webhooks.past import Past
from aegispay.ports import Clock, EventStore
from aegispay.ports.outbox import SubscriberKind, WebhookAttempt

_GRACE_S = 15.0
"""For reading the payment and the rest of an answer, beside the request itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStatus:
    """One endpoint at a glance.

    Attributes:
        url: where it is, without path and query; empty when this engine was not given the endpoint.
        subscription: how far it has got, what it is owed, and why nothing is sent any more, if so.
    """

    url: str
    subscription: SubscriptionStatus

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.subscription.name


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookLog:
    """A page of the delivery log, newest first.

    Attributes:
        next_cursor: pass as `before` for the next page; ``None`` on the last.
    """

    attempts: tuple[WebhookAttempt, ...]
    next_cursor: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReplay:
    """What is posted once more.

    Attributes:
        events: how many.
        more_after: pass as `since` for the rest of them; ``None`` when these are all.
    """

    events: int
    more_after: int | None = None


class Webhooks:
    """Adds endpoints to the relay, and finds out about them."""

    def __init__(self, relay: Relay, store: EventStore, clock: Clock) -> None:
        self._relay = relay
        self._store = store
        self._clock = clock
        self._letters = Letters(store)
        self._past = Past(store, clock)
        self._endpoints: dict[str, WebhookEndpoint] = {}

    async def add(self, endpoint: WebhookEndpoint, start: Start) -> None:
        """Post to an endpoint from now on; where its name was used before, it goes on from there.

        Raises:
            UnsafeAddressError: its host leads inside.
            ImportError: a package of the extra is missing.
            DuplicateSubscriberError, CursorAheadError, ValidationError, StoreError: as `Relay.add`.
        """
        sender = _sender(endpoint, self._clock)
        try:
            await sender.check()
            handler = WebhookDelivery(sender=sender, letters=self._letters, past=self._past, clock=self._clock)
            await self._relay.add(
                Definition(
                    name=endpoint.name,
                    kind=SubscriberKind.WEBHOOK,
                    interests=endpoint.interests,
                    handler=handler,
                    schedule=endpoint.retry,
                    ordered=False,
                    concurrency=endpoint.concurrency,
                    timeout_s=endpoint.timeout_s + _GRACE_S,
                    start_at=start,
                    close=sender.close,
                )
            )
        except BaseException:
            await sender.close()
            raise
        self._endpoints[endpoint.name] = endpoint

    async def remove(self, name: str, *, forget: bool) -> None:
        """End an endpoint, see `Relay.remove`."""
        await kept_endpoint(self._store, name)
        await self._relay.remove(name, forget=forget)
        self._endpoints.pop(name, None)

    async def enable(self, name: str) -> None:
        """Post again to an endpoint that was disabled."""
        self._running(name)
        await self._relay.enable(name)

    async def statuses(self) -> tuple[WebhookStatus, ...]:
        """Return how every endpoint stands, by name, those of earlier engines included."""
        return tuple(
            WebhookStatus(
                url=self._endpoints[each.name].shown_url if each.name in self._endpoints else "", subscription=each
            )
            for each in await self._relay.statuses()
            if each.kind is SubscriberKind.WEBHOOK
        )

    async def log(self, name: str, *, before: int | None, limit: int) -> WebhookLog:
        """Return a page of the delivery log of an endpoint."""
        await kept_endpoint(self._store, name)
        return await read_log(self._store, name, before=before, limit=limit)

    async def replay(
        self, name: str, *, event_ids: Sequence[str], since: datetime | int | None, limit: int
    ) -> WebhookReplay:
        """Post events once more."""
        interests: Interests = self._running(name).interests
        chosen = await choose(self._store, event_ids=event_ids, since=since, interests=interests, limit=limit)
        count = await self._relay.redeliver(name, chosen.events) if chosen.events else 0
        return WebhookReplay(events=count, more_after=chosen.more_after)

    def _running(self, name: str) -> WebhookEndpoint:
        endpoint = self._endpoints.get(name) if isinstance(name, str) else None
        if endpoint is None:
            raise unknown_endpoint(name, tuple(self._endpoints))
        return endpoint


async def read_log(store: EventStore, name: str, *, before: int | None, limit: int) -> WebhookLog:
    """Return a page of the delivery log of an endpoint."""
    found = await store.webhook_attempts(name, before=before, limit=limit)
    is_last = len(found) < limit
    return WebhookLog(attempts=tuple(each for _, each in found), next_cursor=None if is_last else found[-1][0])


def _sender(endpoint: WebhookEndpoint, clock: Clock) -> Sender:
    try:
        from aegispay.outbox.webhooks.sender import WebhookSender  # noqa: PLC0415 - an extra's package
    except ModuleNotFoundError as error:
        message = f"webhook endpoints need {error.name}: pip install 'aegispay[webhooks]'"
        raise ImportError(message, name=error.name) from None
    return WebhookSender(endpoint, clock=clock)
