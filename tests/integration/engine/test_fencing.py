"""Another engine takes the database over: this one stops charging and says so."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import AegisPay, AegisPayConfig, FencedError, PaymentState, SimulatedGateway, SqliteStore
from aegispay.gateways.ledger import MemoryLedger
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual


def fence(point):
    if point == "before_commit":
        raise FencedError("another engine has taken this database over")


@virtual
async def test_a_fenced_engine_tells_its_callers_and_calls_no_gateway():
    world = World()
    async with world.engine() as aegis:
        created = await aegis.create_payment(**order())
        world.store.faults = fence
        for call in (
            aegis.create_payment(**order("p-2")),
            aegis.pay(**order("p-3")),
            aegis.process_payment(created.id),
        ):
            with pytest.raises(FencedError, match="taken this database over") as caught:
                await call
            assert "newer one" in caught.value.hint
        await elapse(60)
    assert world["alpha"].calls == 0


@virtual
async def test_a_caller_whose_outcome_is_fenced_is_told_at_once():
    world = World(latency_s=5.0)
    async with world.engine() as aegis:
        paying = asyncio.create_task(aegis.pay(**order()))
        await elapse(1)
        world.store.faults = fence
        with pytest.raises(FencedError):
            await paying
        assert world.clock.monotonic() == pytest.approx(5)


@virtual
async def test_a_fenced_engine_asks_no_gateway_about_its_doubts():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_error_after_charge"))
        assert payment.in_doubt
        world.store.faults = fence
        with pytest.raises(FencedError):
            await aegis.pay(**order("p-2"))
        calls = world["alpha"].calls
        await elapse(600)
        assert world["alpha"].calls == calls


@virtual
async def test_an_engine_that_lost_its_store_is_not_healthy():
    world = World()
    async with world.engine() as aegis:
        world.store.faults = fence
        with pytest.raises(FencedError):
            await aegis.pay(**order())
        assert (await aegis.health()).is_healthy is False


def test_taking_a_sqlite_database_over_fences_the_old_engine_and_finishes_its_payments(tmp_path):
    path = tmp_path / "payments.db"
    ledger = MemoryLedger()

    async def run():
        release = asyncio.Event()
        reached = asyncio.Event()

        async def charge(request):
            reached.set()
            await release.wait()
            return approval(request)

        old = AegisPay(path, gateways=[Adapter(charge, name="alpha")], config=AegisPayConfig(answer_timeout_s=2))
        await old.open()
        waiting = asyncio.create_task(old.pay(**order()))
        await reached.wait()
        gateways = [SimulatedGateway("alpha", ledger=ledger)]
        async with AegisPay(SqliteStore(path, takeover=True), gateways=gateways) as new:
            release.set()
            with pytest.raises(FencedError):
                await waiting
            with pytest.raises(FencedError):
                await old.pay(**order("p-2"))
            payment = await new.get_payment_by_idempotency_key("order-1")
            async with asyncio.timeout(20):
                while payment.state is PaymentState.PROCESSING:
                    payment = await new.get_payment(payment.id)
            assert (await new.pay(**order("p-3"))).state is PaymentState.SUCCESS
            await old.close()
            return payment

    payment = asyncio.run(run())
    assert payment.state is PaymentState.SUCCESS
    assert [attempt.gateway for attempt in payment.attempts] == ["alpha"]
