"""Hazards of dying, of asking too early and of doing things twice; see docs/hazards.md."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    AegisPay,
    EngineClosedError,
    FencedError,
    GatewayContract,
    LookupAuthority,
    NotFound,
    OutcomeUnknown,
    PaymentParkedError,
    PaymentState,
    Reason,
    SimulatedGateway,
    StoreLockedError,
    StoreUnavailableError,
)
from aegispay.gateways.script import Fault
from tests.crash.lives import CALL, ProcessDies
from tests.crash.operations import OPERATIONS
from tests.crash.points import Sick
from tests.crash.run import check, run
from tests.integration.engine.books import agreed, authorized, charged
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

LONG_S = 3_000
UNCERTAIN = [fault for fault in Fault if fault.endswith(("_before", "_after"))]


@pytest.mark.parametrize("fault", UNCERTAIN)
@virtual
async def test_a1_a_timeout_is_no_failure_so_no_other_gateway_is_asked(fault):
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token=fault.token))
        assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
        await elapse(600)
        payment = await aegis.get_payment(payment.id)
        assert {attempt.gateway for attempt in payment.attempts[:1]} == {"alpha"}
        assert sum(attempt.status.is_open for attempt in payment.attempts) <= 1
        assert world.captured_minor(payment.id) <= payment.amount_minor
        if fault.endswith("_after"):
            assert world.charges(payment.id) == [("alpha", 10_000)]
            assert world["beta"].calls == 0


@virtual
async def test_a6_not_found_proves_nothing_before_the_charge_would_be_visible():
    contract = GatewayContract(idempotency_window_s=None, visibility_delay_s=300.0)
    world = World("alpha", "beta", contract=contract)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_error_after_charge"))
        await elapse(290)
        seen = await aegis.get_payment(payment.id)
        assert (seen.state, seen.in_doubt, len(seen.attempts)) == (PaymentState.PROCESSING, True, 1)
        await elapse(1_000)
        seen = await agreed(world, aegis, payment.id)
        assert (seen.state, seen.gateway, world["beta"].calls) == (PaymentState.SUCCESS, "alpha", 0)


@virtual
async def test_a6_not_found_without_authority_never_proves_anything():
    contract = GatewayContract(idempotency_window_s=None, lookup=LookupAuthority.ADVISORY)
    world = World("beta")
    odd = Adapter(OutcomeUnknown(reason=Reason.TIMEOUT), lookup=NotFound(), name="alpha", contract=contract)
    world.gateways.insert(0, odd)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        await elapse(LONG_S)
        seen = await aegis.get_payment(payment.id)
        assert (seen.state, seen.in_doubt, len(odd.requests)) == (PaymentState.PROCESSING, True, 1)
        assert world["beta"].calls == 0


@virtual
async def test_a7_a_gateway_whose_keys_do_not_cover_its_failures_is_sent_nothing_twice():
    contract = GatewayContract(key_covers_failures=False, lookup=LookupAuthority.NONE)
    world = World("alpha", "beta", contract=contract)
    async with world.engine() as aegis:
        paid = await aegis.pay(**order("one", token="tok_error_after_charge"))
        held = await authorized(aegis, "two")
        for kind in ("capture", "refund"):
            world["alpha"].script(kind, Fault.ERROR_AFTER)
        await aegis.capture_payment(held.id, idempotency_key="all")
        calls = world["alpha"].calls
        await elapse(LONG_S)
        assert world["alpha"].calls == calls == 3
        assert world["beta"].calls == 0
        assert (await aegis.get_payment(paid.id)).in_doubt
        assert (await aegis.get_payment(held.id)).in_doubt
    assert world.moved(held.id) == [("authorize", 10_000), ("capture", 10_000)]


KINDS = {
    "charge": ("refund of all", "payment.outcome_unknown"),
    "authorization": ("capture of all", "payment.outcome_unknown"),
    "capture": ("capture of all", "payment.capture_unknown"),
    "void": ("void", "payment.void_unknown"),
    "refund": ("refund of all", "payment.refund_unknown"),
}


@pytest.mark.parametrize("what", KINDS)
def test_a12_an_answer_lost_in_a_crash_before_its_commit_makes_the_outcome_unknown(monkeypatch, what):
    name, expected = KINDS[what]
    scenario = next(each for each in OPERATIONS if each.name == name)
    places = run(monkeypatch, scenario, ProcessDies()).places
    number = places.index(f"{CALL}after {what} at alpha")
    crashed = run(monkeypatch, scenario, ProcessDies(), number)
    check(crashed, scenario)
    types = [stored.event.type.value for stored in crashed.events]
    assert types.count(expected) == 1
    assert not any(each.endswith("_failed") for each in types)
    sent = [request for request in crashed.wire if crashed.events[-1].payment_id == request.payment_id]
    assert len({request.idempotency_key for request in sent}) == len({request.reference for request in sent}) == 2


@virtual
async def test_a15_reading_and_repeating_a_log_of_everything_calls_no_gateway():
    world = World()
    async with world.engine() as aegis:
        one = await charged(aegis, "one")
        await aegis.refund_payment(one.id, idempotency_key="part", amount="30.00")
        two = await authorized(aegis, "two")
        await aegis.capture_payment(two.id, idempotency_key="all")
        three = await authorized(aegis, "three")
        await aegis.cancel_payment(three.id)
    calls, moved = world["alpha"].calls, world.moved()
    async with world.engine() as aegis:
        for payment in (one, two, three):
            await aegis.get_payment(payment.id)
            await aegis.payment_events(payment.id)
        assert len((await aegis.list_payments()).payments) == 3
        await aegis.pay(**order("one"))
        await aegis.refund_payment(one.id, idempotency_key="part", amount="30.00")
        await aegis.capture_payment(two.id, idempotency_key="all")
        await aegis.cancel_payment(three.id)
        await elapse(LONG_S)
    assert (world["alpha"].calls, world.moved()) == (calls, moved)


@virtual
async def test_c9_of_two_engines_that_both_believe_they_hold_the_payment_one_commits():
    world = World(latency_s=1.0)
    async with world.engine() as one, world.engine() as two:
        payment = await charged(one)
        await two.refund_payment(payment.id, idempotency_key="first", amount="10.00")
        both = (
            one.refund_payment(payment.id, idempotency_key="by-one", amount="60.00"),
            two.refund_payment(payment.id, idempotency_key="by-two", amount="60.00"),
        )
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert sum(isinstance(answer, Exception) for answer in answers) == 1
        await elapse(60)
        await agreed(world, one, payment.id)
    assert world.refunded_minor(payment.id) == 7_000
    versions = [stored.version for stored in await world.store.load(payment.id)]
    assert versions == list(range(1, len(versions) + 1))


def test_c10_the_second_engine_on_a_database_is_refused_and_changes_nothing(tmp_path):
    async def try_both() -> None:
        path, gateways = tmp_path / "payments.db", [SimulatedGateway("alpha")]
        async with AegisPay(path, gateways=gateways) as aegis:
            payment = await charged(aegis)
            with pytest.raises(StoreLockedError):
                await AegisPay(path, gateways=gateways).open()
            refunded = await aegis.refund_payment(payment.id, idempotency_key="all")
            assert refunded.state is PaymentState.REFUNDED
            versions = [stored.version for stored in await aegis.payment_events(payment.id)]
            assert versions == list(range(1, refunded.version + 1))

    asyncio.run(try_both())


@virtual
async def test_c10_an_engine_that_was_taken_over_sends_no_operation():
    world = World()
    async with world.engine() as aegis:
        payment = await authorized(aegis)
        calls = world["alpha"].calls

        def taken_over(_place: str) -> None:
            raise FencedError("another engine has taken this database over")

        world.store.faults = taken_over
        with pytest.raises(FencedError):
            await aegis.capture_payment(payment.id, idempotency_key="all")
        await elapse(600)
        assert world["alpha"].calls == calls
    assert world.moved(payment.id) == [("authorize", 10_000)]


@virtual
async def test_e8_a_payment_that_is_poison_is_set_aside_and_the_others_go_on(monkeypatch):
    sick = Sick().use(monkeypatch)
    world = World()
    async with world.engine() as aegis:
        bad, good = await charged(aegis, "bad"), await charged(aegis, "good")
        sick.ids.add(bad.id)
        with pytest.raises(PaymentParkedError):
            await aegis.refund_payment(bad.id, idempotency_key="all")
        refunded = await aegis.refund_payment(good.id, idempotency_key="all")
        assert refunded.state is PaymentState.REFUNDED
        assert [parking.payment_id for parking in (await aegis.health()).parked] == [bad.id]
    assert world.moved(bad.id) == [("charge", 10_000)]


@pytest.mark.parametrize("kind", ["charge", "capture", "refund", "void"])
@virtual
async def test_e9_what_cannot_be_written_first_is_not_sent(kind):
    world = World()
    async with world.engine() as aegis:
        held, paid = await authorized(aegis, "held"), await charged(aegis, "paid")
        ask = {
            "charge": lambda: aegis.pay(**order("new")),
            "capture": lambda: aegis.capture_payment(held.id, idempotency_key="all"),
            "refund": lambda: aegis.refund_payment(paid.id, idempotency_key="all"),
            "void": lambda: aegis.cancel_payment(held.id),
        }[kind]
        calls, moved = world["alpha"].calls, world.moved()

        def full(place: str) -> None:
            if place == "before_commit":
                raise OSError("no space left on device")

        world.store.faults = full
        with pytest.raises(StoreUnavailableError):
            await ask()
        await elapse(60)
        assert (world["alpha"].calls, world.moved()) == (calls, moved)
        world.store.faults = None
        await ask()
        assert len(world.moved()) == len(moved) + 1


@pytest.mark.parametrize("shutdown_s", [60.0, 0.1])
@virtual
async def test_e11_closing_in_the_middle_of_operations_loses_none(shutdown_s):
    world = World(latency_s=5.0)
    aegis = world.engine(shutdown_s=shutdown_s)
    await aegis.open()
    paid, held = await charged(aegis, "paid"), await authorized(aegis, "held")
    tasks = [
        asyncio.create_task(aegis.refund_payment(paid.id, idempotency_key="part", amount="30.00")),
        asyncio.create_task(aegis.capture_payment(held.id, idempotency_key="all")),
    ]
    await elapse(1)
    await aegis.close()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    told = {PaymentState.PARTIALLY_REFUNDED, PaymentState.SUCCESS}
    assert all(isinstance(answer, EngineClosedError) or answer.state in told for answer in answers)
    assert any(isinstance(answer, EngineClosedError) for answer in answers) == (shutdown_s < 1)
    async with world.engine() as reopened:
        await elapse(120)
        assert (await agreed(world, reopened, paid.id)).refunded_minor == 3_000
        assert (await agreed(world, reopened, held.id)).captured_minor == 10_000
