"""Requests that leave late: "not found" proves nothing until the last of them would be seen."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import GatewayContract, NotFound, OperationStatus, PaymentState
from tests.integration.engine.books import agreed, charged
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

STALL_S = 200.0


def engine_of(world, *gateways, **config):
    world.gateways.clear()
    return world.engine(*gateways, **config)


async def never():
    await asyncio.Event().wait()


def stalled():
    """Return an awaitable during which the whole process stands still: the time leaps, and no timer has run."""
    loop = asyncio.get_running_loop()
    is_over = asyncio.Event()

    def stand_still():
        loop.advance(STALL_S)
        is_over.set()

    loop.call_later(0.01, stand_still)
    return is_over.wait()


class Slow(Adapter):
    """Writes only after the process stood still; the provider acts `acts_after_s` later, and its answer is lost."""

    def __init__(self, world, *, acts_after_s=5.0, **given):
        super().__init__(self._send, lookup=self._look, operation_lookup=self._look, name="odd", **given)
        self.clock, self.ledger, self._acts_after_s = world.clock, world.ledger, acts_after_s

    async def _send(self, request):
        await stalled()
        asyncio.get_running_loop().call_later(self._acts_after_s, self.take, request)
        await never()

    async def _look(self, request):
        if self.ledger.find_reference(self.name, request.reference) is None:
            return NotFound()
        return approval(request, reference=f"odd-{request.reference}")


@virtual
async def test_a_charge_written_after_the_process_stood_still_is_not_made_again_elsewhere():
    world = World("beta")
    odd, beta = Slow(world), world["beta"]
    async with engine_of(world, odd, beta, answer_timeout_s=2 * STALL_S) as aegis:
        payment = await aegis.pay(**order())
        assert payment.in_doubt
        await elapse(600)
        payment = await aegis.get_payment(payment.id)
    assert (payment.state, payment.gateway) == (PaymentState.SUCCESS, "odd")
    assert world.charges() == [("odd", 10_000)]


@virtual
async def test_a_refund_written_after_the_process_stood_still_keeps_its_reservation_until_it_is_seen():
    world = World()
    odd = Slow(world)

    async def charge(request):
        return odd.take(request)

    odd._charge, odd._operate["refund"] = charge, odd._send
    async with engine_of(world, odd, answer_timeout_s=2 * STALL_S) as aegis:
        before = await charged(aegis)
        payment = await aegis.refund_payment(before.id, idempotency_key="r1")
        assert payment.operations[0].status is OperationStatus.UNKNOWN
        assert payment.refundable_minor == 0
        await elapse(600)
        payment = await agreed(world, aegis, before.id)
    assert payment.state is PaymentState.REFUNDED
    assert world.moved() == [("charge", 10_000), ("refund", 10_000)]


def narrow_provider(world, *, busy_s, acts_after_s, visible_after_s):
    """One call at a time; a refund of one cent keeps it busy, any other is made late, shown later and not answered."""
    loop = asyncio.get_running_loop()
    visible_at: dict[str, float] = {}

    def act(request):
        odd.take(request)
        visible_at[request.reference] = loop.time() + visible_after_s

    async def refund(request):
        if request.money.amount_minor == 1:
            await elapse(busy_s)
            return odd.take(request)
        loop.call_later(acts_after_s, act, request)
        return await never()

    async def look(request):
        if loop.time() < visible_at.get(request.reference, float("inf")):
            return NotFound()
        return approval(request, reference=f"odd-{request.reference}")

    async def charge(request):
        return odd.take(request)

    contract = GatewayContract(
        idempotency_window_s=None, visibility_delay_s=visible_after_s, timeout_s=30.0, concurrency_max=1
    )
    odd = Adapter(charge, refund=refund, operation_lookup=look, contract=contract)
    odd.clock, odd.ledger = world.clock, world.ledger
    return odd


@virtual
async def test_an_operation_that_waited_for_its_turn_is_not_called_absent_as_if_it_had_been_sent_at_once():
    world = World()
    odd = narrow_provider(world, busy_s=29, acts_after_s=29, visible_after_s=5)
    async with engine_of(world, odd) as aegis:
        other, payment = await charged(aegis, "order-0"), await charged(aegis)
        first = asyncio.create_task(aegis.refund_payment(other.id, idempotency_key="r1", amount="0.01"))
        await elapse(0.01)
        second = asyncio.create_task(aegis.refund_payment(payment.id, idempotency_key="r2", amount="99.00"))
        await asyncio.gather(first, second)
        await elapse(400)
        payment = await agreed(world, aegis, payment.id)
    assert payment.refunded_minor == 9_900
    assert [request.money.amount_minor for request in odd.operations] == [1, 9_900]


@pytest.mark.parametrize("timeout_s", [30.0, 1.0])
@virtual
async def test_a_resend_allowed_by_an_earlier_contract_is_waited_for_after_the_contract_changed(timeout_s):
    world = World("beta")
    sent = asyncio.Event()
    odd = Slow(world, contract=GatewayContract())

    async def charge(request):
        if len(odd.requests) == 1:
            raise ConnectionError
        asyncio.get_running_loop().call_later(29, odd.take, request)
        sent.set()
        await never()

    odd._charge = charge
    beta = world["beta"]
    async with engine_of(world, odd, beta, shutdown_s=0.1, check_delays_s=(50.0,)) as aegis:
        payment = await aegis.pay(**order())
        assert payment.gateway == "odd"
        await sent.wait()
    odd.contract = GatewayContract(resend_for_s=0.0, timeout_s=timeout_s)
    async with engine_of(world, odd, beta) as aegis:
        await elapse(600)
        payment = await aegis.get_payment(payment.id)
    assert (payment.state, payment.gateway) == (PaymentState.SUCCESS, "odd")
    assert world.charges() == [("odd", 10_000)]
