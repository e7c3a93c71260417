"""Hazards of the whole engine and its keys: C8, C11, D1-D7 and G8 of docs/hazards.md."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from aegispay import (
    AegisPay,
    GatewayContract,
    IdempotencyConflictError,
    LookupAuthority,
    MemoryStore,
    OperationKind,
    OperationStatus,
    OutcomeUnknown,
    Payment,
    PaymentState,
    Reason,
    RetryPolicy,
    RoutingStrategy,
    SimulatedGateway,
    SqliteStore,
    ValidationError,
)
from aegispay.domain.events import OperationSucceeded
from aegispay.gateways.script import DECLINES
from tests.hazards.dying import died_at
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

LOST = OutcomeUnknown(reason=Reason.CONNECTION_LOST)
WITHOUT_LOOKUP = GatewayContract(lookup=LookupAuthority.NONE)
JSON = TypeAdapter(Payment)


# --- ordering ---------------------------------------------------------------------------------------


@virtual
async def test_c8_three_captures_of_one_amount_are_three_events_with_ids_of_their_own():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(capture="manual"))
        for key in ("first", "second", "third"):
            await aegis.capture_payment(payment.id, idempotency_key=key, amount="20.00", is_final=False)
        captured = [stored for stored in await world.store.read_all() if isinstance(stored.event, OperationSucceeded)]
    assert len({stored.event_id for stored in captured}) == 3
    assert len({stored.event.operation_id for stored in captured}) == 3
    assert len({stored.event.reference for stored in captured}) == 3
    assert world.moved(payment.id) == [("authorize", 10_000), *[("capture", 2_000)] * 3]


@virtual
async def test_c11_a_payment_in_doubt_keeps_its_gateway_key_and_decision_through_a_change_of_everything():
    world = World()
    world.gateways.clear()
    before = Adapter(LOST, name="alpha", contract=WITHOUT_LOOKUP, clock=world.clock)
    async with world.engine(before) as aegis:
        doubtful = await aegis.pay(**order())
    (attempt,) = doubtful.attempts
    decided = [stored.event for stored in await world.store.load(doubtful.id)]

    async def approve(request):
        return after.take(request)

    after = Adapter(approve, name="alpha", contract=replace(WITHOUT_LOOKUP, timeout_s=7), ledger=world.ledger)
    rivals = [Adapter(approve, name=name, contract=GatewayContract(fees=())) for name in ("cheap", "fast")]
    changed = {"routing": RoutingStrategy.ROUND_ROBIN, "retry": RetryPolicy(attempts_max=9), "answer_timeout_s": 9.0}
    async with world.engine(*rivals, after, **changed) as aegis:
        await elapse(600)
        payment = await aegis.get_payment(doubtful.id)
    events = [stored.event for stored in await world.store.load(doubtful.id)]
    assert payment.state is PaymentState.SUCCESS
    assert [each.gateway for each in payment.attempts] == ["alpha"]
    assert {request.idempotency_key for request in after.requests} == {attempt.idempotency_key}
    assert events[: len(decided)] == decided
    assert [rival.requests for rival in rivals] == [[], []]


# --- keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"amount": "100.01"}, "amount"), ({"currency": "EUR"}, "currency"), ({"metadata": {"a": 1}}, "metadata.a")],
)
@virtual
async def test_d1_a_used_key_with_another_request_is_refused_moves_nothing_and_writes_nothing(changes, field):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        before = await world.store.read_all()
        for call in (aegis.pay, aegis.create_payment):
            with pytest.raises(IdempotencyConflictError) as caught:
                await call(**order(**changes))
            assert caught.value.fields == (field,)
        assert await world.store.read_all() == before
    assert world.charges() == [("alpha", payment.amount_minor)]
    assert world["alpha"].calls == 1


@virtual
async def test_d1_the_key_of_an_operation_is_refused_for_another_amount_too():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        await aegis.refund_payment(payment.id, idempotency_key="r", amount="10.00")
        with pytest.raises(IdempotencyConflictError):
            await aegis.refund_payment(payment.id, idempotency_key="r", amount="10.01")
    assert world.refunded_minor(payment.id) == 1_000


@pytest.mark.parametrize("loop_seed", range(5))
@virtual
async def test_d2_one_key_at_the_same_time_is_carried_out_once_and_everybody_gets_its_result(loop_seed):
    world = World("alpha", "beta", latency_s=0.5)
    async with world.engine() as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order()) for _ in range(50)))
        refunds = await asyncio.gather(
            *(aegis.refund_payment(payments[0].id, idempotency_key="r", amount="1.00") for _ in range(50))
        )
    assert len({JSON.dump_json(payment) for payment in payments}) == 1
    assert len({JSON.dump_json(payment) for payment in refunds}) == 1
    assert world.moved() == [("charge", 10_000), ("refund", 100)]
    assert world["alpha"].calls + world["beta"].calls == 2


@pytest.mark.parametrize(
    "token", ["tok_visa", "tok_declined", "tok_insufficient_funds", "tok_refuse_connection", "tok_fraud"]
)
@virtual
async def test_d3_after_the_end_the_same_key_gets_the_same_bytes_also_when_it_failed_and_after_a_restart(token):
    world = World()
    async with world.engine(wake_interval_s=600) as aegis:
        first = JSON.dump_json(await aegis.pay(**order(token=token)))
        await elapse(3_600)
        again = JSON.dump_json(await aegis.pay(**order(token=token)))
    calls = world["alpha"].calls
    async with world.engine() as aegis:
        after_restart = JSON.dump_json(await aegis.pay(**order(token=token)))
    assert first == again == after_restart
    assert world["alpha"].calls == calls


@virtual
async def test_d3_the_same_key_of_a_refund_that_failed_gets_the_same_answer_and_is_not_sent_again():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        world["alpha"].script("refund", DECLINES["tok_declined"])
        first = await aegis.refund_payment(payment.id, idempotency_key="r", amount="5.00")
        again = await aegis.refund_payment(payment.id, idempotency_key="r", amount="5.00")
    refund = first.operation(OperationKind.REFUND, "r")
    assert refund is not None
    assert refund.status is OperationStatus.FAILED
    assert JSON.dump_json(again) == JSON.dump_json(first)
    assert world.refunded_minor(payment.id) == 0


@virtual
async def test_d4_one_key_of_two_merchants_is_two_payments_that_know_nothing_of_each_other():
    world = World()
    async with world.engine() as aegis:
        ours = await aegis.pay(**order(merchant="ours"))
        theirs = await aegis.pay(**order(merchant="theirs", amount="7.00"))
        await aegis.refund_payment(ours.id, idempotency_key="r")
        found = await aegis.get_payment_by_idempotency_key("order-1", merchant="theirs")
    assert (found.id, found.state, found.amount_minor) == (theirs.id, PaymentState.SUCCESS, 700)
    assert world.moved(ours.id) == [("charge", 10_000), ("refund", 10_000)]
    assert world.moved(theirs.id) == [("charge", 700)]


@pytest.mark.parametrize("days", [1, 30 * 365])
@pytest.mark.parametrize("token", ["tok_visa", "tok_pending"])
@virtual
async def test_d5_a_key_never_expires_least_of_all_while_its_payment_is_open(token, days):
    world = World()
    async with world.engine() as aegis:
        first = await aegis.pay(**order(token=token))
    await elapse(days * 86_400)
    async with world.engine(wake_interval_s=3_600) as aegis:
        again = await aegis.pay(**order(token=token))
        with pytest.raises(IdempotencyConflictError):
            await aegis.pay(**order(token=token, amount="1.00"))
    assert (again.id, again.state) == (first.id, first.state)
    assert len({entry.idempotency_key for entry in world.ledger.entries()}) == 1


@virtual
async def test_d6_a_retry_after_a_death_at_any_commit_goes_on_and_is_never_in_progress_for_ever():
    _, places = await died_at(None, lambda aegis: aegis.pay(**order()))
    assert places == ["before_commit", "after_commit"] * 2
    for chosen in range(len(places)):
        world, _ = await died_at(chosen, lambda aegis: aegis.pay(**order()))
        async with world.engine() as aegis:
            await aegis.pay(**order())
            await elapse(600)
            payment = await aegis.pay(**order())
        assert payment.state is PaymentState.SUCCESS, places[chosen]
        assert world.charges() == [("alpha", 10_000)], places[chosen]


@virtual
async def test_d7_a_refused_request_leaves_nothing_under_its_key_which_the_corrected_one_may_use():
    world = World()
    async with world.engine() as aegis:
        for wrong in ({"amount": "-1"}, {"currency": "XXX"}, {"payment_method": {"type": "card"}}):
            with pytest.raises(ValidationError):
                await aegis.pay(**order(**wrong))
        assert await world.store.read_all() == ()
        assert (await aegis.pay(**order())).state is PaymentState.SUCCESS


# --- merchants --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_g8_keys_of_merchants_never_collide_not_even_when_joined_they_read_the_same(kind, tmp_path):
    pairs = [("ab", "c"), ("a", "bc"), ("a.b", "c"), ("a", "b.c"), ("1", "1:1"), ("11", ":1")]

    async def main():
        store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "payments.db")
        async with AegisPay(store, gateways=[SimulatedGateway("alpha")]) as aegis:
            made = [await aegis.pay(**order(key, merchant=merchant)) for merchant, key in pairs]
            again = [await aegis.pay(**order(key, merchant=merchant)) for merchant, key in pairs]
            listed = [(await aegis.list_payments(merchant=merchant)).payments for merchant, _ in pairs]
        assert len({payment.id for payment in made}) == len(pairs)
        assert [payment.id for payment in again] == [payment.id for payment in made]
        assert [{p.request.merchant for p in page} for page in listed] == [{merchant} for merchant, _ in pairs]

    asyncio.run(main())
