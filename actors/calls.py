"""Gateway calls in flight. They belong to nobody's mailbox: restarting a payment or a gateway actor cancels none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from aegispay.domain.outcome import Approved, Outcome, OutcomeUnknown, Reason
from aegispay.domain.outcome import NotProcessed as NotProcessedOutcome
from aegispay.domain.resolution import Purpose
from aegispay.errors import NotSentError
from aegispay.ports import ChargeRequest, Clock, Gateway, NotFound

_OUTCOMES: tuple[type[Outcome], ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCall:
    """One call to one gateway.

    Attributes:
        operation_id: which attempt it is about.
        purpose: the first send, or a question about it.
        start_before: monotonic seconds after which the call must not begin any more.
    """

    payment_id: str
    operation_id: str
    purpose: Purpose
    request: ChargeRequest
    start_before: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What came of a call, or of its being refused before it was made.

    Attributes:
        latency_s: how long it took; 0 when it was not made.
    """

    call: GatewayCall
    gateway: str
    answer: Outcome | NotFound
    latency_s: float = 0.0


OnResult = Callable[[CallResult], None]


class CallScope:
    """Owns the tasks of all running gateway calls and hands each result over exactly once."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._announced: dict[str, float] = {}
        self._in_flight: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many calls are running."""
        return len(self._tasks)

    def in_flight(self, gateway: str) -> int:
        """Return how many calls to this gateway are running."""
        return self._in_flight.get(gateway, 0)

    def announce(self, call: GatewayCall) -> None:
        """Say that the call will be started by `call.start_before` or not at all."""
        self._announced[call.operation_id] = call.start_before

    def withdraw(self, call: GatewayCall) -> None:
        """Say that an announced call will not be started."""
        self._announced.pop(call.operation_id, None)

    def is_under_way(self, operation_id: str) -> bool:
        """Return whether a call about this operation is running or may still start."""
        if operation_id in self._tasks:
            return True
        start_before = self._announced.get(operation_id)
        return start_before is not None and self._clock.monotonic() <= start_before

    def is_running(self, operation_id: str) -> bool:
        """Return whether a call about this operation is running now."""
        return operation_id in self._tasks

    def is_too_late(self, call: GatewayCall) -> bool:
        """Return whether the call's time to start is over."""
        return self._clock.monotonic() > call.start_before

    def start(self, gateway: Gateway, call: GatewayCall, on_result: OnResult) -> None:
        """Make the call; `on_result` gets its result on the loop, exactly once."""
        assert not self.is_running(call.operation_id), "one call per operation at a time"
        self.withdraw(call)
        self._in_flight[gateway.name] = self.in_flight(gateway.name) + 1
        self._tasks[call.operation_id] = asyncio.get_running_loop().create_task(
            self._run(gateway, call, on_result), name=f"{gateway.name} {call.purpose} {call.operation_id}"
        )

    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """Return what is running."""
        return tuple(self._tasks.values())

    async def cancel_all(self) -> None:
        """Give up on all running calls; what became of them is unknown, and is asked for at the next start."""
        left = self.tasks()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _run(self, gateway: Gateway, call: GatewayCall, on_result: OnResult) -> None:
        started = self._clock.monotonic()
        try:
            answer = await ask_gateway(gateway, call)
        finally:
            self._forget(gateway.name, call)
        latency_s = self._clock.monotonic() - started
        on_result(CallResult(call=call, gateway=gateway.name, answer=answer, latency_s=latency_s))

    def _forget(self, gateway: str, call: GatewayCall) -> None:
        del self._tasks[call.operation_id]
        self._in_flight[gateway] -= 1


async def ask_gateway(gateway: Gateway, call: GatewayCall) -> Outcome | NotFound:
    """Make one call and turn everything an adapter can do into an outcome: what is not definite is unknown."""
    timeout_s = gateway.contract.timeout_s
    asked = gateway.fetch_payment if call.purpose is Purpose.LOOKUP else gateway.charge
    try:
        async with asyncio.timeout(timeout_s):
            answer: object = await asked(call.request)
    except NotSentError as error:
        return NotProcessedOutcome(reason=Reason.NOT_SENT, message=str(error))
    except TimeoutError:
        return OutcomeUnknown(reason=Reason.TIMEOUT, message=f"no answer within {timeout_s:g} s")
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises, the request may have been carried out
        return OutcomeUnknown(reason=Reason.CONNECTION_LOST, message=f"the adapter raised {type(error).__name__}")
    if call.purpose is Purpose.LOOKUP and isinstance(answer, NotFound):
        return answer
    if isinstance(answer, _OUTCOMES) and _is_readable(answer):
        return answer
    return OutcomeUnknown(
        reason=Reason.UNREADABLE_ANSWER, message=f"the adapter answered with a {type(answer).__name__}"
    )


def _is_readable(outcome: Outcome) -> bool:
    """An approval without a reference or with an amount that is no integer cannot be kept as one."""
    if not isinstance(outcome, Approved):
        return True
    fields: tuple[object, object, object] = (outcome.reference, outcome.amount_minor, outcome.currency)
    match fields:
        case (str() as reference, int(), str()):
            return reference != ""
        case _:
            return False
