"""Gateway calls in flight: each result is handed over once, in time, whatever the adapter does."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import OutcomeUnknown, Reason
from aegispay.actors.calls import CallScope, GatewayCall
from aegispay.domain.resolution import Purpose
from aegispay.ports import ChargeRequest, NotFound
from aegispay.testing import running_clock
from tests import builders as b
from tests.integration.engine.rig import Adapter, approval, elapse, virtual

OPERATION = f"{b.ID}-a1"


def call_to(purpose=Purpose.SEND, *, start_before=10.0, operation_id=OPERATION):
    made = b.request()
    request = ChargeRequest(
        payment_id=b.ID,
        reference=operation_id,
        idempotency_key=f"{operation_id}-odd",
        money=b.processing().money,
        payment_method=made.payment_method,
        customer=None,
        metadata={},
        capture=made.capture,
        timeout_s=30.0,
    )
    return GatewayCall(
        payment_id=b.ID, operation_id=operation_id, purpose=purpose, request=request, start_before=start_before
    )


class Results(list):
    """Collects (time, result)."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def __call__(self, result):
        self.append((self._clock.monotonic(), result))


def started(adapter, call=None):
    clock = running_clock()
    scope, results, late = CallScope(clock=clock), Results(clock), Results(clock)
    scope.start(adapter, call if call is not None else call_to(), results, late)
    return scope, results, late


def slow(seconds):
    async def charge(request):
        await elapse(seconds)
        return approval(request)

    return charge


@virtual
async def test_a_result_comes_with_its_latency_and_leaves_nothing_running():
    scope, results, late = started(Adapter(slow(2.0)))
    assert (len(scope), scope.in_flight("odd"), scope.is_running(OPERATION)) == (1, 1, True)
    await elapse(3)
    ((at, result),) = results
    assert (at, result.latency_s, result.gateway) == (2.0, 2.0, "odd")
    assert result.answer == approval(result.call.request)
    assert (len(scope), scope.in_flight("odd"), scope.is_running(OPERATION), late) == (0, 0, False, [])


@virtual
async def test_silence_is_unknown_at_the_timeout_and_only_once():
    scope, results, late = started(Adapter(slow(1_000.0)))
    await elapse(2_000)
    ((at, result),) = results
    assert at == 30.0
    assert result.answer == OutcomeUnknown(reason=Reason.TIMEOUT, message="no answer within 30 s")
    assert (len(scope), late) == (0, [])


@virtual
async def test_an_adapter_that_goes_on_lingers_and_its_late_answer_is_handed_over_apart():
    async def stubborn(request):
        try:
            await elapse(1_000)
        except asyncio.CancelledError:
            await elapse(50)
        return approval(request)

    scope, results, late = started(Adapter(stubborn))
    await elapse(40)
    assert scope.is_lingering(OPERATION)
    assert len(results) == 1
    await elapse(50)
    assert not scope.is_lingering(OPERATION)
    ((at, result),) = late
    assert (at, result.answer) == (80.0, approval(result.call.request))
    assert len(results) == 1


@virtual
async def test_a_look_up_asks_and_a_charge_charges():
    adapter = Adapter(slow(0.0))
    _, found, _ = started(adapter, call_to(Purpose.LOOKUP))
    started(adapter, call_to(Purpose.RESEND))
    await elapse(1)
    assert (len(adapter.lookups), len(adapter.requests)) == (1, 1)
    assert found[0][1].answer == NotFound()


@virtual
async def test_an_announced_call_is_under_way_until_its_time_to_start_is_over():
    scope = CallScope(clock=running_clock())
    call = call_to(start_before=10.0)
    assert not scope.is_under_way(OPERATION)
    scope.announce(call)
    assert scope.is_under_way(OPERATION)
    await elapse(10)
    assert (scope.is_under_way(OPERATION), scope.is_too_late(call)) == (True, False)
    await elapse(1)
    assert (scope.is_under_way(OPERATION), scope.is_too_late(call)) == (False, True)


@virtual
async def test_a_withdrawn_call_is_not_under_way():
    scope = CallScope(clock=running_clock())
    scope.announce(call_to())
    scope.withdraw(call_to())
    assert not scope.is_under_way(OPERATION)


@virtual
async def test_giving_up_hands_nothing_over_and_ends_the_tasks():
    scope, results, late = started(Adapter(slow(20.0)))
    await elapse(1)
    await scope.cancel_all()
    assert (len(scope), scope.tasks(), scope.in_flight("odd")) == (0, (), 0)
    await elapse(100)
    assert (results, late) == ([], [])
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_one_call_per_operation_at_a_time():
    scope, results, late = started(Adapter(slow(5.0)))
    with pytest.raises(AssertionError, match="one call per operation"):
        scope.start(Adapter(slow(5.0)), call_to(), results, late)
    scope.start(Adapter(slow(5.0)), call_to(operation_id="other"), results, late)
    await elapse(6)
    assert len(results) == 2
