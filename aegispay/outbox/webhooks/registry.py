"""The endpoints of an engine: each is a subscription whose handler posts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aegispay.delivery_errors import CursorAheadError, DuplicateSubscriberError, UnsafeAddressError
from aegispay.domain.card_data import shown
from aegispay.domain.deliveries.interests import Interests
from aegispay.errors import FieldError, ValidationError
from aegispay.log import logger
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
_LOOKUPS_MAX = 8
"""Hosts that are looked up at once while an engine starts."""


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
        self._senders: dict[str, Sender] = {}
        self._checking: asyncio.Task[None] | None = None

    async def start(self, endpoints: Iterable[WebhookEndpoint]) -> None:
        """Post to the endpoints that an engine was made with.

        Those who own an endpoint's host also own its addresses, and must not decide whether payments are processed:
        an endpoint that cannot be started is logged and left out, and addresses are looked up later, see `check`. Each
        connection is checked anyhow.

        Raises:
            ImportError: a package of the extra is missing.
            StoreError: the store failed.
        """
        for endpoint in endpoints:
            try:
                await self._start(endpoint, _sender(endpoint, self._clock), "now")
            except (CursorAheadError, DuplicateSubscriberError, ValidationError) as error:
                logger("aegispay.outbox").error(
                    "webhook_endpoint_not_started", subscriber=endpoint.name, error=str(error), hint=error.hint
                )

    def check(self) -> None:
        """Begin to look up where the endpoints lead, beside everything else, and log those that lead inside."""
        self._checking = asyncio.get_running_loop().create_task(self._check(tuple(self._senders.items())))

    async def _check(self, senders: Sequence[tuple[str, Sender]]) -> None:
        few = asyncio.Semaphore(_LOOKUPS_MAX)

        async def look_up(name: str, sender: Sender) -> None:
            try:
                async with few:
                    await sender.check()
            except UnsafeAddressError as error:
                logger("aegispay.outbox").error(
                    "webhook_endpoint_unsafe", subscriber=name, error=error.errors[0].message
                )
            except Exception as error:  # noqa: BLE001 - a host's own resolver may raise anything; it is asked again
                logger("aegispay.outbox").warning(
                    "webhook_endpoint_not_checked", subscriber=name, error=type(error).__name__
                )

        await asyncio.gather(*(look_up(name, sender) for name, sender in senders))

    async def close(self) -> None:
        """Look up nothing more. Idempotent."""
        checking, self._checking = self._checking, None
        if checking is not None:
            checking.cancel()
            await asyncio.wait([checking])

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
        except BaseException:
            await sender.close()
            raise
        await self._start(endpoint, sender, start)

    async def _start(self, endpoint: WebhookEndpoint, sender: Sender, start: Start) -> None:
        try:
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
        self._senders[endpoint.name] = sender

    async def remove(self, name: str, *, forget: bool) -> None:
        """End an endpoint, see `Relay.remove`."""
        await kept_endpoint(self._store, name)
        await self._relay.remove(name, forget=forget)
        self._endpoints.pop(name, None)
        self._senders.pop(name, None)

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


def check_page(before: object) -> None:
    """Check where a page of the delivery log is to begin.

    Raises:
        ValidationError: nowhere that a page could.
    """
    if before is not None and (type(before) is not int or not 0 <= before < 2**63):
        problem = FieldError("before", "use the next_cursor of the page before", shown(before))
        raise ValidationError([problem], hint="Correct before.")


async def read_log(store: EventStore, name: str, *, before: int | None, limit: int) -> WebhookLog:
    """Return a page of the delivery log of an endpoint.

    Raises:
        ValidationError: `before` is no number of a line.
    """
    check_page(before)
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
