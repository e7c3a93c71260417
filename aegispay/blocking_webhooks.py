"""Webhook endpoints without an event loop."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from aegispay.engine import AegisPay
from aegispay.outbox.definition import Start
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint
from aegispay.outbox.webhooks.registry import WebhookLog, WebhookReplay, WebhookStatus

T = TypeVar("T")


class BlockingWebhookMethods:
    """Webhook endpoints and their delivery logs, from any thread."""

    _engine: AegisPay

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        raise NotImplementedError

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint, *, from_: Start = "now") -> None:
        """See `AegisPay.add_webhook_endpoint`."""
        self._run(self._engine.add_webhook_endpoint(endpoint, from_=from_))

    def remove_webhook_endpoint(self, name: str, *, forget: bool = False) -> None:
        """See `AegisPay.remove_webhook_endpoint`."""
        self._run(self._engine.remove_webhook_endpoint(name, forget=forget))

    def enable_webhook_endpoint(self, name: str, *, operator: str) -> None:
        """See `AegisPay.enable_webhook_endpoint`."""
        self._run(self._engine.enable_webhook_endpoint(name, operator=operator))

    def webhook_endpoints(self) -> tuple[WebhookStatus, ...]:
        """See `AegisPay.webhook_endpoints`."""
        return self._run(self._engine.webhook_endpoints())

    def webhook_log(self, name: str, *, before: int | None = None, limit: int = 100) -> WebhookLog:
        """See `AegisPay.webhook_log`."""
        return self._run(self._engine.webhook_log(name, before=before, limit=limit))

    def replay_webhook(
        self,
        name: str,
        *,
        operator: str,
        event_ids: Sequence[str] = (),
        since: datetime | int | None = None,
        limit: int = 1_000,
    ) -> WebhookReplay:
        """See `AegisPay.replay_webhook`."""
        return self._run(
            self._engine.replay_webhook(name, operator=operator, event_ids=event_ids, since=since, limit=limit)
        )
