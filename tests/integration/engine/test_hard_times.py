"""Outages, hangs and awkward closings: nothing is parked, starved, left running or forgotten because of them."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    CommitUnknownError,
    GatewayContract,
    LookupAuthority,
    NotFound,
    OutcomeUnknown,
    PaymentNotFoundError,
    PaymentState,
    PaymentTimeoutError,
    Reason,
    StoreUnavailableError,
)
from aegispay.domain.breaker import BreakerPolicy
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual
from tests.integration.engine.test_lifetimes import authenticated, left_behind

LOST = OutcomeUnknown(reason=Reason.CONNECTION_LOST)
PATIENT = BreakerPolicy(failures_max=1_000_000)
TOUCHY = BreakerPolicy(failures_max=1, open_s=10)


def engine_of(world, *gateways, **config):
    world.gateways.clear()
    return world.engine(*gateways, **config)


async def parked_payment(world, aegis):
    payment = await aegis.create_payment(**order())
    await aegis._assembly.parking.park(payment.id, cause="poison")
    (parking,) = await world.store.parked()
    assert parking.payment_id == payment.id
    return payment


class Outage:
    """For a while, no commit of the store tells whether it was made, and nothing can be read."""

    def __init__(self, world):
        self._clock = world.clock
        self._load = world.store.load
        self._over_at = 0.0
        world.store.load = self._read
        world.store.faults = self._commit

    def begin(self, seconds):
        self._over_at = self._clock.monotonic() + seconds

    def _is_on(self):
        return self._clock.monotonic() < self._over_at

    async def _read(self, payment_id, **keywords):
        if self._is_on():
            raise StoreUnavailableError("cannot be read")
        return await self._load(payment_id, **keywords)

    def _commit(self, point):
        if point == "before_commit" and self._is_on():
            raise CommitUnknownError("io error")


@virtual
async def test_an_unparking_that_the_store_refused_once_can_be_asked_for_again():
    world = World()
    async with world.engine() as aegis:
        payment = await parked_payment(world, aegis)
        refusals = iter([StoreUnavailableError("hiccup")])

        def hiccup(point):
            refusal = next(refusals, None) if point == "before_commit" else None
            if refusal is not None:
                raise refusal

        world.store.faults = hiccup
        with pytest.raises(StoreUnavailableError, match="hiccup"):
            await aegis.unpark_payment(payment.id, operator="ops")
        await aegis.unpark_payment(payment.id, operator="ops")
        assert await world.types(payment.id) == ["payment.initiated", "payment.parked", "payment.unparked"]
        assert await world.store.parked() == ()
        with pytest.raises(PaymentNotFoundError, match="is not parked"):
            await aegis.unpark_payment(payment.id, operator="ops")
        assert (await aegis.process_payment(payment.id)).state is PaymentState.SUCCESS


@virtual
async def test_two_operators_who_unpark_at_once_are_told_the_same():
    world = World()
    async with world.engine() as aegis:
        payment = await parked_payment(world, aegis)
        first, second = await asyncio.gather(
            *(aegis.unpark_payment(payment.id, operator=name) for name in ("ann", "bob"))
        )
        assert first == second
        assert not first.is_parked
        assert (await world.types(payment.id)).count("payment.unparked") == 1


@virtual
async def test_a_short_outage_parks_no_payment():
    world = World()
    outage = Outage(world)
    async with world.engine() as aegis:
        created = [await aegis.create_payment(**order(f"o-{n}")) for n in range(3)]
        outage.begin(3)
        answers = await asyncio.gather(*(aegis.process_payment(each.id) for each in created), return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreUnavailableError}
        await elapse(60)
        assert (await aegis.health()).parked == ()
        again = [await aegis.process_payment(each.id) for each in created]
        assert {payment.state for payment in again} == {PaymentState.SUCCESS}
    assert len(world.charges()) == 3


@virtual
async def test_an_outage_that_meets_very_many_payments_does_not_end_the_engine():
    world = World()
    outage = Outage(world)
    async with world.engine() as aegis:
        created = [await aegis.create_payment(**order(f"o-{n}")) for n in range(200)]
        outage.begin(5)
        answers = await asyncio.gather(*(aegis.process_payment(each.id) for each in created), return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreUnavailableError}
        await elapse(60)
        assert (await aegis.pay(**order("after"))).state is PaymentState.SUCCESS
        assert (await aegis.health()).parked == ()


@virtual
async def test_a_health_check_that_will_not_be_cancelled_is_not_started_a_second_time():
    world = World()
    alpha = Adapter(LOST, name="alpha", ledger=world.ledger)
    running: set[object] = set()
    most: list[int] = []

    async def stuck():
        check = asyncio.current_task()
        running.add(check)
        most.append(len(running))
        try:
            await elapse(10_000)
        except asyncio.CancelledError:
            await elapse(10_000)
        finally:
            running.discard(check)

    alpha.health_check = stuck
    async with engine_of(world, alpha, breaker=TOUCHY) as aegis:
        await aegis.pay(**order())
        await elapse(600)
    assert max(most) == 1


@virtual
async def test_a_health_check_that_exits_does_not_end_the_process():
    world = World()
    alpha = Adapter(LOST, name="alpha", ledger=world.ledger)
    checks: list[float] = []

    async def leave():
        checks.append(world.clock.monotonic())
        raise SystemExit(3)

    alpha.health_check = leave
    async with engine_of(world, alpha, breaker=TOUCHY) as aegis:
        payment = await aegis.pay(**order())
        await elapse(100)
        assert (await aegis.get_payment(payment.id)).id == payment.id
    assert checks


@virtual
async def test_a_close_that_was_cancelled_is_finished_by_the_next_close():
    world = World()

    async def charge(request):
        await elapse(20)
        return alpha.take(request)

    alpha = Adapter(charge, name="alpha", ledger=world.ledger)
    aegis = engine_of(world, alpha)
    await aegis.open()
    assembly = aegis._assembly
    caller = asyncio.create_task(aegis.pay(**order()))
    await elapse(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await aegis.close()
    await aegis.close()
    assert (assembly.system.alive, len(assembly.calls)) == (0, 0)
    assert caller.done()
    assert (await caller).state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]


@pytest.mark.parametrize("backlog", [400, 3_000])
@virtual
async def test_a_backlog_from_an_earlier_run_does_not_delay_the_checks_of_new_payments(backlog):
    world = World()
    fresh: set[str] = set()
    looked_at: list[float] = []

    async def charge(request):
        if request.payment_id in fresh:
            return LOST
        await elapse(29)
        return alpha.take(request)

    async def look(request):
        if request.payment_id in fresh:
            looked_at.append(world.clock.monotonic())
        return approval(request)

    contract = GatewayContract(timeout_s=30, concurrency_max=100_000)
    alpha = Adapter(charge, lookup=look, name="alpha", contract=contract, ledger=world.ledger)
    for n in range(backlog):
        await left_behind(world, authenticated, key=f"old-{n}")
    async with engine_of(world, alpha, recovery_concurrency=20) as aegis:
        payment = await aegis.create_payment(**order("fresh"))
        fresh.add(payment.id)
        assert (await aegis.process_payment(payment.id)).in_doubt
        await elapse(10)
        assert (await aegis.health()).recovering > 0
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS
    assert len(looked_at) == 1


@virtual
async def test_a_caller_waits_for_storing_and_for_the_answer_no_longer_than_the_timeout_in_all():
    world = World()

    async def charge(request):
        await elapse(1_000)

    store = world.store.append

    async def slow(append):
        await elapse(110)
        return await store(append)

    alpha = Adapter(charge, name="alpha", ledger=world.ledger, contract=GatewayContract(timeout_s=900))
    async with engine_of(world, alpha, answer_timeout_s=120) as aegis:
        world.store.append = slow
        asked_at = world.clock.monotonic()
        with pytest.raises(PaymentTimeoutError):
            await aegis.pay(**order())
        assert world.clock.monotonic() - asked_at == pytest.approx(120, abs=1)
        world.store.append = store


@virtual
async def test_a_switching_off_that_cannot_be_kept_is_not_acknowledged_and_is_kept_as_soon_as_it_can_be():
    world = World("alpha", "beta")
    keep = world.store.save_gateway

    async def full(name, data):
        raise StoreUnavailableError("disk full")

    async with world.engine() as aegis:
        world.store.save_gateway = full
        with pytest.raises(StoreUnavailableError, match="disk full"):
            await aegis.disable_gateway("alpha", reason="fraud")
        assert not (await aegis.gateway_metrics("alpha")).is_enabled
        world.store.save_gateway = keep
    async with world.engine() as again:
        assert not (await again.gateway_metrics("alpha")).is_enabled


@virtual
async def test_a_switching_off_that_was_acknowledged_is_kept_whatever_cannot_be_kept_after_it():
    world = World("alpha", "beta")
    keep = world.store.save_gateway

    async def full(name, data):
        raise StoreUnavailableError("disk full")

    async with world.engine() as aegis:
        await aegis.disable_gateway("alpha", reason="fraud")
        world.store.save_gateway = full
    world.store.save_gateway = keep
    async with world.engine() as again:
        assert not (await again.gateway_metrics("alpha")).is_enabled
        assert (await again.gateway_metrics("beta")).is_enabled


@virtual
async def test_clean_closes_are_not_counted_as_recoveries_that_a_payment_did_not_survive():
    world = World()

    async def slow(request):
        await elapse(29)
        return LOST

    async def look(request):
        await elapse(29)
        return NotFound()

    contract = GatewayContract(lookup=LookupAuthority.AUTHORITATIVE, timeout_s=30)
    alpha = Adapter(slow, lookup=look, name="alpha", contract=contract, ledger=world.ledger)
    async with engine_of(world, alpha, shutdown_s=1) as aegis:
        caller = asyncio.create_task(aegis.pay(**order()))
        await elapse(2)
    await asyncio.gather(caller, return_exceptions=True)
    for _ in range(7):
        async with engine_of(world, alpha, shutdown_s=1):
            await elapse(2)
    assert await world.store.parked() == ()


@virtual
async def test_a_repeated_request_is_answered_from_what_is_stored_while_nothing_can_be_written():
    world = World()
    async with world.engine() as aegis:
        done = await aegis.pay(**order())

    def locked(point):
        if point == "before_commit":
            raise StoreUnavailableError("locked")

    async with world.engine() as aegis:
        world.store.faults = locked
        assert await aegis.get_payment(done.id) == done
        assert await aegis.pay(**order()) == done
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_wakes_do_not_pile_up_while_the_store_hangs():
    world = World()
    alpha = Adapter(LOST, lookup=LOST, name="alpha", ledger=world.ledger)
    store, released = world.store.append, asyncio.Event()

    async def hang(append):
        await released.wait()
        return await store(append)

    async with engine_of(world, alpha, breaker=PATIENT, shutdown_s=1) as aegis:
        payments = [await aegis.pay(**order(f"k-{n}")) for n in range(20)]
        world.store.append = hang
        await elapse(600)
        boxes = [ref.actor_inbox for ref in aegis._assembly.directory.refs()]
        assert [len(box) + len(box._control or ()) for box in boxes] == [1] * len(payments)
        assert len(alpha.lookups) == 20
        released.set()
        world.store.append = store
        await elapse(5)
        assert not any(boxes)
