"""Several real processes and one database: one owner at a time, and a lock that dies with its holder."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime

import pytest

from aegispay import SqliteStore
from aegispay.errors import FencedError, StoreLockedError
from aegispay.storage.connection import on_thread, raw
from aegispay.storage.migrations import read_epoch
from aegispay.storage.verify import verify
from tests.checkout import ROOT
from tests.contracts.stores import CHARGE, Stream


@contextmanager
def holder(path):
    """A second process that has the database open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.sqlite_child", "hold", str(path), "0"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "open\n"
        yield process
    finally:
        process.kill()
        process.wait(30)
        process.stdin.close()
        process.stdout.close()


async def opened(path, **options):
    store = SqliteStore(path, **options)
    await store.open()
    return store


async def epoch(store):
    return await on_thread(store._reader, read_epoch, raw(store._reader))


def use(path, scenario=None, **options):
    async def main():
        store = await opened(path, **options)
        try:
            return None if scenario is None else await scenario(store)
        finally:
            await store.close()

    return asyncio.run(main())


def test_a_database_that_another_process_holds_is_refused_naming_process_host_and_since_when(tmp_path):
    path = tmp_path / "x.db"
    with holder(path) as process:
        with pytest.raises(StoreLockedError) as caught:
            use(path)
        found = re.fullmatch(
            rf"{re.escape(str(path))} is open in another engine: process (\d+) on (\S+) since (\S+)", str(caught.value)
        )
        assert found is not None, str(caught.value)
        assert (int(found[1]), found[2]) == (process.pid, socket.gethostname())
        assert datetime.fromisoformat(found[3]).tzinfo is not None
        assert "close the holder" in caught.value.hint


def test_reading_beside_another_process_needs_no_lock(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(store):
        return len(store.salt)

    with holder(path):
        assert use(path, scenario, read_only=True) == 32
        assert verify(path).problems == ()


def test_a_process_that_ends_gives_the_database_back(tmp_path):
    path = tmp_path / "x.db"
    with holder(path) as process:
        process.stdin.close()
        assert process.wait(30) == 0
        use(path)


def test_a_process_that_is_killed_gives_the_database_back(tmp_path):
    path = tmp_path / "x.db"
    with holder(path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        use(path)


def test_a_frozen_process_is_taken_over_and_the_next_one_is_refused_in_the_new_owners_name(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(store):
        await store.append(Stream().create())
        with pytest.raises(StoreLockedError, match=f"process {os.getpid()} on"):
            await opened(path)

    with holder(path) as process:
        os.kill(process.pid, signal.SIGSTOP)
        use(path, scenario, takeover=True)
        # The frozen one still has its old lock, which is nobody's any more.
        use(path)
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.close()
        assert process.wait(30) == 0
    assert verify(path).problems == ()


def test_the_end_of_the_old_owner_does_not_free_the_new_owners_lock(tmp_path):
    path = tmp_path / "x.db"

    async def main():
        with holder(path) as process:
            new = await opened(path, takeover=True)
            try:
                process.kill()
                process.wait(30)
                with pytest.raises(StoreLockedError, match=f"process {os.getpid()} on"):
                    await opened(path)
            finally:
                await new.close()

    asyncio.run(main())


def test_two_takeovers_leave_one_writer_and_each_raises_the_epoch(tmp_path):
    path = tmp_path / "x.db"

    async def main():
        first = await opened(path)
        await first.append(Stream(1).create())
        second = await opened(path, takeover=True)
        third = await opened(path, takeover=True)
        try:
            assert await epoch(third) == 3
            for stale in (first, second):
                with pytest.raises(FencedError):
                    await stale.append(Stream(2).create())
                with pytest.raises(FencedError):
                    await stale.begin_recoveries(["a"])
            assert await third.append(Stream(2).create()) == 1
            await first.close()
            await second.close()
            with pytest.raises(StoreLockedError):
                await opened(path)
            assert await third.append(Stream(3).create()) == 1
        finally:
            for store in (first, second, third):
                await store.close()
        reopened = await opened(path)
        assert await epoch(reopened) == 4
        assert [each.position for each in await reopened.read_all()] == [1, 2, 3]
        await reopened.close()

    asyncio.run(main())
    assert verify(path).problems == ()


def test_a_takeover_in_the_middle_of_the_old_owners_work_loses_nothing_acknowledged(tmp_path):
    path = tmp_path / "x.db"

    async def main():
        acknowledged = {}
        old = await opened(path)

        async def work(number):
            stream = Stream(number)
            for append in stream.all(CHARGE):
                acknowledged[stream.id] = await old.append(append)

        working = [asyncio.ensure_future(work(number)) for number in range(300)]
        await asyncio.wait(working[:20])
        new = await opened(path, takeover=True)
        answers = await asyncio.gather(*working, return_exceptions=True)
        assert {type(answer) for answer in answers} <= {type(None), FencedError}
        found = await new.load_many(list(acknowledged))
        assert {name for name, version in acknowledged.items() if len(found[name]) < version} == set()
        assert len(acknowledged) >= 20
        assert await new.append(Stream(999).create()) == 1
        await old.close()
        await new.close()

    asyncio.run(main())
    assert verify(path).problems == ()


def test_a_takeover_of_a_database_that_nobody_holds_is_an_ordinary_opening(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(store):
        with pytest.raises(StoreLockedError):
            await opened(path)
        return await store.append(Stream().create())

    assert use(path, scenario, takeover=True) == 1


def test_a_lock_whose_holder_left_no_name_is_refused_all_the_same(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(_store):
        (tmp_path / "x.db.lock").write_text("")
        with pytest.raises(StoreLockedError, match="its holder left no name"):
            await opened(path)

    use(path, scenario)


def test_a_lock_file_that_was_deleted_is_no_way_to_two_writers(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(first):
        (tmp_path / "x.db.lock").unlink()
        second = await opened(path)
        try:
            with pytest.raises(FencedError):
                await first.append(Stream().create())
            assert await second.append(Stream().create()) == 1
        finally:
            await second.close()

    use(path, scenario)
