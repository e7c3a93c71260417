"""Subscribers in the SQLite store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aegispay.ports.outbox import Delivery, DeliveryCounts, DeliveryState, Progress, Subscriber, WebhookAttempt
from aegispay.storage import outbox
from aegispay.storage.foreign_sql import ForeignSql
from aegispay.storage.outbox import Advance
from aegispay.storage.queries import checked_limit
from aegispay.storage.rows import from_us, to_us
from aegispay.storage.writer import Request

_NUMBER_MAX = 2**63 - 1


class SqliteOutbox:
    """The part of the store that keeps subscribers; the store itself says how to read and write."""

    _foreign: ForeignSql

    async def _select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        raise NotImplementedError

    async def _write(self, *statements: tuple[str, tuple[Any, ...]]) -> list[list[Any]]:
        raise NotImplementedError

    async def _ask(self, request: Request) -> Any:
        raise NotImplementedError

    async def end_position(self) -> int:
        """Return the position of the last event."""
        position: int = (await self._select(outbox.END_POSITION))[0][0]
        return position

    async def add_subscriber(self, subscriber: Subscriber) -> Subscriber:
        """Keep a new subscriber; return what is kept under its name."""
        statements = (
            (outbox.ADD_SUBSCRIBER, outbox.subscriber_values(subscriber)),
            (outbox.FIND_SUBSCRIBER, (subscriber.name,)),
        )
        _, (row,) = await self._write(*statements)
        return outbox.read_subscriber(row)

    async def subscribers(self) -> tuple[Subscriber, ...]:
        """Return all subscribers."""
        return tuple(map(outbox.read_subscriber, await self._select(outbox.SUBSCRIBERS)))

    async def disable_subscriber(self, name: str, cause: str) -> None:
        """Note why nothing is handed on to it any more."""
        await self._write((outbox.DISABLE, (cause, name)))

    async def remove_subscriber(self, name: str) -> None:
        """Forget a subscriber."""
        # Itself last: after a crash half-way it is still there to be removed.
        for statement in (outbox.REMOVE_ATTEMPTS, outbox.REMOVE_DELIVERIES):
            await self._remove_in_slices(statement, name)
        await self._write((outbox.REMOVE_SUBSCRIBER, (name,)))

    async def advance(self, progress: Progress) -> bool:
        """Make the change in one transaction, shared with whoever else writes now."""
        is_made: bool = await self._ask(Advance(progress))
        return is_made

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
        statement, parameters = outbox.list_deliveries(
            subscriber=subscriber, state=state, payment_id=payment_id, after=after, limit=checked_limit(limit)
        )
        return tuple(map(outbox.read_delivery, await self._select(statement, parameters)))

    async def due_deliveries(self, subscriber: str, at: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """Return what is due, longest due first."""
        rows = await self._select(outbox.DUE, (subscriber, to_us(at), checked_limit(limit)))
        return tuple(map(outbox.read_delivery, rows))

    async def next_due(self, subscriber: str) -> datetime | None:
        """Return when the next delivery is due."""
        due_us = (await self._select(outbox.NEXT_DUE, (subscriber,)))[0][0]
        return None if due_us is None else from_us(due_us)

    async def count_deliveries(self) -> Mapping[str, DeliveryCounts]:
        """Return how many deliveries each subscriber has."""
        rows = await self._select(outbox.COUNT)
        return {name: DeliveryCounts(waiting=waiting, dead=dead) for name, waiting, dead in rows}

    async def webhook_attempts(
        self, endpoint: str, *, before: int | None = None, limit: int = 100
    ) -> Sequence[tuple[int, WebhookAttempt]]:
        """Return lines of the delivery log, newest first."""
        end = _NUMBER_MAX if before is None else before
        rows = await self._select(outbox.ATTEMPTS, (endpoint, end, checked_limit(limit)))
        return tuple(map(outbox.read_attempt, rows))

    async def prune_webhook_attempts(self, before: datetime) -> None:
        """Forget old lines of the delivery log."""
        await self._remove_in_slices(outbox.PRUNE, to_us(before))

    async def _remove_in_slices(self, statement: str, parameter: str | int) -> None:
        """Execute a statement until it removes no whole slice any more; payments commit in between."""
        while len((await self._write((statement, (parameter,))))[0]) == outbox.SLICE:
            continue

    async def make_tables(self, statements: Sequence[str]) -> None:
        """Make a subscriber's own tables."""
        # Each may need what the one before it has made.
        for statement in statements:
            await asyncio.to_thread(self._foreign.compile, statement, (), makes_tables=True)
            await self._write((statement, ()))

    def compile_effect(self, statement: str, parameters: tuple[Any, ...]) -> None:
        """Check a statement without executing it."""
        self._foreign.compile(statement, parameters)

    def query(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of a reading statement."""
        return self._foreign.query(statement, parameters)
