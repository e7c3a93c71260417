"""A store that fails before or after a commit: clear errors, nothing charged without its intent, no half-truths."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from aegispay import (
    AegisPay,
    AegisPayConfig,
    CommitUnknownError,
    MemoryStore,
    PaymentNotFoundError,
    PaymentParkedError,
    PaymentState,
    SimulatedGateway,
    SqliteStore,
    StoreError,
    StoreUnavailableError,
)
from aegispay.gateways.ledger import MemoryLedger
from tests.integration.engine.rig import World, elapse, order, virtual


class Trouble:
    """Raises at the commits whose numbers are given, counted from 1 for each point."""

    def __init__(self, point, *numbers, error):
        self.point = point
        self.numbers = set(numbers)
        self.error = error
        self.seen = 0

    def __call__(self, point):
        if point == self.point:
            self.seen += 1
            if self.seen in self.numbers:
                raise self.error(f"trouble at {point} number {self.seen}")


ALWAYS = range(1, 1_000)


@virtual
async def test_a_request_that_cannot_be_stored_is_refused_and_nothing_is_charged():
    world = World()
    world.store.faults = Trouble("before_commit", 1, error=StoreUnavailableError)
    async with world.engine() as aegis:
        with pytest.raises(StoreUnavailableError, match="trouble") as caught:
            await aegis.pay(**order())
        assert "same idempotency key" in caught.value.hint
        assert world["alpha"].calls == 0
        assert (await aegis.list_payments()).payments == ()
        assert (await aegis.pay(**order())).state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_an_intent_that_cannot_be_stored_makes_no_gateway_call():
    world = World()
    async with world.engine() as aegis:
        created = await aegis.create_payment(**order())
        world.store.faults = Trouble("before_commit", 1, error=StoreUnavailableError)
        with pytest.raises(StoreUnavailableError):
            await aegis.process_payment(created.id)
        assert world["alpha"].calls == 0
        assert await aegis.get_payment(created.id) == created
        assert (await aegis.process_payment(created.id)).state is PaymentState.SUCCESS


@virtual
async def test_an_outcome_that_cannot_be_stored_is_offered_again_until_space_returns():
    world = World("alpha", "beta")
    world.store.faults = Trouble("before_commit", *range(2, 12), error=StoreUnavailableError)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        assert world.clock.monotonic() == pytest.approx(10, abs=1)
    assert payment.state is PaymentState.SUCCESS
    assert world["alpha"].calls == 1
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_store_that_stays_broken_leaves_every_charge_with_its_intent_on_disk():
    world = World("alpha", "beta")
    async with world.engine(answer_timeout_s=30, shutdown_s=1) as aegis:
        created = [await aegis.create_payment(**order(f"p-{n}")) for n in range(5)]
        world.store.faults = Trouble("before_commit", *range(4, 10_000), error=StoreUnavailableError)
        calls = (aegis.process_payment(payment.id) for payment in created)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer).__name__ for answer in answers} <= {"StoreUnavailableError", "PaymentTimeoutError"}
        charged = {entry.payment_id for entry in world.ledger.entries()}
        for payment_id in charged:
            assert "payment.processing" in await world.types(payment_id)
    world.store.faults = None
    async with world.engine() as aegis:
        await elapse(60)
        payments = [await aegis.process_payment(payment.id) for payment in created]
    assert {payment.state for payment in payments} == {PaymentState.SUCCESS}
    assert len(world.charges()) == len({entry.payment_id for entry in world.ledger.entries()}) == 5


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("point", "error"),
    [
        ("before_commit", StoreUnavailableError),
        ("before_commit", CommitUnknownError),
        ("before_commit", RuntimeError),
        ("after_commit", CommitUnknownError),
        ("after_commit", RuntimeError),
    ],
)
@virtual
async def test_one_failure_at_any_commit_ends_in_one_charge_and_one_answer(point, number, error):
    """Create, start and outcome are three commits; each of them fails once, before or after it is written."""
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        world.store.faults = Trouble(point, number, error=error)
        try:
            created = await aegis.create_payment(**order())
        except StoreError:
            created = await aegis.create_payment(**order())
        try:
            payment = await aegis.process_payment(created.id)
        except StoreError:
            payment = await aegis.process_payment(created.id)
        if payment.in_doubt:
            await elapse(60)
            payment = await aegis.process_payment(created.id)
        assert payment.state is PaymentState.SUCCESS
        assert await aegis.pay(**order()) == payment
        assert [stored.version for stored in await aegis.payment_events(payment.id)] == list(
            range(1, payment.version + 1)
        )
    assert world.charges() == [("alpha", 10_000)]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
@virtual
async def test_a_commit_nobody_knows_about_is_looked_up_before_the_caller_is_answered(point, number):
    world = World("alpha", "beta")
    world.store.faults = Trouble(point, number, error=CommitUnknownError)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        if payment.in_doubt:
            await elapse(60)
            payment = await aegis.get_payment(payment.id)
    assert payment.state is PaymentState.SUCCESS
    types = await world.types(payment.id)
    assert types.count("payment.initiated") == types.count("payment.processing") == 1
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_payment_whose_every_commit_crashes_is_parked_and_the_others_go_on():
    world = World()

    def crash(point):
        if point == "before_commit" and poison:
            raise RuntimeError("poison")

    poison = True
    world.store.faults = crash
    async with world.engine() as aegis:
        with pytest.raises(PaymentParkedError, match="RuntimeError"):
            await aegis.pay(**order("poison"))
        poison = False
        assert (await aegis.pay(**order("good"))).state is PaymentState.SUCCESS
        (parked,) = (await aegis.health()).parked
        assert "RuntimeError" in parked.cause
        with pytest.raises(PaymentParkedError, match="parked since"):
            await aegis.pay(**order("poison"))
        assert (await aegis.health()).is_healthy is False
        with pytest.raises(PaymentNotFoundError, match=parked.payment_id):
            await aegis.get_payment(parked.payment_id)
    assert len(world.charges()) == 1


@virtual
async def test_a_failing_timer_look_up_does_not_stop_the_timers():
    world = World()
    async with world.engine(payment_expiry_s=20) as aegis:
        payment = await aegis.create_payment(**order())
        due = world.store.due

        async def broken(*arguments, **keywords):
            raise StoreUnavailableError("no reading now")

        world.store.due = broken
        await elapse(25)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.INITIATED
        world.store.due = due
        await elapse(2)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.CANCELLED


@virtual
async def test_reading_from_a_store_that_cannot_be_read_says_so():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())

        async def broken(*arguments, **keywords):
            raise StoreUnavailableError("the database cannot be read")

        world.store.load = broken
        for call in (aegis.get_payment, aegis.payment_events):
            with pytest.raises(StoreUnavailableError, match="cannot be read"):
                await call(payment.id)


class SqliteTrouble(Trouble):
    is_armed = False

    def __init__(self, point, *numbers):
        super().__init__(point, *numbers, error=sqlite3.OperationalError)

    def __call__(self, point):
        if self.is_armed:
            super().__call__(point)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_on_sqlite_a_failing_commit_ends_in_one_charge(point, number, tmp_path):
    ledger = MemoryLedger()
    trouble = SqliteTrouble(point, number)
    store = SqliteStore(tmp_path / "payments.db", faults=trouble)
    config = AegisPayConfig(check_delays_s=(0.01,), wake_interval_s=0.01)

    async def run():
        async with AegisPay(store, gateways=[SimulatedGateway("alpha", ledger=ledger)], config=config) as aegis:
            trouble.is_armed = True
            try:
                payment = await aegis.pay(**order())
            except StoreUnavailableError:
                assert list(ledger.entries()) == []
                payment = await aegis.pay(**order())
            async with asyncio.timeout(20):
                while payment.in_doubt:
                    payment = await aegis.get_payment(payment.id)
            return payment

    payment = asyncio.run(run())
    assert payment.state is PaymentState.SUCCESS
    assert trouble.seen >= number
    assert [entry.amount_minor for entry in ledger.entries()] == [10_000]


def test_the_memory_store_and_the_engine_agree_on_what_trouble_is():
    store = MemoryStore(faults=Trouble("before_commit", *ALWAYS, error=StoreUnavailableError))
    with pytest.raises(StoreUnavailableError):
        asyncio.run(_one(store))


async def _one(store):
    async with AegisPay(store, gateways=[SimulatedGateway("alpha")]) as aegis:
        await aegis.create_payment(**order())
