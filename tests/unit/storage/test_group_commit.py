from __future__ import annotations

import asyncio
import threading

import pytest

from aegispay import SqliteStore
from aegispay.errors import StoreUnavailableError
from aegispay.ports import Parking
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, Stream
from tests.unit.storage.disk import on_disk, traced

COUNT = 400


def test_appends_of_one_moment_share_a_handful_of_transactions(tmp_path):
    async def scenario(store):
        seen = await traced(store)
        before = store.commits
        appends = [Stream(number).create() for number in range(COUNT)]
        assert await asyncio.gather(*map(store.append, appends)) == [1] * COUNT
        assert store.commits - before <= 3
        # What the store says of itself is what SQLite did.
        assert seen.count("COMMIT") == seen.count("BEGIN IMMEDIATE") == store.commits - before
        assert "ROLLBACK" not in seen

    on_disk(tmp_path / "x.db", scenario)


def test_payments_that_live_at_the_same_time_share_transactions_all_the_way(tmp_path):
    async def scenario(store):
        async def live(stream):
            for append in stream.all(CHARGE, APPROVE):
                await store.append(append)

        await asyncio.gather(*(live(Stream(number)) for number in range(COUNT)))
        assert store.commits <= 12
        assert len(await store.read_all(limit=10_000)) == 4 * COUNT

    on_disk(tmp_path / "x.db", scenario)


def test_an_append_alone_is_one_transaction(tmp_path):
    async def scenario(store):
        seen = await traced(store)
        for append in Stream().all(CHARGE, APPROVE):
            await store.append(append)
        assert store.commits == seen.count("COMMIT") == 3

    on_disk(tmp_path / "x.db", scenario)


def test_the_end_of_hundreds_of_recoveries_is_a_handful_of_transactions(tmp_path):
    async def scenario(store):
        ids = [Stream(number).id for number in range(COUNT)]
        seen = await traced(store)
        assert await store.begin_recoveries(ids) == dict.fromkeys(ids, 1)
        assert seen.count("COMMIT") == 1
        await asyncio.gather(*map(store.end_recovery, ids))
        assert seen.count("COMMIT") <= 4
        assert await store.begin_recoveries(ids) == dict.fromkeys(ids, 1)

    on_disk(tmp_path / "x.db", scenario)


def test_writes_of_every_kind_share_the_transactions_of_appends(tmp_path):
    async def scenario(store):
        seen = await traced(store)
        writes = []
        for number in range(50):
            stream = Stream(number)
            writes += [
                store.append(stream.create()),
                store.park(Parking(payment_id=stream.id, cause="c", parked_at=b.NOW)),
                store.unpark(stream.id),
                store.begin_recoveries([stream.id]),
                store.end_recovery(stream.id),
                store.save_gateway(f"g{number}", "{}"),
            ]
        await asyncio.gather(*writes)
        assert seen.count("COMMIT") <= 3
        assert len(await store.load_gateways()) == 50
        assert await store.parked() == ()

    on_disk(tmp_path / "x.db", scenario)


def test_unparking_and_its_reset_are_one_write(tmp_path):
    async def scenario(store):
        await store.park(Parking(payment_id="a", cause="c", parked_at=b.NOW))
        seen = await traced(store)
        await store.unpark("a")
        assert seen.count("COMMIT") == 1
        assert sum(statement.startswith("DELETE") for statement in seen) == 2

    on_disk(tmp_path / "x.db", scenario)


def test_nobody_is_answered_before_the_commit_that_holds_its_write(tmp_path):
    reached, go_on = threading.Event(), threading.Event()

    def hold(point):
        if point == "before_commit":
            reached.set()
            assert go_on.wait(30)

    async def scenario(store):
        stream = Stream()
        append = asyncio.ensure_future(store.append(stream.create()))
        park = asyncio.ensure_future(store.park(Parking(payment_id="a", cause="c", parked_at=b.NOW)))
        await asyncio.to_thread(reached.wait, 30)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not append.done()
        assert not park.done()
        assert await store.load(stream.id) == ()
        go_on.set()
        assert await append == 1
        await park
        assert len(await store.load(stream.id)) == 1

    on_disk(tmp_path / "x.db", scenario, faults=hold)


def test_a_caller_cancelled_while_its_append_waits_has_it_written_all_the_same(tmp_path):
    async def scenario(store):
        stream = Stream()
        waiting = asyncio.ensure_future(store.append(stream.create()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert await store.append(stream.then(*CHARGE)) == 3

    on_disk(tmp_path / "x.db", scenario)


def test_closing_writes_what_waits_and_refuses_what_comes_after(tmp_path):
    async def main():
        store = SqliteStore(tmp_path / "x.db")
        await store.open()
        streams = [Stream(number) for number in range(1_201)]
        waiting = [asyncio.ensure_future(store.append(stream.create())) for stream in streams[:-1]]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailableError, match=r"x\.db is not open; nothing was written"):
            await store.append(streams[-1].create())
        await closing
        assert await asyncio.gather(*waiting) == [1] * 1_200
        for refused in (store.load("a"), store.read_all(), store.save_gateway("a", "{}"), store.parked()):
            with pytest.raises(StoreUnavailableError, match="is not open"):
                await refused
        await store.open()
        assert sum((await store.count_states()).values()) == 1_200
        await store.close()

    asyncio.run(main())


def test_a_request_whose_values_do_not_fit_fails_alone(tmp_path):
    async def scenario(store):
        too_large = Stream(1)
        bad = too_large.then(b.create(idempotency_key="order-1"), amount_minor=2**70)
        answers = await asyncio.gather(
            store.append(Stream(2).create()),
            store.append(bad),
            store.save_gateway("alpha", {}),
            store.append(Stream(3).create()),
            store.begin_recoveries(["a"]),
            return_exceptions=True,
        )
        assert [each if not isinstance(each, Exception) else type(each) for each in answers] == [
            1, StoreUnavailableError, StoreUnavailableError, 1, {"a": 1},
        ]  # fmt: skip
        assert too_large.id in str(answers[1])
        assert "nothing was written" in str(answers[1])
        assert [each.position for each in await store.read_all()] == [1, 2]
        assert store.commits == 1

    on_disk(tmp_path / "x.db", scenario)
