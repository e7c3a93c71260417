"""Webhooks out: endpoints that are told of events, and what was sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aegispay.api.life import EngineLife
from aegispay.domain.text import integer, text
from aegispay.errors import EngineClosedError, FieldError, ValidationError
from aegispay.log import logger
from aegispay.outbox.definition import Start
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint
from aegispay.outbox.webhooks.registry import WebhookLog, WebhookReplay, Webhooks, WebhookStatus, check_page

_OPERATOR_MAX = 100
_LOG_MAX = 1_000


class WebhookMethods(EngineLife):
    """Endpoints and their delivery logs."""

    async def add_webhook_endpoint(self, endpoint: WebhookEndpoint, *, from_: Start = "now") -> None:
        """Post events to an endpoint from now on, at least once each, until it is removed or answers 410.

        The engine remembers under its name what it has got; address and secrets are never stored, so add it again at
        each start, or pass it as ``AegisPay(..., webhooks=[...])``.

        Args:
            endpoint: where to, with which secrets, and which events.
            from_: where a name begins that was never used: ``"start"``, ``"now"``, or behind a position of the log.

        Raises:
            UnsafeAddressError: its host leads to an address that is not public.
            DuplicateSubscriberError: an endpoint or subscription has the name already.
            CursorAheadError: the database is older than the endpoint.
            ValidationError: `from_` is behind the end of the log, or none of what it can be.
            ImportError: ``pip install 'aegispay[webhooks]'`` is missing.
            StoreError.
        """
        await self._open_webhooks().add(_endpoint(endpoint), _start(from_))

    async def remove_webhook_endpoint(self, name: str, *, forget: bool = False) -> None:
        """Post nothing more to an endpoint, once requests under way have ended.

        Args:
            name: which.
            forget: also what it has got, what it is owed and its delivery log; the name begins anew then.

        Raises:
            UnknownSubscriberError: there is none of that name.
            StoreError.
        """
        await self._open_webhooks().remove(name, forget=forget)

    async def enable_webhook_endpoint(self, name: str, *, operator: str) -> None:
        """Post again to an endpoint that was disabled because it answered 410; first what it is owed. Idempotent.

        Args:
            name: which.
            operator: who says so, at most 100 characters; logged.

        Raises:
            ValidationError: the operator is missing.
            UnknownSubscriberError: no endpoint of that name was added to this engine.
            StoreError.
        """
        who = text("operator", operator, longest=_OPERATOR_MAX)
        await self._open_webhooks().enable(name)
        logger("aegispay.outbox").info("webhook_endpoint_enabled", subscriber=name, operator=who)

    async def webhook_endpoints(self) -> tuple[WebhookStatus, ...]:
        """Return how every endpoint stands, by name, those included that only earlier engines were given.

        Raises:
            StoreError.
        """
        return await self._open_webhooks().statuses()

    async def webhook_log(self, name: str, *, before: int | None = None, limit: int = 100) -> WebhookLog:
        """Return what was sent to an endpoint within the last 30 days, newest first.

        Args:
            name: which.
            before: the `next_cursor` of the page before.
            limit: requests per page, 1 to 1,000.

        Raises:
            UnknownSubscriberError: there is none of that name.
            ValidationError: the limit is none.
            StoreError.
        """
        integer("limit", limit, smallest=1, largest=_LOG_MAX)
        check_page(before)
        return await self._open_webhooks().log(name, before=before, limit=limit)

    async def replay_webhook(
        self,
        name: str,
        *,
        operator: str,
        event_ids: Sequence[str] = (),
        since: datetime | int | None = None,
        limit: int = 1_000,
    ) -> WebhookReplay:
        """Post events once more to an endpoint, with the same ids and bodies, whether they were delivered or not.

        Args:
            name: which endpoint.
            operator: who says so, at most 100 characters; logged.
            event_ids: which events.
            since: instead of ids: all events it wants that were recorded from this moment on, or behind this position.
            limit: with `since`, how many at most, up to 10,000.

        Returns:
            How many are posted once more, and where to go on if there are more of them. What has not been posted for
            the first time yet does not count: it is on its way anyhow.

        Raises:
            ValidationError: neither or both were named, or one of them cannot be.
            UnknownSubscriberError: no endpoint of that name was added to this engine.
            StoreError.
        """
        who = text("operator", operator, longest=_OPERATOR_MAX)
        replay = await self._open_webhooks().replay(name, event_ids=event_ids, since=since, limit=limit)
        logger("aegispay.outbox").info("webhook_replayed", subscriber=name, operator=who, events=replay.events)
        return replay

    def _open_webhooks(self) -> Webhooks:
        self._open_assembly()
        if self._webhooks is None:
            raise EngineClosedError("the engine is being opened")
        return self._webhooks


def _endpoint(given: object) -> WebhookEndpoint:
    if isinstance(given, WebhookEndpoint):
        return given
    raise ValidationError([FieldError("endpoint", "use a WebhookEndpoint", type(given).__name__)])


def _start(given: object) -> Start:
    is_word = isinstance(given, str) and given in {"start", "now"}
    if is_word or (type(given) is int and given >= 0):
        return given  # type: ignore[return-value]  # just checked
    raise ValidationError([FieldError("from_", 'use "start", "now" or a position of the log', type(given).__name__)])
