"""The parking lot: on disk, in memory, in the payment's own log, and told to whoever waits."""

from __future__ import annotations

from typing import Any

import pytest

from aegispay import MemoryStore, PaymentNotFoundError, PaymentParkedError
from aegispay.parking import ParkingLot
from aegispay.testing import running_clock
from aegispay.waiting import Waiters
from tests.integration.engine.rig import World, order, virtual


def lot(store, waiters=None):
    return ParkingLot(store=store, clock=running_clock(), waiters=waiters if waiters is not None else Waiters())


async def created(world: World) -> Any:
    async with world.engine() as aegis:
        return await aegis.create_payment(**order())


@virtual
async def test_parking_is_known_at_once_and_written_when_awaited():
    world = World()
    payment = await created(world)
    parking = lot(world.store)
    writing = parking.park(payment.id, cause="why")
    assert payment.id in parking
    assert await world.store.parked() == ()
    await writing
    assert [each.cause for each in await world.store.parked()] == ["why"]
    assert (await world.types(payment.id))[-1] == "payment.parked"


@virtual
async def test_a_parked_payment_is_refused_with_time_and_cause_and_others_are_not():
    store = MemoryStore(clock=running_clock())
    parking = lot(store)
    await parking.park("pay_1", cause="it crashed")
    parking.refuse_if_parked("pay_2")
    with pytest.raises(PaymentParkedError, match=r"pay_1 is parked since 2026-01-01T00:00:00\+00:00: it crashed"):
        parking.refuse_if_parked("pay_1")


@virtual
async def test_whoever_waits_is_told():
    waiters = Waiters()
    waiting = waiters.expect("pay_1")
    await lot(MemoryStore(clock=running_clock()), waiters).park("pay_1", cause="why")
    with pytest.raises(PaymentParkedError):
        await waiting


@virtual
async def test_a_new_lot_knows_what_the_old_one_parked_until_it_is_unparked():
    world = World()
    payment = await created(world)
    await lot(world.store).park(payment.id, cause="why")
    later = lot(world.store)
    await later.load()
    assert payment.id in later
    await later.unpark(payment.id, operator="ops")
    assert payment.id not in later
    assert await world.store.parked() == ()
    assert (await world.types(payment.id))[-2:] == ["payment.parked", "payment.unparked"]
    assert (await world.store.load(payment.id))[-1].event.operator == "ops"


@virtual
async def test_unparking_what_is_not_parked_says_so():
    with pytest.raises(PaymentNotFoundError, match="pay_1 is not parked"):
        await lot(MemoryStore(clock=running_clock())).unpark("pay_1", operator="ops")
