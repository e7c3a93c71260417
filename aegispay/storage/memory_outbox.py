"""Subscribers in the store in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NoReturn, TypeVar

from aegispay.delivery_errors import EffectsRefusedError
from aegispay.ports.outbox import Delivery, DeliveryCounts, DeliveryState, Progress, Subscriber, WebhookAttempt
from aegispay.ports.store import StoredEvent
from aegispay.storage.queries import checked_limit

T = TypeVar("T")


class MemoryOutbox:
    """The part of the store that keeps subscribers; the store itself says how a change is made."""

    _log: list[StoredEvent]

    def __init__(self) -> None:
        self._subscribers: dict[str, Subscriber] = {}
        self._deliveries: dict[tuple[str, int], Delivery] = {}
        self._attempts: list[tuple[int, WebhookAttempt]] = []
        self._attempt_number = 0

    async def _commit(self, change: Callable[[], T]) -> T:
        raise NotImplementedError

    async def end_position(self) -> int:
        """Return the position of the last event."""
        return len(self._log)

    async def add_subscriber(self, subscriber: Subscriber) -> Subscriber:
        """Keep a new subscriber; return what is kept under its name."""
        return await self._commit(lambda: self._subscribers.setdefault(subscriber.name, subscriber))

    async def subscribers(self) -> tuple[Subscriber, ...]:
        """Return all subscribers."""
        return tuple(self._subscribers[name] for name in sorted(self._subscribers))

    async def disable_subscriber(self, name: str, cause: str) -> None:
        """Note why nothing is handed on to it any more."""

        def change() -> None:
            if name in self._subscribers:
                self._subscribers[name] = replace(self._subscribers[name], disabled=cause)

        await self._commit(change)

    async def remove_subscriber(self, name: str) -> None:
        """Forget a subscriber."""

        def change() -> None:
            self._subscribers.pop(name, None)
            self._deliveries = {key: each for key, each in self._deliveries.items() if key[0] != name}
            self._attempts = [each for each in self._attempts if each[1].endpoint != name]

        await self._commit(change)

    async def advance(self, progress: Progress) -> bool:
        """Make the change."""
        if progress.effects:
            self._has_no_sql()
        return await self._commit(lambda: self._advance(progress))

    def _advance(self, progress: Progress) -> bool:
        name = progress.subscriber
        subscriber = self._subscribers.get(name)
        if subscriber is None or subscriber.position != progress.expected_position:
            return False
        if len(set(progress.done)) < len(progress.done) or any(
            (name, position) not in self._deliveries for position in progress.done
        ):
            return False
        self._subscribers[name] = replace(subscriber, position=progress.position)
        for position in progress.done:
            del self._deliveries[name, position]
        for delivery in progress.put:
            self._deliveries[delivery.subscriber, delivery.position] = delivery
        for attempt in progress.attempts:
            self._attempt_number += 1
            self._attempts.append((self._attempt_number, attempt))
        return True

    async def deliveries(
        self,
        *,
        subscriber: str | None = None,
        state: DeliveryState | None = None,
        payment_id: str | None = None,
        after: tuple[str, int] = ("", 0),
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """Return deliveries by subscriber and position."""
        fitting = [
            each
            for key, each in sorted(self._deliveries.items())
            if key > after
            and subscriber in {None, each.subscriber}
            and state in {None, each.state}
            and payment_id in {None, each.payment_id}
        ]
        return tuple(fitting[: checked_limit(limit)])

    def _due(self, subscriber: str) -> list[tuple[datetime, int]]:
        return sorted(
            (each.due_at, each.position)
            for each in self._deliveries.values()
            if each.subscriber == subscriber and each.due_at is not None
        )

    async def due_deliveries(self, subscriber: str, at: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """Return what is due, longest due first."""
        due = [position for due_at, position in self._due(subscriber) if due_at <= at]
        return tuple(self._deliveries[subscriber, position] for position in due[: checked_limit(limit)])

    async def next_due(self, subscriber: str) -> datetime | None:
        """Return when the next delivery is due."""
        return next((due_at for due_at, _ in self._due(subscriber)), None)

    async def count_deliveries(self) -> Mapping[str, DeliveryCounts]:
        """Return how many deliveries each subscriber has."""
        counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for each in self._deliveries.values():
            counts[each.subscriber][each.state is DeliveryState.DEAD] += 1
        return {name: DeliveryCounts(waiting=waiting, dead=dead) for name, (waiting, dead) in counts.items()}

    async def webhook_attempts(
        self, endpoint: str, *, before: int | None = None, limit: int = 100
    ) -> Sequence[tuple[int, WebhookAttempt]]:
        """Return lines of the delivery log, newest first."""
        fitting = [
            each
            for each in reversed(self._attempts)
            if each[1].endpoint == endpoint and (before is None or each[0] < before)
        ]
        return tuple(fitting[: checked_limit(limit)])

    async def prune_webhook_attempts(self, before: datetime) -> None:
        """Forget old lines of the delivery log."""

        def change() -> None:
            self._attempts = [each for each in self._attempts if each[1].at >= before]

        await self._commit(change)

    async def make_tables(self, statements: Sequence[str]) -> None:
        """Refuse: there is no SQL."""
        self._has_no_sql()

    def compile_effect(self, statement: str, parameters: tuple[object, ...]) -> None:
        """Refuse: there is no SQL."""
        self._has_no_sql()

    def query(self, statement: str, parameters: tuple[object, ...]) -> list[tuple[object, ...]]:
        """Refuse: there is no SQL."""
        self._has_no_sql()

    @staticmethod
    def _has_no_sql() -> NoReturn:
        raise EffectsRefusedError("a store in memory knows no SQL", hint="Use a database file.")
