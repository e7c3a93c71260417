"""The relay: all subscriptions of an engine, each an actor under supervision, with one reader of the log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from aegispay.actors import ActorCrashedError, ActorDeadError, ActorRef, ActorSystem, AskTimeoutError
from aegispay.actors.subscriber import SubscriberActor, SubscriberServices
from aegispay.actors.subscriber_messages import DropDeadLetter, Forget, Look, Redeliver, ReplayDeadLetter, SetDisabled
from aegispay.delivery_errors import CursorAheadError, DuplicateSubscriberError, UnknownSubscriberError
from aegispay.domain.card_data import shown
from aegispay.errors import CommitUnknownError, EngineFailedError, FencedError, FieldError, StoreError, ValidationError
from aegispay.log import log_report, logger
from aegispay.observability.telemetry import Telemetry
from aegispay.outbox.definition import Definition, Start
from aegispay.outbox.log_pages import LogPages
from aegispay.outbox.statuses import SubscriptionStatus, read_statuses
from aegispay.outbox.tally import Tally
from aegispay.outbox.traced import traced
from aegispay.ports import Clock, EventStore, StoredEvent
from aegispay.ports.outbox import Subscriber
from aegispay.supervision import (
    Backoff,
    ChildSpec,
    RestartIntensity,
    RestartType,
    StartChild,
    SupervisionError,
    Supervisor,
)

SUBSCRIPTIONS_MAX = 1_000
"""More are a mistake: something subscribes in a loop."""
_DEBOUNCE_S = 0.002
"""Commits that come together are one piece of news."""
_ANSWER_S = 30.0
_CLOSE_S = 5.0
"""For the last commit of a subscriber that is stopped, after its handlers have ended."""
_NEVER = RestartIntensity(restarts=1_000_000, period_s=1.0)
"""The pauses grow to half a minute, so this is never reached: a subscriber that keeps crashing stops nobody."""
_PAUSES = Backoff(min_s=0.05, max_s=30.0, reset_after_s=60.0)


@dataclass(frozen=True, slots=True)
class _Entry:
    definition: Definition
    tally: Tally
    spec: ChildSpec


class Relay:
    """Starts subscriptions and ends them, wakes them when there is news, and passes on what operators want.

    Args:
        find: returns the ref of a core actor by name.
        fenced: told that another engine owns the database.
        shutdown_s: how long running handlers may take when the engine is closed.
        telemetry: traces deliveries.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        clock: Clock,
        system: ActorSystem,
        find: Callable[[str], ActorRef[Any]],
        fenced: Callable[[FencedError], None],
        source: random.Random,
        shutdown_s: float,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._store = store
        self._clock = clock
        self._system = system
        self._find = find
        self._source = source
        self._shutdown_s = shutdown_s
        self._entries: dict[str, _Entry] = {}
        self._ending: set[str] = set()
        self._undoing: set[asyncio.Future[None]] = set()
        self._starting: set[str] = set()
        self._log = LogPages(store)
        self._services = SubscriberServices(
            store=store, log=self._log, clock=clock, fenced=fenced, shutdown_s=shutdown_s
        )
        self._news: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many subscriptions are running."""
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        """Return whether a subscription of that name is running."""
        return name in self._entries

    def make_supervisor(self) -> Supervisor:
        """Return the supervisor of all subscribers, those included that were added before it was started anew."""
        specs = tuple(entry.spec for entry in self._entries.values())
        return Supervisor("subscribers", specs, intensity=_NEVER, source=self._source, sink=log_report)

    def notify(self) -> None:
        """Something was committed; cheap, and callable as often as one likes."""
        if self._entries and self._news is None:
            self._news = asyncio.get_running_loop().call_later(_DEBOUNCE_S, self._spread)

    def _spread(self) -> None:
        self._news = None
        self._log.has_news()
        for entry in self._entries.values():
            if not entry.tally.is_woken:
                ref = self._system.find(entry.spec.id)
                if ref is not None and ref.is_alive():
                    entry.tally.is_woken = True
                    ref.tell(Look())

    # --- starting and stopping ----------------------------------------------------------------------

    async def add(self, definition: Definition) -> Subscriber:
        """Start a subscription; where its name was used before, it goes on from there.

        Returns:
            What the store has under the name.

        Raises:
            DuplicateSubscriberError: the name is taken, here or in the store by another kind of subscriber.
            CursorAheadError: the store has a position behind the end of its log.
            ValidationError: it is to start behind the end of the log, or there are too many.
            EngineFailedError: its actor could not be started.
        """
        if self._telemetry is not None:
            definition = traced(definition, self._telemetry)
        name = definition.name
        if name in self._entries or name in self._starting:
            raise DuplicateSubscriberError(f"a subscription named {shown(name)} is running already")
        if name in self._ending:
            raise DuplicateSubscriberError(
                f"a subscription named {shown(name)} is being ended", hint="Wait until `unsubscribe` has returned."
            )
        if len(self._entries) >= SUBSCRIPTIONS_MAX:
            raise ValidationError([FieldError("name", f"there are {SUBSCRIPTIONS_MAX:,} subscriptions already")])
        self._starting.add(name)
        # While nobody subscribed, nobody listened either.
        self._log.has_news()
        try:
            subscriber = await self._keep(definition)
            await self._run(definition)
        finally:
            self._starting.discard(name)
        logger("aegispay.outbox").info("subscribed", subscriber=name, position=subscriber.position)
        return subscriber

    async def _keep(self, definition: Definition) -> Subscriber:
        name, end = definition.name, await self._store.end_position()
        known = {each.name: each for each in await self._store.subscribers()}
        if name not in known:
            wanted = Subscriber(
                name=name,
                kind=definition.kind,
                position=_start_position(definition.start_at, end),
                since=self._clock.now(),
            )
            known[name] = await self._store.add_subscriber(wanted)
        subscriber = known[name]
        if subscriber.kind is not definition.kind:
            raise DuplicateSubscriberError(
                f"{shown(name)} was used for a subscriber of the kind {subscriber.kind}, not {definition.kind}",
                hint="Use another name, or unsubscribe this one with forget=True first.",
            )
        if subscriber.position > end:
            raise CursorAheadError(subscriber=name, position=subscriber.position, end=end)
        return subscriber

    async def _run(self, definition: Definition) -> None:
        tally = Tally()
        spec = ChildSpec(
            id=f"subscriber:{definition.name}",
            start=lambda: SubscriberActor(definition, tally, self._services),
            restart=RestartType.TRANSIENT,
            shutdown_s=self._shutdown_s + _CLOSE_S,
            backoff=_PAUSES,
        )
        # Known before it runs: whoever gives up waiting for its start must not leave one that nobody can end.
        self._entries[definition.name] = entry = _Entry(definition, tally, spec)
        starting = asyncio.ensure_future(self._start(entry))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            undoing = asyncio.ensure_future(self._undo(starting, entry))
            self._undoing.add(undoing)
            undoing.add_done_callback(self._undoing.discard)
            raise

    async def _start(self, entry: _Entry) -> None:
        name = entry.definition.name
        try:
            await self._find("subscribers").ask(StartChild(entry.spec), block=False, timeout=_ANSWER_S)
        except SupervisionError as error:
            self._entries.pop(name, None)
            cause = error.__cause__
            if isinstance(cause, StoreError):
                raise cause from error
            raise EngineFailedError(f"subscriber {name} could not be started: {error}") from error

    async def _undo(self, starting: asyncio.Future[None], entry: _Entry) -> None:
        """End what was started although nobody waits for it any more."""
        await asyncio.wait((starting,))
        if not starting.cancelled() and starting.exception() is None:
            await self._end(entry)

    async def remove(self, name: str, *, forget: bool = False) -> None:
        """End a subscription once its running handlers have; its cursor stays, unless it is to be forgotten.

        Raises:
            UnknownSubscriberError: there is none of that name, or with `forget`, the store has none either.
        """
        entry = self._entries.get(name)
        if entry is None and not (forget and await self._is_kept(name)):
            raise self._unknown(name)
        if entry is not None:
            await self._end(entry)
        if forget:
            await self._store.remove_subscriber(name)

    async def _end(self, entry: _Entry) -> None:
        name = entry.definition.name
        self._entries.pop(name, None)
        self._ending.add(name)
        try:
            # Not half: whoever gives up waiting has it ended all the same.
            await asyncio.shield(asyncio.ensure_future(self._stop(entry)))
        finally:
            self._ending.discard(name)

    async def close(self) -> None:
        """End all subscriptions, beside each other."""
        if self._news is not None:
            self._news.cancel()
            self._news = None
        entries = tuple(self._entries.values())
        self._entries.clear()
        await asyncio.gather(*(self._stop(entry) for entry in entries), *self._undoing)

    async def _stop(self, entry: _Entry) -> None:
        ref = self._system.find(entry.spec.id)
        if ref is not None:
            await self._system.stop(ref, timeout_s=entry.spec.shutdown_s)
        if entry.definition.close is not None:
            try:
                await entry.definition.close()
            except Exception as error:  # noqa: BLE001 - how one is closed is nobody else's concern
                name = entry.definition.name
                logger("aegispay.outbox").warning("subscriber_not_closed", subscriber=name, error=type(error).__name__)

    # --- operators ----------------------------------------------------------------------------------

    def tallies(self) -> dict[str, Tally]:
        """Return what is known without the store of those that run here, by name."""
        return {name: entry.tally for name, entry in self._entries.items()}

    async def statuses(self) -> tuple[SubscriptionStatus, ...]:
        """Return how every subscriber stands, those of earlier engines included."""
        known = {name: (entry.definition, entry.tally) for name, entry in self._entries.items()}
        return await read_statuses(self._store, self._clock.now(), known)

    async def replay_dead_letter(self, name: str, position: int) -> None:
        """Have a dead letter tried again.

        Raises:
            DeadLetterNotFoundError: there is none.
        """
        await self._ask(name, ReplayDeadLetter(position))

    async def drop_dead_letter(self, name: str, position: int) -> None:
        """Give a dead letter up.

        Raises:
            DeadLetterNotFoundError: there is none.
        """
        await self._ask(name, DropDeadLetter(position))

    async def redeliver(self, name: str, events: Sequence[StoredEvent]) -> int:
        """Have delivered events handed on once more, to a subscriber without order; return how many are owed now."""
        count: int = await self._ask(name, Redeliver(tuple(events)))
        return count

    async def disable(self, name: str, cause: str) -> None:
        """Hand nothing on any more, durably, until `enable`."""
        await self._ask(name, SetDisabled(cause))

    async def enable(self, name: str) -> None:
        """Hand events on again, those first that are owed. Idempotent."""
        await self._ask(name, SetDisabled(""))

    async def forget(self, payment_ids: Collection[str]) -> tuple[str, ...]:
        """Keep nothing in memory of what events of these payments said until now; the store reads them otherwise.

        Returns:
            The subscriptions that did not answer in time.

        Raises:
            StoreError: the events cannot be read.
        """
        self._log.forget()
        message = Forget(frozenset(payment_ids))
        names = tuple(self._entries)
        has_answered = await asyncio.gather(*(self._has_forgotten(name, message) for name in names))
        return tuple(name for name, has in zip(names, has_answered, strict=True) if not has)

    async def _has_forgotten(self, name: str, message: Forget) -> bool:
        try:
            await self._ask(name, message)
        except AskTimeoutError:
            return False
        except (CommitUnknownError, UnknownSubscriberError):
            pass  # the instance that knew it is gone
        return True

    async def _ask(self, name: str, message: Any) -> Any:
        entry = self._entries.get(name)
        ref = None if entry is None else self._system.find(entry.spec.id)
        if ref is None:
            raise self._unknown(name)
        try:
            answer = await ref.ask(message, block=False, timeout=_ANSWER_S)
        except ActorCrashedError as crash:
            raise CommitUnknownError(f"subscriber {name} had to start anew; that was perhaps done") from crash
        except ActorDeadError:
            raise self._unknown(name) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _is_kept(self, name: str) -> bool:
        return any(each.name == name for each in await self._store.subscribers())

    def _unknown(self, name: object) -> UnknownSubscriberError:
        known = ", ".join(self._entries) or "none"
        return UnknownSubscriberError(f"no subscription named {shown(name)} is running; there are {known}")


def _start_position(start_at: Start, end: int) -> int:
    if start_at == "now":
        return end
    if start_at == "start":
        return 0
    if start_at > end:
        message = f"the log ends at position {end}"
        raise ValidationError([FieldError("from_", message, str(start_at))], hint="Use a position of the log.")
    return start_at
