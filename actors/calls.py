"""Gateway calls in flight. They belong to nobody's mailbox: restarting a payment or a gateway actor cancels none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from aegispay.actors.answers import Answer, answer_of
from aegispay.actors.health_checks import HealthChecks
from aegispay.actors.methods import method_name, method_of
from aegispay.actors.pauses import Pauses
from aegispay.actors.waiting_calls import WaitingCalls
from aegispay.domain.keys import payment_of
from aegispay.domain.outcome import NotProcessed, OutcomeUnknown, Reason
from aegispay.domain.resolution import Purpose
from aegispay.log import sampled
from aegispay.observability.call_spans import ObservedCall
from aegispay.observability.telemetry import Telemetry
from aegispay.ports import Clock, Gateway, GatewayRequest

_HANDLING_S = 5.0
"""How long a result may wait in its payment's mailbox before the payment asks again."""
_GIVE_UP_S = 1.0
"""How long closing waits for adapters to take their cancellation in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCall:
    """One call to one gateway.

    Attributes:
        operation_id: which attempt, capture, void or refund it is about.
        purpose: the first send, or a question about it.
        start_before: monotonic seconds after which the call must not begin any more.
        parameters: what the payer's return carried; never stored, and never shown.
        trace: W3C traceparent of what it belongs to, if that is traced.
    """

    payment_id: str
    operation_id: str
    purpose: Purpose
    request: GatewayRequest
    start_before: float
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    trace: str | None = None

    @property
    def may_be_absent(self) -> bool:
        """Whether "not found" is an answer to it."""
        return self.purpose is Purpose.LOOKUP


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What came of a call, or of its being refused before it was made.

    Attributes:
        latency_s: how long it took; 0 when it was not made.
        asked_at: when it was made; ``None`` when it was not. asked_s: the same in monotonic seconds.
        is_alone: whether no other call about this operation was still at work when it ended.
    """

    call: GatewayCall
    gateway: str
    answer: Answer
    latency_s: float = 0.0
    asked_at: datetime | None = None
    asked_s: float = 0.0
    is_alone: bool = True


OnResult = Callable[[CallResult], None]


@dataclass(slots=True, eq=False)
class _Running:
    """One call under way, and what will end it."""

    gateway: str
    call: GatewayCall
    on_result: OnResult
    started_at: float
    asked_at: datetime
    observed: ObservedCall
    on_late: OnResult | None = None
    task: asyncio.Task[None] | None = None
    expiry: asyncio.TimerHandle | None = None


