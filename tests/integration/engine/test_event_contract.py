"""Events of a whole engine as the outside sees them: ids, sinks, and a file that an older version wrote."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from aegispay import AegisPay, PaymentState, SimulatedGateway
from aegispay.domain import upcasting
from aegispay.domain.events import OperationSucceeded, PaymentInitiated
from aegispay.gateways.ledger import MemoryLedger
from aegispay.outbox.cloud_events import cloud_event
from aegispay.outbox.envelope import public_event
from aegispay.outbox.fan_out import fan_out
from aegispay.outbox.json_lines import JsonLinesSink
from aegispay.storage.sqlite import SqliteStore
from aegispay.storage.verify import verify
from tests.integration.engine.rig import World, order, virtual


@virtual
async def test_c8_two_refunds_of_one_payment_are_two_events_with_ids_of_their_own():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        for key in ("refund-1", "refund-2", "refund-2"):
            payment = await aegis.refund_payment(payment.id, amount="10.00", idempotency_key=key)
        log = await world.store.load(payment.id)
    refunds = [public_event(each) for each in log if each.event.type == "payment.refund_succeeded"]
    assert payment.refunded_minor == 2_000
    assert len(refunds) == 2
    assert len({each["id"] for each in refunds}) == len({each["data"]["operation_id"] for each in refunds}) == 2
    assert {each["id"] for each in map(public_event, log)} == {f"{payment.id}-{n}" for n in range(1, len(log) + 1)}
    assert len({cloud_event(each, merchant="m")["id"] for each in log}) == len(log)


@virtual
async def test_c8_parts_captured_of_one_payment_are_events_of_their_own():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(capture="manual"))
        for number in range(3):
            await aegis.capture_payment(payment.id, amount="20.00", idempotency_key=f"part-{number}", is_final=False)
        log = await world.store.load(payment.id)
    captures = [each.event_id for each in log if each.event.type == "payment.capture_succeeded"]
    assert len(set(captures)) == len(captures) == 3


@virtual
async def test_an_event_is_published_the_same_after_a_restart():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        before = [public_event(each, payment) for each in await world.store.load(payment.id)]
    async with world.engine() as aegis:
        again = await aegis.get_payment(payment.id)
        assert [public_event(each, again) for each in await world.store.load(payment.id)] == before


def engine(path, ledger=None):
    return AegisPay(path, gateways=[SimulatedGateway("alpha", ledger=ledger)])


async def until_delivered(aegis, *names):
    """Wait until the subscriptions have handed on all that there is."""
    while any(each.lag_events or each.waiting for each in await aegis.subscriptions() if each.name in names):
        await asyncio.to_thread(lambda: None)


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_sinks_are_subscribers_and_a_restart_repeats_no_line(tmp_path):
    database, one, both = tmp_path / "payments.db", tmp_path / "one.jsonl", tmp_path / "both.jsonl"

    async def run(number):
        async with engine(database) as aegis:
            await aegis.subscribe("payment.*", JsonLinesSink(one), name="one", from_="start")
            sink = fan_out(JsonLinesSink(both), JsonLinesSink(tmp_path / "more.jsonl"))
            await aegis.subscribe("payment.*", sink, name="both", from_="start")
            await asyncio.gather(*(aegis.pay(**order(f"order-{number}-{n}")) for n in range(20)))
            await until_delivered(aegis, "one", "both")

    asyncio.run(run(1))
    asyncio.run(run(2))

    async def read():
        store = SqliteStore(database, read_only=True)
        await store.open()
        try:
            return [each.event_id for each in await store.read_all()]
        finally:
            await store.close()

    log = asyncio.run(read())
    assert len(log) == 160
    for path in (one, both, tmp_path / "more.jsonl"):
        assert sorted(ids(path)) == sorted(log)
        of_payments = {each.rpartition("-")[0]: [] for each in log}
        for each in ids(path):
            of_payments[each.rpartition("-")[0]].append(int(each.rpartition("-")[2]))
        assert all(numbers == sorted(numbers) for numbers in of_payments.values())


def test_e6_an_engine_goes_on_with_a_file_that_an_older_version_wrote(tmp_path, monkeypatch):
    database, ledger = tmp_path / "payments.db", MemoryLedger()

    async def first():
        async with engine(database, ledger) as aegis:
            payment = await aegis.pay(**order())
            return await aegis.refund_payment(payment.id, amount="10.00", idempotency_key="refund-1")

    before = asyncio.run(first())
    seen: list[str] = []

    def noted(data: Mapping[str, object]) -> dict[str, object]:
        seen.append(str(data.get("operation_id", "initiated")))
        return dict(data)

    for made in (PaymentInitiated, OperationSucceeded):
        monkeypatch.setattr(made, "schema_version", 2)
    monkeypatch.setattr(upcasting, "UPCASTERS", {PaymentInitiated: (noted,), OperationSucceeded: (noted,)})

    async def second():
        async with engine(database, ledger) as aegis:
            found = await aegis.get_payment(before.id)
            after = await aegis.refund_payment(before.id, idempotency_key="rest")
            versions = [public_event(each)["schema_version"] for each in await aegis.payment_events(before.id)]
            return found, after, versions

    found, after, versions = asyncio.run(second())
    assert found == before
    assert (after.state, after.refunded_minor) == (PaymentState.REFUNDED, 10_000)
    assert {"initiated", before.operations[0].id} <= set(seen)
    assert sorted(set(versions)) == [1, 2]
    assert verify(database).problems == ()
