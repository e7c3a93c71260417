"""Handlers at work: each in time, on its own, and able to hurt nothing but its own try."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextvars import Context
from dataclasses import dataclass
from functools import partial

from aegispay.observability.redaction import redact_text
from aegispay.outbox.definition import Definition, DeliveryContext, Disable, RetryAfter
from aegispay.outbox.lanes import Job

ERROR_LENGTH_MAX = 500
_GIVE_UP_S = 1.0
"""How long closing waits for handlers to take their cancellation in."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The handler returned."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The try was in vain.

    Attributes:
        wish_s: in how many seconds the consumer wants the next one; ``None`` when it does not say.
    """

    error: str
    wish_s: float | None = None


@dataclass(frozen=True, slots=True)
class Disabled:
    """The consumer wants nothing any more."""

    cause: str


Outcome = Delivered | Failed | Disabled
OnEnded = Callable[[Job, DeliveryContext, Outcome], None]


class Runner:
    """Runs the handlers of one subscriber.

    Args:
        ended: told, once for each job, what became of it.
    """

    def __init__(self, definition: Definition, ended: OnEnded) -> None:
        self._definition = definition
        self._ended = ended
        self._running: dict[asyncio.Task[None], Job] = {}
        self._given_up: set[asyncio.Task[None]] = set()
        self._retries = 0

    def __len__(self) -> int:
        """Return how many are running, without those that were given up."""
        return len(self._running)

    @property
    def has_room(self) -> bool:
        """Whether one more may start; handlers that were given up and do not end take room, too."""
        most = self._definition.concurrency
        return len(self._running) < most and len(self._running) + len(self._given_up) < 2 * most

    @property
    def has_room_for_retry(self) -> bool:
        """Whether the next one may be a retry: half of the room is for events that were never tried."""
        return self._retries < max(1, self._definition.concurrency // 2)

    def running_of(self, payment_ids: Collection[str]) -> set[int]:
        """Return the positions of these payments' events that are being handed over now."""
        return {job.position for job in self._running.values() if job.lane.payment_id in payment_ids}

    def start(self, job: Job, context: DeliveryContext) -> None:
        """Hand an event over."""
        loop = asyncio.get_running_loop()
        # A context of its own: what a handler asks of the engine is not asked by whoever happens to be running now.
        work = self._work(job, context)
        task = loop.create_task(work, context=Context())
        self._running[task] = job
        self._retries += job.is_retry
        # A timer of our own: a handler that swallows its cancellation must not keep the others waiting.
        expiry = loop.call_later(self._definition.timeout_s, self._expire, task, context)
        task.add_done_callback(partial(self._done, expiry))

    async def close(self, timeout_s: float) -> None:
        """Wait for what is running, but not longer than this; then give up what is left."""
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=timeout_s)
        left = (*self._running, *self._given_up)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_GIVE_UP_S)

    async def _work(self, job: Job, context: DeliveryContext) -> None:
        outcome = await self._outcome(context)
        task = asyncio.current_task()
        if task is not None and self._forget(task):
            self._ended(job, context, outcome)

    async def _outcome(self, context: DeliveryContext) -> Outcome:
        try:
            await self._definition.handler(context)
        except GeneratorExit:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Failed(said_of(error))
        except RetryAfter as wish:
            return Failed(said_of(wish), wish.delay_s)
        except Disable as end:
            return Disabled(said_of(end))
        except BaseException as error:  # noqa: BLE001 - a handler's failure, whatever it is, is its own
            return Failed(said_of(error))
        return Delivered()

    def _forget(self, task: asyncio.Task[None]) -> bool:
        """Take it off the running ones; return whether it was one of them."""
        job = self._running.pop(task, None)
        if job is not None:
            self._retries -= job.is_retry
        return job is not None

    def _expire(self, task: asyncio.Task[None], context: DeliveryContext) -> None:
        job = self._running.get(task)
        if job is not None and self._forget(task):
            self._given_up.add(task)
            task.cancel()
            self._ended(job, context, Failed(f"did not end within {self._definition.timeout_s:g} s"))

    def _done(self, expiry: asyncio.TimerHandle, task: asyncio.Task[None]) -> None:
        expiry.cancel()
        self._given_up.discard(task)
        self._forget(task)


def kind_of(said: str) -> str:
    """Return what kind of error it was: its words are the consumer's, and may be about somebody."""
    return said.partition(":")[0]


def said_of(error: BaseException) -> str:
    """Return the kind of an error and its words, masked and shortened, fit for every file."""
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 - an error that cannot even be printed
        words = ""
    # Half a surrogate pair cannot be written as UTF-8.
    plain = redact_text(words, longest=ERROR_LENGTH_MAX).encode(errors="replace").decode()
    kind = type(error).__name__[:60]
    return (f"{kind}: {plain}" if plain else kind)[:ERROR_LENGTH_MAX]
