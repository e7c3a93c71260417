"""Telling listeners and collectors what has happened: after the commit, in the background, in order, bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from aegispay.domain.events import Event
from aegispay.domain.hook_kind import HookKind
from aegispay.domain.payment import Payment
from aegispay.hooks.calling import Caller
from aegispay.hooks.contexts import EventContext, own_payment
from aegispay.hooks.measurements import measurements
from aegispay.hooks.registered import Registered
from aegispay.hooks.registry import Hooks

QUEUE_MAX = 10_000
"""What may wait for one hook: a few seconds of a busy engine, some megabytes."""

Making = Callable[[], Any]
"""Makes the context when its turn has come, so that what is dropped costs nothing."""


class Telling:
    """One queue and one task for each hook: a slow one delays nobody, and hears everything in order."""

    def __init__(self, hooks: Hooks, caller: Caller) -> None:
        self._hooks = hooks
        self._caller = caller
        self._queues: dict[Registered, deque[Making]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, payment: Payment, events: Sequence[Event]) -> None:
        """Pass on what was committed; never waits."""
        first = payment.version - len(events) + 1
        for registered in self._hooks.of(HookKind.EVENT_LISTENER):
            wanted = registered.hook.events
            for version, event in enumerate(events, start=first):
                if not wanted or event.type.value in wanted:
                    self.put(registered, _Told(payment, version, event))
        for registered in self._hooks.of(HookKind.METRICS_COLLECTOR):
            for event in events:
                for measured in measurements(payment, event):
                    self.put(registered, _Measured(measured))

    def put(self, registered: Registered, making: Making) -> None:
        """Have a hook called with what `making` makes, after everything else that waits for it."""
        queue = self._queues.get(registered)
        if queue is None:
            queue = self._queues[registered] = deque()
            task = asyncio.get_running_loop().create_task(self._work(registered, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if len(queue) >= QUEUE_MAX:
            self._drop(registered)
            return
        queue.append(making)

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything is told, but not longer than this; then give up what is left."""
        tasks = tuple(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        left = sum(len(queue) for queue in self._queues.values())
        for task in tasks:
            task.cancel()
        if left:
            self._caller.log.warning("events_not_told", count=left)
        self._queues.clear()

    async def _work(self, registered: Registered, queue: deque[Making]) -> None:
        try:
            while queue:
                await self._caller.ask(registered, queue.popleft()())
        finally:
            # Nothing was put between the last look and this: both happen without a pause.
            if self._queues.get(registered) is queue:
                del self._queues[registered]

    def _drop(self, registered: Registered) -> None:
        registered.counts.dropped += 1
        dropped = registered.counts.dropped
        self._caller.log.warning("hook_too_slow", hook=registered.hook.name, dropped=dropped)


class _Told:
    __slots__ = ("_event", "_payment", "_version")

    def __init__(self, payment: Payment, version: int, event: Event) -> None:
        self._payment = payment
        self._version = version
        self._event = event

    def __call__(self) -> EventContext:
        return EventContext(payment=own_payment(self._payment), version=self._version, event=self._event)


class _Measured:
    __slots__ = ("_measured",)

    def __init__(self, measured: Any) -> None:
        self._measured = measured

    def __call__(self) -> Any:
        return self._measured
