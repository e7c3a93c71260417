"""Subscriptions without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.domain.event_type import EventType
from aegispay.engine import AegisPay
from aegispay.outbox.dead_letters import DeadLetter
from aegispay.outbox.definition import Start
from aegispay.outbox.statuses import SubscriptionStatus
from aegispay.outbox.subscriptions import Subscription

T = TypeVar("T")


class BlockingSubscriptionMethods:
    """Subscriptions and their dead letters, from any thread."""

    _engine: AegisPay

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        raise NotImplementedError

    def subscribe(
        self,
        events: str | EventType | Sequence[str | EventType],
        handler: Callable[..., Any],
        *,
        name: str,
        from_: Start = "now",
        ordered: bool = True,
        transactional: bool = False,
        setup: Sequence[str] = (),
        concurrency: int = 16,
        timeout_s: float = 30.0,
        retry: RetrySchedule | None = None,
    ) -> Subscription:
        """See `AegisPay.subscribe`."""
        return self._run(
            self._engine.subscribe(
                events,
                handler,
                name=name,
                from_=from_,
                ordered=ordered,
                transactional=transactional,
                setup=setup,
                concurrency=concurrency,
                timeout_s=timeout_s,
                retry=retry,
            )
        )

    def unsubscribe(self, name: str, *, forget: bool = False) -> None:
        """See `AegisPay.unsubscribe`."""
        self._run(self._engine.unsubscribe(name, forget=forget))

    def subscriptions(self) -> tuple[SubscriptionStatus, ...]:
        """See `AegisPay.subscriptions`."""
        return self._run(self._engine.subscriptions())

    def dead_letters(
        self, subscriber: str | None = None, *, limit: int = 100, after: tuple[str, int] = ("", 0)
    ) -> tuple[DeadLetter, ...]:
        """See `AegisPay.dead_letters`."""
        return self._run(self._engine.dead_letters(subscriber, limit=limit, after=after))

    def dead_letter(self, subscriber: str, event_id: str) -> DeadLetter:
        """See `AegisPay.dead_letter`."""
        return self._run(self._engine.dead_letter(subscriber, event_id))

    def replay_dead_letter(self, subscriber: str, event_id: str, *, operator: str) -> None:
        """See `AegisPay.replay_dead_letter`."""
        self._run(self._engine.replay_dead_letter(subscriber, event_id, operator=operator))

    def drop_dead_letter(self, subscriber: str, event_id: str, *, operator: str, reason: str) -> None:
        """See `AegisPay.drop_dead_letter`."""
        self._run(self._engine.drop_dead_letter(subscriber, event_id, operator=operator, reason=reason))