class CallScope:
    """Owns all running gateway calls and hands each result over exactly once.

    It outlives the engine's closing: an adapter that does not take its cancellation in is still known afterwards.

    Attributes:
        checks: the health checks under way; they are given up with the calls.
        pauses: payments whose questions had to be refused. waiting: calls that no gateway actor has looked at yet.
        wake: told which payment may ask now, because an earlier question has ended.
    """

    def __init__(self, *, clock: Clock, telemetry: Telemetry | None = None) -> None:
        self._clock = clock
        self._telemetry = Telemetry() if telemetry is None else telemetry
        self._log = sampled(clock.monotonic)
        self._running: dict[str, _Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lingering: dict[str, set[_Running]] = {}
        self._expected: dict[str, float] = {}
        self._announced: dict[str, GatewayCall] = {}
        self._in_flight: dict[str, int] = {}
        self._questions: dict[str, int] = {}
        self._of_payment: dict[str, set[str]] = {}
        self.checks = HealthChecks()
        self.pauses = Pauses(clock)
        self.waiting = WaitingCalls(clock)
        self.wake: Callable[[str], object] | None = None
        self._last_send_ended_s: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many calls are running."""
        return len(self._running)

    def in_flight(self, gateway: str) -> int:
        """Return how many calls to this gateway are running."""
        return self._in_flight.get(gateway, 0)

    def questions_in_flight(self, gateway: str) -> int:
        """Return how many of them ask about an earlier call."""
        return self._questions.get(gateway, 0)

    def announce(self, call: GatewayCall) -> None:
        """Say that the call will be started by `call.start_before` or not at all."""
        self._expected[call.operation_id] = call.start_before
        self._announced[call.operation_id] = call
        self._of_payment.setdefault(call.payment_id, set()).add(call.operation_id)

    def take(self, call: GatewayCall) -> bool:
        """Return whether this call was announced and is taken for the first time.

        A copy that comes late would be a second charge: by then the payment may have gone on to another gateway.
        """
        if self._announced.get(call.operation_id) != call:
            return False
        del self._announced[call.operation_id]
        return True

    def withdraw(self, call: GatewayCall) -> None:
        """Say that nothing more is to be expected of the call: its result was handled, or nobody waits for it."""
        self._expected.pop(call.operation_id, None)
        self._announced.pop(call.operation_id, None)
        about = self._of_payment.get(call.payment_id)
        if about is not None and call.operation_id not in self._running:
            about.discard(call.operation_id)
            if not about:
                del self._of_payment[call.payment_id]

    def is_under_way(self, operation_id: str) -> bool:
        """Return whether a call about this operation is running, may still start, or has a result to be handled."""
        if operation_id in self._running:
            return True
        until = self._expected.get(operation_id)
        return until is not None and self._clock.monotonic() <= until

    def is_busy(self, payment_id: str) -> bool:
        """Return whether to leave the payment alone although it is due: it is being asked about, or has to pause."""
        about = self._of_payment.get(payment_id)
        if about is not None and any(self.is_under_way(operation_id) for operation_id in about):
            return True
        return self.pauses.is_on(payment_id)

    def is_running(self, operation_id: str) -> bool:
        """Return whether a call about this operation is running now."""
        return operation_id in self._running

    def is_lingering(self, operation_id: str) -> bool:
        """Return whether an adapter that was given up is still at work on this operation."""
        return operation_id in self._lingering

    def last_send_ended_s(self, operation_id: str) -> float | None:
        """Return when this process last had anything to do with a send of it, in monotonic seconds."""
        return self._last_send_ended_s.get(operation_id)

    def settled(self, operation_id: str) -> None:
        """Forget when it was sent: what became of it is known."""
        self._last_send_ended_s.pop(operation_id, None)
        self.pauses.end(payment_of(operation_id) or "")

    def is_too_late(self, call: GatewayCall) -> bool:
        """Return whether the call's time to start is over."""
        return self._clock.monotonic() > call.start_before

    def start(self, gateway: Gateway, call: GatewayCall, on_result: OnResult, on_late: OnResult) -> None:
        """Make the call.

        Args:
            gateway: whom to call.
            call: with what.
            on_result: gets the result on the loop, exactly once, at the latest after the request's `timeout_s`.
            on_late: gets the answer of an adapter that was given up and came back all the same.
        """
        assert not self.is_running(call.operation_id), "one call per operation at a time"
        self.withdraw(call)
        self._of_payment.setdefault(call.payment_id, set()).add(call.operation_id)
        self.pauses.asked(call.payment_id)
        loop = asyncio.get_running_loop()
        observed = self._observed(gateway.name, call)
        running = _Running(gateway.name, call, on_result, self._clock.monotonic(), self._clock.now(), observed, on_late)
        self._running[call.operation_id] = running
        self._count(running, 1)
        # A timer of our own: an adapter that swallows its cancellation must not keep the payment waiting.
        running.expiry = loop.call_later(call.request.timeout_s, self._expire, running)
        running.task = loop.create_task(self._run(gateway, running), context=observed.context())
        running.task.add_done_callback(partial(self._done, running))
        self._tasks.add(running.task)

    def _observed(self, gateway: str, call: GatewayCall) -> ObservedCall:
        return ObservedCall(
            self._telemetry,
            gateway,
            method_name(call.purpose, call.request),
            payment_id=call.payment_id,
            reference=call.operation_id,
            purpose=call.purpose.value,
            trace=call.trace,
        )

    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """Return what is running."""
        return tuple(running.task for running in self._running.values() if running.task is not None)

    async def cancel_all(self) -> None:
        """Give up on all running calls; what became of them is unknown, and is asked for at the next start."""
        for running in tuple(self._running.values()):
            running.on_late = None
            self._lingering.setdefault(running.call.operation_id, set()).add(running)
            self._forget(running)
            running.observed.not_made()
        for task in self._tasks:
            task.cancel()
        left = (*self._tasks, *self.checks.cancel())
        if left:
            await asyncio.wait(left, timeout=_GIVE_UP_S)

    async def _run(self, gateway: Gateway, running: _Running) -> None:
        call = running.call
        if self._clock.monotonic() - running.started_at >= call.request.timeout_s:
            # The process stood still in between. Whoever waited has gone by another way: nothing may leave any more.
            message = "it was too late to begin"
            self._end(running, NotProcessed(reason=Reason.NOT_SENT, message=message), was_made=False)
            return
        answer = await answer_of(
            lambda request: method_of(gateway, call.purpose, request, call.parameters)(request),
            call.request,
            contract=gateway.contract,
            gateway=running.gateway,
            may_be_absent=call.may_be_absent,
            log=self._log,
        )
        self._end(running, answer)

    def _expire(self, running: _Running) -> None:
        assert running.task is not None
        running.task.cancel()
        self._lingering.setdefault(running.call.operation_id, set()).add(running)
        message = f"no answer within {running.call.request.timeout_s:g} s"
        self._end(running, OutcomeUnknown(reason=Reason.TIMEOUT, message=message))

    def _end(self, running: _Running, answer: Answer, *, was_made: bool = True) -> None:
        is_awaited = self._forget(running)
        if is_awaited:
            self._tell(running, answer, was_made=was_made)
        self._note_send(running, only_known=not is_awaited)
        deliver = running.on_result if is_awaited else running.on_late
        self._expected[running.call.operation_id] = self._clock.monotonic() + _HANDLING_S
        if deliver is not None:
            deliver(
                CallResult(
                    call=running.call,
                    gateway=running.gateway,
                    answer=answer,
                    latency_s=self._clock.monotonic() - running.started_at,
                    asked_at=running.asked_at if was_made else None,
                    asked_s=running.started_at,
                    # Judged now: by the time the result is handled, what was at work may have ended.
                    is_alone=not self.is_lingering(running.call.operation_id),
                )
            )

    def _tell(self, running: _Running, answer: Answer, *, was_made: bool) -> None:
        if was_made:
            running.observed.ended(answer, self._clock.monotonic() - running.started_at)
        else:
            running.observed.not_made()

        self._offer_place(running)

    def _offer_place(self, ended: _Running) -> None:
        if ended.call.purpose is Purpose.SEND or self.wake is None:
            return
        payment_id = self.pauses.next_of(ended.gateway)
        if payment_id is not None:
            self.wake(payment_id)

    def _done(self, running: _Running, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._note_send(running, only_known=True)
        lingering = self._lingering.get(running.call.operation_id)
        if lingering is not None:
            lingering.discard(running)
            if not lingering:
                del self._lingering[running.call.operation_id]

    def _note_send(self, running: _Running, *, only_known: bool = False) -> None:
        operation_id = running.call.operation_id
        if running.call.purpose is Purpose.LOOKUP or (only_known and operation_id not in self._last_send_ended_s):
            return
        self._last_send_ended_s[operation_id] = self._clock.monotonic()

    def _forget(self, running: _Running) -> bool:
        operation_id = running.call.operation_id
        if self._running.get(operation_id) is not running:
            return False
        del self._running[operation_id]
        self._count(running, -1)
        if running.expiry is not None:
            running.expiry.cancel()
        return True

    def _count(self, running: _Running, change: int) -> None:
        counts = (self._in_flight,) if running.call.purpose is Purpose.SEND else (self._in_flight, self._questions)
        for count in counts:
            count[running.gateway] = count.get(running.gateway, 0) + change
