"""Who is told what has happened, and what could not be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aegispay.api.life import EngineLife
from aegispay.domain.card_data import shown
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.domain.event_type import EventType
from aegispay.domain.text import integer, text
from aegispay.errors import FieldError, ValidationError
from aegispay.log import logger
from aegispay.outbox.dead_letters import DeadLetter, find_dead_letter, list_dead_letters
from aegispay.outbox.definition import Start
from aegispay.outbox.statuses import SubscriptionStatus
from aegispay.outbox.subscriptions import NAME_LENGTH_MAX, Subscription, checked_setup, define

_EVENT_ID_LENGTH_MAX = 200
_WORDS_MAX = 500


class SubscriptionMethods(EngineLife):
    """Subscriptions and their dead letters."""

    async def subscribe(
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
        """Have every event of some types handed to a function, at least once and in order per payment.

        How far that has got is kept in the database under `name`: the next engine goes on from there as soon as it
        subscribes under the same name. `StoredEvent.event_id` is the same however often an event is handed over.

        Args:
            events: event types, or patterns such as ``payment.*``; one or several.
            handler: ``def handler(event)``, on a thread of its own, or ``async def``, on the loop. What it raises makes
                the event come again.
            name: of the cursor, at most 100 characters.
            from_: where a new name begins: ``"now"``, ``"start"`` or behind a position of the log. Where the name has a
                cursor already, that counts.
            ordered: whether a payment's events wait until those before them are delivered, or dropped.
            transactional: whether the handler's statements are written to the engine's own database together with the
                cursor, so that they take effect exactly once: ``def handler(event, transaction)``, see
                `EventTransaction`. One event is handled at a time.
            setup: statements that make a transactional handler's tables, such as ``CREATE TABLE IF NOT EXISTS …``;
                executed each time, before anything else.
            concurrency: payments whose events are handled at the same time; 1 for a transactional handler.
            timeout_s: a handler that takes longer has failed.
            retry: when to try again, and when to give up; ten tries over about four minutes by default.

        Raises:
            ValidationError: an unknown event type (the nearest is named), a handler that takes other arguments, a
                position behind the end of the log, or a setting out of its bounds.
            DuplicateSubscriberError: the name is taken.
            CursorAheadError: the cursor is ahead of the log: the database was restored from a backup.
            EffectsRefusedError: a statement of `setup` cannot be executed.
            StoreError.
        """
        relay = self._open_assembly().relay
        definition = define(
            events,
            handler,
            name=name,
            from_=from_,
            ordered=ordered,
            transactional=transactional,
            concurrency=concurrency,
            timeout_s=timeout_s,
            retry=retry,
        )
        statements = checked_setup(setup, transactional=transactional)
        if transactional:
            # Also without statements: a store that has no tables says so here, not at the first event.
            await self._store.make_tables(statements)
        subscriber = await relay.add(definition)
        return Subscription(name, definition.interests.patterns, subscriber.position)

    async def unsubscribe(self, name: str, *, forget: bool = False) -> None:
        """End a subscription, once the handlers that are running have ended.

        Args:
            name: which.
            forget: whether its cursor and its dead letters are removed as well; also for a name that nobody has
                subscribed under since the engine was opened.

        Raises:
            UnknownSubscriberError: there is none.
            StoreError.
        """
        await self._open_assembly().relay.remove(name, forget=forget)

    async def subscriptions(self) -> tuple[SubscriptionStatus, ...]:
        """Return how far each subscriber has got, by name; webhook endpoints and those of earlier engines included.

        Raises:
            StoreError.
        """
        return await self._open_assembly().relay.statuses()

    async def dead_letters(
        self, subscriber: str | None = None, *, limit: int = 100, after: tuple[str, int] = ("", 0)
    ) -> tuple[DeadLetter, ...]:
        """Return deliveries that were given up, by subscriber and position.

        Args:
            subscriber: only its own.
            limit: 1 to 1,000.
            after: subscriber and position of the last one on the page before.

        Raises:
            ValidationError: a limit out of its bounds, or a place that is none.
            StoreError.
        """
        self._open_assembly()
        integer("limit", limit, smallest=1, largest=1_000)
        _check_place(after)
        return await list_dead_letters(self._store, subscriber, after=after, limit=limit)

    async def dead_letter(self, subscriber: str, event_id: str) -> DeadLetter:
        """Return one dead letter with its event.

        Raises:
            DeadLetterNotFoundError: there is none, or no longer.
            StoreError.
        """
        self._open_assembly()
        text("subscriber", subscriber, longest=NAME_LENGTH_MAX)
        text("event_id", event_id, longest=_EVENT_ID_LENGTH_MAX)
        return await find_dead_letter(self._store, subscriber, event_id)

    async def replay_dead_letter(self, subscriber: str, event_id: str, *, operator: str) -> None:
        """Have a dead letter tried again, as if it were new; what is held behind it follows.

        Args:
            subscriber: whose; it has to be subscribed.
            event_id: of which event.
            operator: who wants it, at most 100 characters; logged.

        Raises:
            DeadLetterNotFoundError: there is none, or no longer.
            UnknownSubscriberError: nobody has subscribed under that name.
            CommitUnknownError: it was perhaps done; ask again.
            StoreError.
        """
        text("operator", operator, longest=NAME_LENGTH_MAX)
        found = await self.dead_letter(subscriber, event_id)
        await self._open_assembly().relay.replay_dead_letter(subscriber, found.position)
        logger("aegispay.outbox").info(
            "dead_letter_replayed", subscriber=subscriber, event_id=event_id, operator=operator
        )

    async def drop_dead_letter(self, subscriber: str, event_id: str, *, operator: str, reason: str) -> None:
        """Give a dead letter up for good: the subscriber never gets this event; what is held behind it follows.

        Args:
            subscriber: whose; it has to be subscribed.
            event_id: of which event.
            operator: who decides, at most 100 characters; logged.
            reason: why, at most 500 characters; logged.

        Raises:
            DeadLetterNotFoundError: there is none, or no longer.
            UnknownSubscriberError: nobody has subscribed under that name.
            CommitUnknownError: it was perhaps done; ask again.
            StoreError.
        """
        text("operator", operator, longest=NAME_LENGTH_MAX)
        text("reason", reason, longest=_WORDS_MAX)
        found = await self.dead_letter(subscriber, event_id)
        await self._open_assembly().relay.drop_dead_letter(subscriber, found.position)
        logger("aegispay.outbox").warning(
            "dead_letter_dropped", subscriber=subscriber, event_id=event_id, operator=operator, reason=reason
        )


def _check_place(after: object) -> None:
    match after:
        case (str(), int(position)) if isinstance(after, tuple) and type(position) is int and 0 <= position < 2**63:
            return
    message = "use the subscriber and position of the last dead letter on the page before"
    raise ValidationError([FieldError("after", message, shown(after))], hint="Correct after.")
