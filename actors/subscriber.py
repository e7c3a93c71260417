"""The subscriber actor: takes events from the log, has them handed on, and keeps the books of what is still owed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

from aegispay.actors import Actor
from aegispay.actors.subscriber_messages import DropDeadLetter, Forget, Look, Redeliver, ReplayDeadLetter, SetDisabled
from aegispay.delivery_errors import DeadLetterNotFoundError, EffectsRefusedError
from aegispay.domain.deliveries.outage import Outage
from aegispay.errors import FencedError, StoreError, StoreUnavailableError
from aegispay.outbox.choosing import Chooser
from aegispay.outbox.definition import Definition, DeliveryContext
from aegispay.outbox.judging import Judge
from aegispay.outbox.lanes import Job, Unreadable
from aegispay.outbox.log_pages import LogPages
from aegispay.outbox.opening import SupersededError, open_books
from aegispay.outbox.running import Delivered, Disabled, Failed, Outcome, Runner, kind_of, said_of
from aegispay.outbox.steady_time import SteadyTime
from aegispay.outbox.tally import Tally
from aegispay.outbox.transaction import EventTransaction
from aegispay.ports import Clock, EventStore
from aegispay.ports.outbox import Effect, Progress, SubscriberKind

_POLL_S = 5.0
"""How often to look at the log when nobody says that there is something new."""
_SAVE_S = 0.2
"""How long what was delivered may stay unwritten: a crash delivers it again."""
_SAVE_IDLE_S = 2.0
"""The same for a position that moved over events nobody wanted."""
_STORE_DOWN_S = 1.0
_SLICE = 1_000
"""Events taken from the log at one go, before others have their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberServices:
    """What every subscriber works with.

    Attributes:
        fenced: told that another engine owns the database.
        shutdown_s: how long running handlers may take when it is stopped.
    """

    store: EventStore
    log: LogPages
    clock: Clock
    fenced: Callable[[FencedError], None]
    shutdown_s: float


