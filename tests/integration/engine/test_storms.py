"""Many requests with one key at once: one payment, one charge, one answer for all."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from aegispay import (
    AegisPay,
    BlockingAegisPay,
    IdempotencyConflictError,
    MemoryStore,
    PaymentState,
    SimulatedGateway,
    SqliteStore,
)
from aegispay.gateways.ledger import MemoryLedger, charges
from tests.integration.engine.rig import World, elapse, order, virtual


@pytest.mark.parametrize("loop_seed", [None, 1, 2])
@virtual
async def test_1000_concurrent_payments_with_one_key_are_one_payment_and_one_charge(loop_seed):
    world = World("alpha", "beta", latency_s=0.2)
    async with world.engine() as aegis:
        answers = await asyncio.gather(*(aegis.pay(**order()) for _ in range(1_000)))
        assert len((await aegis.list_payments()).payments) == 1
    assert answers == [answers[0]] * 1_000
    assert answers[0].state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]
    assert world["alpha"].calls + world["beta"].calls == 1


@pytest.mark.parametrize("loop_seed", [3, 4, 5])
@virtual
async def test_a_storm_mixed_with_conflicting_requests_charges_the_first_and_names_what_differs(loop_seed):
    """Whichever request comes first wins; its repetitions get its payment, the others learn what differs."""
    world = World("alpha", "beta", latency_s=0.1)
    kinds = [{}, {"amount": "100.01"}, {"currency": "EUR"}, {"metadata": {"a": 1}}]
    requests = [kind for kind in kinds for _ in range(50)]
    random.Random(loop_seed).shuffle(requests)
    async with world.engine() as aegis:
        answers = await asyncio.gather(*(aegis.pay(**order(**changes)) for changes in requests), return_exceptions=True)
    paid = {request_kind(r) for r, a in zip(requests, answers, strict=True) if not isinstance(a, Exception)}
    assert len(paid) == 1
    (winner,) = paid
    payments = [a for a in answers if not isinstance(a, Exception)]
    assert payments == [payments[0]] * 50
    differing = {
        request_kind(r): a.fields
        for r, a in zip(requests, answers, strict=True)
        if isinstance(a, IdempotencyConflictError)
    }
    assert len(differing) == 3
    assert {kind: set(fields) for kind, fields in differing.items()} == {
        kind: named(kind) ^ named(winner) for kind in differing
    }
    assert len(world.charges()) == 1


def request_kind(changes) -> str:
    return next(iter(changes), "")


def named(kind) -> set[str]:
    return {"": set(), "metadata": {"metadata.a"}}.get(kind, {kind})


@virtual
async def test_a_storm_of_creations_and_processings_of_one_payment_charges_once():
    world = World(latency_s=0.1)
    async with world.engine() as aegis:
        created = await aegis.create_payment(**order())
        calls = [aegis.pay(**order()) if n % 3 else aegis.process_payment(created.id) for n in range(100)]
        calls += [aegis.create_payment(**order()) for _ in range(50)]
        answers = await asyncio.gather(*calls)
    assert {answer.id for answer in answers} == {created.id}
    assert {answer.state for answer in answers[:100]} == {PaymentState.SUCCESS}
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_ten_concurrent_creations_with_ten_keys_are_ten_payments():
    world = World()
    async with world.engine() as aegis:
        made = await asyncio.gather(*(aegis.create_payment(**order(f"order-{n}")) for n in range(10)))
        assert len({payment.id for payment in made}) == 10
        assert len((await aegis.list_payments()).payments) == 10


@pytest.mark.parametrize("store", [MemoryStore, None], ids=["memory", "sqlite"])
def test_8_threads_with_200_requests_each_and_one_key_are_one_charge(store, tmp_path):
    ledger = MemoryLedger()
    gateways = [SimulatedGateway(name, ledger=ledger) for name in ("alpha", "beta")]
    made = MemoryStore() if store else SqliteStore(tmp_path / "payments.db")
    with BlockingAegisPay(made, gateways=gateways) as aegis, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: aegis.pay(**order()), range(1_600), chunksize=200))
        assert len(aegis.list_payments().payments) == 1
    assert len(answers) == 1_600
    assert answers == [answers[0]] * 1_600
    assert [len(each) for each in charges(ledger).values()] == [1]


def test_a_storm_on_sqlite_mixed_with_conflicts_is_one_charge(tmp_path):
    ledger = MemoryLedger()

    async def storm() -> list[object]:
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha", ledger=ledger)]) as aegis:
            await aegis.create_payment(**order())
            amounts = ["100.00" if n % 2 else "99.00" for n in range(1_000)]
            return await asyncio.gather(*(aegis.pay(**order(amount=a)) for a in amounts), return_exceptions=True)

    answers = asyncio.run(storm())
    conflicts, payments = answers[0::2], answers[1::2]
    assert payments == [payments[0]] * 500
    assert payments[0].state is PaymentState.SUCCESS
    assert {type(conflict) for conflict in conflicts} == {IdempotencyConflictError}
    assert {conflict.fields for conflict in conflicts} == {("amount",)}
    assert {conflict.payment_id for conflict in conflicts} == {payments[0].id}
    assert [e.amount_minor for e in ledger.entries() if e.is_charged] == [10_000]


@pytest.mark.parametrize("loop_seed", range(5))
@virtual
async def test_concurrent_requests_look_like_some_order_one_at_a_time(loop_seed):
    """Every answer fits one history: versions only grow from call to call, and all agree on what each version was."""
    world = World(latency_s=(0.01, 0.2), seed=loop_seed)
    rng = random.Random(loop_seed)
    calls: list[tuple[float, float, object]] = []

    async def call(aegis, operation) -> None:
        await elapse(rng.uniform(0, 0.3))
        began = world.clock.monotonic()
        answer = await operation(aegis)
        calls.append((began, world.clock.monotonic(), answer))

    operations = [
        lambda aegis: aegis.pay(**order()),
        lambda aegis: aegis.create_payment(**order()),
        lambda aegis: aegis.get_payment_by_idempotency_key("order-1"),
    ]
    async with world.engine() as aegis:
        await aegis.create_payment(**order())
        await asyncio.gather(*(call(aegis, rng.choice(operations)) for _ in range(1_000)))
    by_version: dict[int, object] = {}
    for _, _, answer in calls:
        assert by_version.setdefault(answer.version, answer) == answer
    for began, _, later in calls:
        newest = max((earlier.version for _, ended, earlier in calls if ended < began), default=0)
        assert later.version >= newest
    assert world.charges() == [("alpha", 10_000)]
