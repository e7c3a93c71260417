"""The status file of a whole engine: it shows the engine as it is, and never gets in its way."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import AegisPay, AegisPayConfig, ConfigurationError, MemoryStore, SimulatedGateway
from aegispay.errors import EngineFailedError
from aegispay.status.file import read_status, status_path
from aegispay.storage.sqlite import SqliteStore
from tests.integration.command import TIMEOUT_S
from tests.integration.engine.rig import order

QUICK = AegisPayConfig(status_interval_s=0.005)


def engine(store, config=QUICK):
    return AegisPay(store, gateways=[SimulatedGateway("alpha")], config=config)


async def status_until(database, is_seen):
    """Read the file as often as it takes."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            status = (await asyncio.to_thread(read_status, database)).status
            if status is not None and is_seen(status):
                return status


def test_it_counts_what_the_engine_counts(tmp_path):
    path = tmp_path / "payments.db"

    async def main():
        async with engine(path) as aegis:
            await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(30)))
            await aegis.pay(**order("declined", token="tok_declined"))
            await aegis.disable_gateway("alpha", reason="a secret reason")
            status = await status_until(path, lambda seen: seen.gateways and not seen.gateways[0].is_enabled)
            return status, await aegis.metrics(), status_path(path).read_text()

    status, metrics, text = asyncio.run(main())
    assert status.payments == metrics.payments
    assert (status.failures, status.retried, status.requests) == ({"do_not_honor": 1}, 0, 0)
    assert status.actors.alive == metrics.actors.alive
    assert len(status.gateways) == 1
    assert "secret" not in text


def test_an_engine_that_has_halted_says_so(tmp_path):
    path = tmp_path / "payments.db"

    async def main():
        async with engine(path) as aegis:
            assert (await status_until(path, lambda seen: True)).halted == ""
            aegis._assembly._gave_up(RuntimeError("a bug"))
            return await status_until(path, lambda seen: seen.halted)

    assert asyncio.run(main()).halted == EngineFailedError.__name__


def test_an_engine_that_lost_its_database_leaves_the_picture_to_the_one_that_has_it(tmp_path):
    path = tmp_path / "payments.db"

    async def main():
        first = engine(path)
        await first.open()
        await status_until(path, lambda seen: seen.epoch == 1)
        second = engine(SqliteStore(path, takeover=True))
        await second.open()
        await status_until(path, lambda seen: seen.epoch == 2)
        tries = 0
        write = first._status._file.write
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()

        def counted(status):
            nonlocal tries
            write(status)
            tries += 1
            if tries == 5:
                loop.call_soon_threadsafe(reached.set)

        first._status._file.write = counted
        await asyncio.wait_for(reached.wait(), TIMEOUT_S)
        seen = read_status(path).status.epoch
        await first.close()
        left = read_status(path).status.epoch
        await second.close()
        return seen, left

    assert asyncio.run(main()) == (2, 2)
    assert not status_path(path).exists()


def test_an_engine_whose_status_cannot_be_written_pays_all_the_same(tmp_path, caplog):
    path = tmp_path / "payments.db"
    status_path(path).mkdir()

    async def main():
        async with engine(path) as aegis:
            payments = [await aegis.pay(**order(f"order-{number}")) for number in range(20)]
            while "status_not_written" not in caplog.text:
                payments.append(await aegis.pay(**order(f"order-{len(payments)}")))
            return payments

    assert {payment.state for payment in asyncio.run(main())} == {"success"}
    assert caplog.text.count("status_not_written") == 1


@pytest.mark.parametrize("store", ["memory", "file"])
def test_without_a_file_or_an_interval_nothing_runs(tmp_path, store):
    async def main():
        config = QUICK if store == "memory" else AegisPayConfig(status_interval_s=0)
        async with engine(MemoryStore() if store == "memory" else tmp_path / "payments.db", config) as aegis:
            await aegis.pay(**order())
            return aegis._status

    assert asyncio.run(main()) is None
    assert list(tmp_path.glob("*status*")) == []


def test_an_engine_opened_again_is_seen_again(tmp_path):
    path = tmp_path / "payments.db"

    async def main():
        aegis = engine(path)
        found = []
        for _ in range(2):
            await aegis.open()
            found.append((await status_until(path, lambda seen: True)).epoch)
            await aegis.close()
        return found

    assert asyncio.run(main()) == [1, 2]


@pytest.mark.parametrize("interval_s", [-1.0, float("nan"), float("inf"), True, "often"])
def test_an_interval_that_makes_no_sense_is_refused(interval_s):
    with pytest.raises(ConfigurationError, match="status_interval_s"):
        AegisPayConfig(status_interval_s=interval_s)