class SubscriberActor(Actor):
    """One subscriber. Handlers run beside it, and what becomes of them comes back as something to look at."""

    _judge: Judge
    _chooser: Chooser

    def __init__(self, definition: Definition, tally: Tally, services: SubscriberServices) -> None:
        super().__init__()
        self._definition = definition
        self._tally = tally
        self._services = services
        self._time = SteadyTime(services.clock)
        self._ended: deque[tuple[Job, DeliveryContext, Outcome]] = deque()
        self._runner = Runner(definition, self._note_ended)
        self._is_ending = False
        self._forgotten: set[int] = set()
        self._unsaved_since: float | None = None
        self._delivered_saved = tally.delivered
        self._is_store_down = False

    # --- starting and stopping ----------------------------------------------------------------------

    async def on_start(self) -> None:  # type: ignore[override]  # pykka's hooks may be async here
        """Read from the store where it stands and what it owes."""
        subscriber, ledger = await open_books(self._services.store, self._definition, self._now())
        self._judge = Judge(self._definition, ledger, self._tally)
        self._chooser = Chooser(self._judge, self._runner)
        self._tally.disabled = subscriber.disabled
        self._tally.is_woken = False
        self._wake()

    async def on_stop(self) -> None:  # type: ignore[override]
        """Let running handlers end, and write down how far everything has got."""
        self._is_ending = True
        await self._runner.close(self._services.shutdown_s)
        with suppress(StoreError):
            await self._enter_ended()
            await self._save()

    async def on_failure(  # type: ignore[override]
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End what is running: the next incarnation hands it on again."""
        self._is_ending = True
        if exception_value is not None:
            self._tally.last_error = said_of(exception_value)
        await self._runner.close(0.0)

    # --- messages -----------------------------------------------------------------------------------

    async def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case Look(is_poll):
                self._tally.is_woken = False
                if is_poll:
                    self._services.log.has_news()
                reply = None
            case ReplayDeadLetter(position):
                reply = await self._change_dead(position, self._judge.ledger.replay)
            case DropDeadLetter(position):
                reply = await self._change_dead(position, self._judge.ledger.drop)
            case Redeliver(events):
                reply = sum(self._judge.ledger.redeliver(each, self._now()) for each in events)
                await self._save_surely()
            case Forget(payment_ids):
                await self._forget(payment_ids)
                reply = None
            case SetDisabled(cause):
                await self._set_disabled(cause)
                reply = None
            case _:
                return super().on_receive(message)
        await self._look()
        return reply

    async def _change_dead(self, position: int, change: Callable[[int, datetime], None]) -> Any:
        """Return `DeadLetterNotFoundError` as the reply when there is none."""
        if not self._judge.ledger.is_dead(position):
            return DeadLetterNotFoundError(f"{self._definition.name} has no dead letter at position {position}")
        change(position, self._now())
        await self._save_surely()
        return None

    async def _set_disabled(self, cause: str) -> None:
        await self._services.store.disable_subscriber(self._definition.name, cause)
        self._tally.disabled = cause
        self._judge.outage = Outage()

    async def _forget(self, payment_ids: frozenset[str]) -> None:
        """Read again what waits here, and keep only the kind of the errors that were made of the old."""
        ledger = self._judge.ledger
        await self._enter_ended()
        self._forgotten |= self._runner.running_of(payment_ids)
        ledger.blank_errors(payment_ids)
        self._tally.last_error = kind_of(self._tally.last_error)
        for payment_id in ledger.fresh_of(payment_ids):
            ledger.renew(payment_id, await self._services.store.load(payment_id))

    def _note_ended(self, job: Job, context: DeliveryContext, outcome: Outcome) -> None:
        self._ended.append((job, context, outcome))
        if not self._is_ending:
            self._wake()

    def _wake(self) -> None:
        if not self._tally.is_woken:
            self._tally.is_woken = True
            self.actor_ref.tell(Look())

    # --- working ------------------------------------------------------------------------------------

    async def _look(self) -> None:
        if self._is_ending:
            return
        try:
            await self._enter_ended()
            if not self._tally.disabled:
                await self._take()
                await self._start()
            await self._save_in_time()
            self._is_store_down = False
        except FencedError as error:
            self._is_ending = True
            self._services.fenced(error)
            return
        except StoreUnavailableError as error:
            # Nothing was written; it is the same for everybody, and the store comes back or it does not.
            self._is_store_down = True
            self._tally.last_error = said_of(error)
        self._tell_how_it_stands()
        self._set_timer()

    async def _enter_ended(self) -> None:
        """Enter what became of tries."""
        while self._ended:
            job, context, outcome = self._ended.popleft()
            effects = () if context.transaction is None else context.transaction.end()
            self._judge.ledger.note(context.attempts)
            now = self._now()
            match self._worded(job, outcome):
                case Delivered() if effects:
                    await self._commit(job, context, effects)
                case Delivered():
                    self._judge.delivered(job, now)
                case Failed() as failure:
                    self._judge.failed(job, context, failure, now)
                case Disabled(cause):
                    self._judge.disabled(job, cause, now)
                    await self._save_surely()
                    await self._services.store.disable_subscriber(self._definition.name, cause)
                    self._tally.disabled = cause

    def _worded(self, job: Job, outcome: Outcome) -> Outcome:
        """Leave out a handler's words about what was erased while it had it."""
        if job.position in self._forgotten:
            self._forgotten.discard(job.position)
            if isinstance(outcome, Failed):
                return Failed(kind_of(outcome.error), outcome.wish_s)
        return outcome

    async def _commit(self, job: Job, context: DeliveryContext, effects: tuple[Effect, ...]) -> None:
        """Write a transactional subscriber's statements and its position as one."""
        ledger = self._judge.ledger
        if not ledger.is_next(job):
            # The position could not tell that it was delivered, and a crash would have it done twice.
            ledger.given_back(job, self._now())
            return
        progress = ledger.progress(delivered=job, effects=effects)
        assert progress is not None
        try:
            await self._advance(progress)
        except EffectsRefusedError as error:
            self._judge.failed(job, context, Failed(said_of(error)), self._now())
        except StoreUnavailableError:
            # It says nothing about the event, and its statements were perhaps made from what is no longer true.
            ledger.given_back(job, self._now())
            raise
        else:
            self._judge.delivered(job, self._now())
            ledger.saved(progress)

    async def _take(self) -> None:
        """Take events from the log, as many as can be handed on soon."""
        ledger, wanted = self._judge.ledger, 2 * self._definition.concurrency
        if self._judge.outage.is_paused:
            wanted = 1
        left = _SLICE
        while ledger.ready < wanted and (room := min(ledger.room, left)) > 0:
            events = await self._services.log.after(ledger.read)
            if not events:
                return
            for stored in events[:room]:
                ledger.take(stored)
            left -= min(room, len(events))
        if left <= 0:
            self._wake()

    async def _start(self) -> None:
        while not self._must_commit_first() and (job := self._chooser.next_job(self._now())) is not None:
            try:
                stored = job.stored or await self._services.log.at(job.position)
            except StoreError:
                self._judge.ledger.given_back(job, self._now())
                raise
            if isinstance(stored, Unreadable):
                self._judge.unreadable(job, stored, self._now())
                continue
            context = DeliveryContext(subscriber=self._definition.name, stored=stored, tries=job.tries)
            if self._definition.kind is SubscriberKind.TRANSACTIONAL:
                context.transaction = EventTransaction(self._services.store)
            self._runner.start(job, context)

    def _must_commit_first(self) -> bool:
        """Whether a transactional handler has ended whose statements are not written: the next one must see them."""
        if self._definition.kind is not SubscriberKind.TRANSACTIONAL or not self._ended:
            return False
        self._wake()
        return True

    # --- writing it down ----------------------------------------------------------------------------

    async def _save_in_time(self) -> None:
        ledger = self._judge.ledger
        if self._unsaved_since is None:
            self._unsaved_since = self._services.clock.monotonic() if ledger.has_progress else None
        elif self._services.clock.monotonic() >= self._unsaved_since + self._patience_s():
            await self._save()

    def _patience_s(self) -> float:
        is_news = self._judge.ledger.is_changed or self._tally.delivered != self._delivered_saved
        return _SAVE_S if is_news else _SAVE_IDLE_S

    async def _save(self) -> None:
        progress = self._judge.ledger.progress()
        if progress is not None:
            await self._advance(progress)
            self._judge.ledger.saved(progress)
        self._unsaved_since = None
        self._delivered_saved = self._tally.delivered

    async def _save_surely(self) -> None:
        """Write it down now; who asked for it hears if that fails, and this instance starts anew from what is there."""
        await self._save()
        self._tell_how_it_stands()

    async def _advance(self, progress: Progress) -> None:
        if not await self._services.store.advance(progress):
            raise SupersededError(f"the cursor of {self._definition.name} is not where it was left")

    # --- waiting ------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        delay_s = _STORE_DOWN_S if self._is_store_down else self._idle_s()
        self.timers.start("look", Look(is_poll=delay_s == _POLL_S), delay_s)

    def _idle_s(self) -> float:
        """Return how long there is nothing to do, as far as is known."""
        delays_s = [_POLL_S]
        if self._unsaved_since is not None:
            delays_s.append(self._unsaved_since + self._patience_s() - self._services.clock.monotonic())
        until_next_s = None if self._tally.disabled else self._chooser.idle_s(self._now())
        if until_next_s is not None:
            delays_s.append(until_next_s)
        return max(0.0, min(delays_s))

    def _tell_how_it_stands(self) -> None:
        tally, ledger = self._tally, self._judge.ledger
        tally.position = ledger.position
        tally.running, tally.waiting, tally.dead = len(self._runner), ledger.waiting, ledger.dead
        tally.paused_until = self._judge.outage.until

    def _now(self) -> datetime:
        return self._time.now()
