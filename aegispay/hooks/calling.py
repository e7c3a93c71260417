"""Calling a hook so that it can hurt nothing but its own verdict: in time, on its own, whatever it does."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from aegispay.domain.hook_kind import HookKind
from aegispay.domain.payment import Payment
from aegispay.hooks.hook import Hook
from aegispay.hooks.kinds import RULES
from aegispay.hooks.registered import Registered
from aegispay.log import sampled
from aegispay.observability.binding import of_payment
from aegispay.observability.telemetry import Telemetry

THREADS_MAX = 8
"""Threads that the calls of one hook may occupy: one that hangs takes no more with it."""
TASKS_MAX = 256
"""Calls of one async hook under way, those included that were given up and do not end."""

_Done = tuple[Any, str]
"""What a hook answered, and how it failed: an empty text when it did not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking one hook.

    Attributes:
        verdict: what it said; ``None`` when it had nothing to say, or failed.
        failure: why it counts as failed; empty when it does not.
        took_s: how long it took, in seconds.
    """

    hook: Hook
    verdict: Any = None
    failure: str = ""
    took_s: float = 0.0


class Caller:
    """Calls hooks. Those that do not end in time are given up: cancelled, counted, and kept in mind until they end.

    Args:
        failing: says of a call why it is to fail on purpose, or nothing; for tests.
        now_s: monotonic seconds, by which repeated log lines become fewer; the loop's own unless given.
        telemetry: traces calls about payments that are traced.

    Attributes:
        log: where hooks' failures are said.
    """

    def __init__(
        self,
        failing: Callable[[Hook], str] | None = None,
        *,
        now_s: Callable[[], float] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.log = sampled(_loop_s if now_s is None else now_s, "aegispay.hooks")
        self._failing = failing
        self._telemetry = telemetry
        self._given_up: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """Return how many calls were given up and have not ended yet."""
        return len(self._given_up)

    async def ask(self, registered: Registered, context: Any) -> Answer:
        """Call one hook; whatever it does, there is an answer within its deadline."""
        hook, counts = registered.hook, registered.counts
        loop = asyncio.get_running_loop()
        counts.called += 1
        began = loop.time()
        if self._failing is not None and (purpose := self._failing(hook)):
            value, failure = None, purpose
        elif hook.is_quick:
            value, failure = _call(hook, context)
        else:
            value, failure = await self._traced(registered, context)
        took_s = loop.time() - began
        if not failure:
            failure = unfit(hook, value)
        if not failure:
            return Answer(hook, value, "", took_s)
        counts.failed += 1
        payment = getattr(context, "payment", None)
        log = self.log.bind(**of_payment(payment)) if isinstance(payment, Payment) else self.log
        log.warning("hook_failed", hook=hook.name, kind=hook.kind.value, failure=failure, failed=counts.failed)
        return Answer(hook, None, failure, took_s)

    async def _traced(self, registered: Registered, context: Any) -> _Done:
        hook, payment = registered.hook, getattr(context, "payment", None)
        # A context of its own: what the hook asks of the engine is not asked by the payment's turn that waits for it.
        own = Context()
        if self._telemetry is None or not isinstance(payment, Payment):
            return await self._in_time(registered, context, own)
        span = self._telemetry.hook_asked(payment, hook.kind.value, hook.name)
        if span is None:
            return await self._in_time(registered, context, own)
        failure = "cancelled"
        try:
            value, failure = await self._in_time(registered, context, span.context(own))
        finally:
            span.end(error="hook_failed" if failure else "")
        return value, failure

    async def _in_time(self, registered: Registered, context: Any, own: Context) -> _Done:
        hook, loop = registered.hook, asyncio.get_running_loop()
        task = loop.create_task(_guarded(registered, context), context=own)
        try:
            await asyncio.wait({task}, timeout=hook.deadline_s)
        except asyncio.CancelledError:
            self._give_up(task)
            raise
        if task.done() and not task.cancelled():
            return task.result()
        self._give_up(task)
        registered.counts.timed_out += 1
        return None, f"did not answer within {hook.deadline_s:g} s"

    def _give_up(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        self._given_up.add(task)
        task.add_done_callback(self._given_up.discard)


def _loop_s() -> float:
    return asyncio.get_running_loop().time()


async def _guarded(registered: Registered, context: Any) -> _Done:
    """Return what the hook answers or how it failed; nothing but the end of the loop gets out of here."""
    hook = registered.hook
    if not hook.is_async:
        return await _in_thread(registered, context)
    try:
        async with registered.room(TASKS_MAX):
            return await hook.call(context), ""
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - a hook's failure, whatever it is, is its own
        return None, raised(error)


async def _in_thread(registered: Registered, context: Any) -> _Done:
    """Call it on a thread of its own; the room is kept until the thread is done, however long nobody waits any more."""
    room, loop = registered.room(THREADS_MAX), asyncio.get_running_loop()
    await room.acquire()
    answered: asyncio.Future[_Done] = loop.create_future()
    own = copy_context()

    def deliver(done: _Done) -> None:
        room.release()
        if not answered.done():
            answered.set_result(done)

    def run() -> None:
        done = own.run(_call, registered.hook, context)
        with contextlib.suppress(RuntimeError):
            # The loop may have ended meanwhile.
            loop.call_soon_threadsafe(deliver, done)

    try:
        # A daemon: a hook that hangs must not keep the process alive.
        threading.Thread(target=run, name=f"aegispay-hook-{registered.hook.name}", daemon=True).start()
    except RuntimeError as error:
        room.release()
        return None, raised(error)
    value, failure = await answered
    if not failure and inspect.isawaitable(value):
        return await _awaited(value)
    return value, failure


async def _awaited(value: Any) -> _Done:
    """Wait for what a sync function gave back that has to be awaited."""
    try:
        return await value, ""
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - a hook's failure, whatever it is, is its own
        return None, raised(error)


def _call(hook: Hook, context: Any) -> _Done:
    try:
        return hook.call(context), ""
    except BaseException as error:  # noqa: BLE001 - a hook's failure, whatever it is, is its own
        return None, raised(error)


def raised(error: BaseException) -> str:
    """Say what was raised and where; never its message, which may hold anything."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f" in {frame.tb_frame.f_code.co_name}, line {frame.tb_lineno}"
    return f"raised {type(error).__name__[:60]}{place}"


def unfit(hook: Hook, value: Any) -> str:
    """Return why the answer is none for a hook of this kind; empty when it is one."""
    rules = RULES[hook.kind]
    if not rules.verdicts or isinstance(value, rules.verdicts) or (value is None and rules.may_be_silent):
        return ""
    if inspect.iscoroutine(value):
        value.close()
    if hook.kind is HookKind.FRAUD_CHECK and value is None:
        return "said nothing; a fraud check has to return Allow, Block or Review"
    names = ", ".join(kind.__name__ for kind in rules.verdicts)
    return f"answered with {type(value).__name__[:60]}; use {names}"
