"""What a store says when the disk, another program or another engine is in the way."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
from contextlib import closing, contextmanager

import pytest

from aegispay import SqliteStore
from aegispay.errors import CommitUnknownError, FencedError, StoreUnavailableError
from aegispay.ports import Parking
from aegispay.storage.verify import verify
from tests import builders as b
from tests.contracts.stores import CHARGE, Stream
from tests.unit.storage.disk import Faults, on_disk, on_writer

PARKING = Parking(payment_id="a", cause="c", parked_at=b.NOW)


def writes(store, stream):
    """Return every kind of write, as calls to make."""
    return (
        lambda: store.append(stream.create()),
        lambda: store.begin_recoveries(["a"]),
        lambda: store.end_recovery("a"),
        lambda: store.park(PARKING),
        lambda: store.unpark("a"),
        lambda: store.save_gateway("alpha", "{}"),
    )


@pytest.mark.parametrize("error", [OSError("power"), sqlite3.OperationalError("disk I/O error")])
def test_a_failure_before_the_commit_is_unavailable_and_nothing_was_written(tmp_path, error):
    faults = Faults()
    path = tmp_path / "x.db"

    async def scenario(store):
        stream = Stream()
        faults.raises = {"before_commit": error}
        for write in writes(store, stream):
            with pytest.raises(StoreUnavailableError) as caught:
                await write()
            assert str(path) in str(caught.value)
            assert str(error) in str(caught.value)
        assert await store.read_all() == ()
        assert await store.parked() == ()
        assert await store.load_gateways() == {}
        faults.raises = {}
        assert await store.append(Stream().create()) == 1
        assert await store.begin_recoveries(["a"]) == {"a": 1}

    on_disk(path, scenario, faults=faults)
    assert verify(path).problems == ()


@pytest.mark.parametrize("error", [OSError("power"), sqlite3.OperationalError("disk I/O error")])
def test_a_failure_after_the_commit_is_unknown_and_it_was_written(tmp_path, error):
    faults = Faults()
    path = tmp_path / "x.db"

    async def scenario(store):
        stream = Stream()
        faults.raises = {"after_commit": error}
        for write in writes(store, stream)[:-2]:
            with pytest.raises(CommitUnknownError, match="half-way"):
                await write()
        assert [each.version for each in await store.load(stream.id)] == [1]
        assert await store.parked() == (PARKING,)
        faults.raises = {}
        assert await store.append(stream.then(*CHARGE)) == 3
        assert [each.position for each in await store.read_all()] == [1, 2, 3]

    on_disk(path, scenario, faults=faults)
    assert verify(path).problems == ()


def test_a_failure_is_told_to_everybody_whose_write_was_in_that_transaction(tmp_path):
    faults = Faults()

    async def scenario(store):
        faults.raises = {"before_commit": OSError("power")}
        appends = [Stream(number).create() for number in range(5)]
        answers = await asyncio.gather(*map(store.append, appends), return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailableError] * 5
        assert len({id(answer) for answer in answers}) == 5
        assert faults.passed == ["before_commit"]

    on_disk(tmp_path / "x.db", scenario, faults=faults)


def test_an_error_that_is_no_disk_error_goes_to_the_caller_as_it_is_and_leaves_no_transaction(tmp_path):
    faults = Faults()

    async def scenario(store):
        faults.raises = {"before_commit": LookupError("bug")}
        with pytest.raises(LookupError, match="bug"):
            await store.append(Stream().create())
        assert await on_writer(store, lambda database: database.in_transaction) is False
        faults.raises = {}
        assert await store.append(Stream().create()) == 1

    on_disk(tmp_path / "x.db", scenario, faults=faults)


def test_a_full_disk_refuses_and_goes_on_when_there_is_space_again(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(store):
        def limit_pages(database):
            pages = database.execute("PRAGMA page_count").fetchone()[0]
            return database.execute(f"PRAGMA max_page_count = {pages + 4}").fetchone()

        async def fill():
            for number in range(1_000):
                await store.append(Stream(number, metadata={"note": "x" * 2_000}).create())

        await on_writer(store, limit_pages)
        with pytest.raises(StoreUnavailableError, match=r"x\.db: nothing was written: database or disk is full"):
            await fill()
        written = len(await store.read_all())
        assert 0 < written < 50
        with pytest.raises(StoreUnavailableError, match="disk is full"):
            await store.append(Stream(5_000, metadata={"note": "x" * 2_000}).create())
        assert len(await store.read_all()) == written
        await on_writer(store, lambda database: database.execute("PRAGMA max_page_count = 1000000").fetchone())
        assert await store.append(Stream(5_001).create()) == 1
        assert [each.position for each in await store.read_all()] == list(range(1, written + 2))

    on_disk(path, scenario)
    assert verify(path).problems == ()


@contextmanager
def no_file_grows_beyond(size: int):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fails_in_the_middle_of_a_commit_leaves_it_unknown(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(store):
        await store.append(Stream(1).create())
        size = os.stat(f"{path}-wal").st_size
        with no_file_grows_beyond(size + 100), pytest.raises(CommitUnknownError, match=r"x\.db: the commit failed"):
            await store.append(Stream(2).create())
        assert await store.load(Stream(2).id) == ()
        assert await store.append(Stream(2).create()) == 1
        assert [each.position for each in await store.read_all()] == [1, 2]

    on_disk(path, scenario)
    assert verify(path).problems == ()


class FailingCommit:
    """SQLite's connection, except that COMMIT, and if wanted ROLLBACK, fails with a code."""

    def __init__(self, database, code: int, *, fails: tuple[str, ...] = ("COMMIT",)) -> None:
        self._database = database
        self._code = code
        self.fails = fails

    def execute(self, statement, *parameters):
        if statement in self.fails:
            error = sqlite3.OperationalError("as told")
            error.sqlite_errorcode = self._code
            raise error
        return self._database.execute(statement, *parameters)

    def __getattr__(self, name):
        return getattr(self._database, name)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite3.SQLITE_FULL, StoreUnavailableError),
        (sqlite3.SQLITE_BUSY, StoreUnavailableError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreUnavailableError),
        (sqlite3.SQLITE_IOERR, CommitUnknownError),
        (sqlite3.SQLITE_IOERR_FSYNC, CommitUnknownError),
        (sqlite3.SQLITE_CORRUPT, CommitUnknownError),
    ],
)
def test_only_a_commit_refused_before_its_last_page_is_certainly_not_written(tmp_path, code, meaning):
    async def scenario(store):
        store._writer._database = failing = FailingCommit(store._writer._database, code)
        with pytest.raises(meaning):
            await store.append(Stream().create())
        assert await store.read_all() == ()
        failing.fails = ()
        assert await store.append(Stream().create()) == 1

    on_disk(tmp_path / "x.db", scenario)


def test_a_rollback_that_fails_is_made_up_for_by_the_next_write(tmp_path):
    async def scenario(store):
        failing = FailingCommit(store._writer._database, sqlite3.SQLITE_FULL, fails=("COMMIT", "ROLLBACK"))
        store._writer._database = failing
        with pytest.raises(StoreUnavailableError):
            await store.append(Stream(1).create())
        with pytest.raises(StoreUnavailableError):
            await store.append(Stream(2).create())
        failing.fails = ()
        assert await store.append(Stream(3).create()) == 1
        assert [each.payment_id for each in await store.read_all()] == [Stream(3).id]

    on_disk(tmp_path / "x.db", scenario)


def test_a_file_locked_by_another_program_is_unavailable_until_it_is_free(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(store):
        with closing(sqlite3.connect(path, isolation_level=None)) as backup:
            backup.execute("BEGIN IMMEDIATE")
            for write in writes(store, Stream()):
                with pytest.raises(StoreUnavailableError, match=r"x\.db: nothing was written: database is locked"):
                    await write()
            assert await store.read_all() == ()
            backup.execute("ROLLBACK")
        assert await store.append(Stream().create()) == 1

    on_disk(path, scenario, busy_s=0.01)


def test_every_write_of_an_engine_that_was_taken_over_is_fenced_and_reading_goes_on(tmp_path):
    path = tmp_path / "x.db"

    async def scenario(old):
        await old.append(Stream(1).create())
        new = SqliteStore(path, takeover=True)
        await new.open()
        try:
            for write in writes(old, Stream(2)):
                with pytest.raises(FencedError, match=r"x\.db: another engine has taken this database over"):
                    await write()
            assert await new.append(Stream(3).create()) == 1
            assert await new.parked() == ()
            assert await new.load_gateways() == {}
            assert [each.payment_id for each in await old.read_all()] == [Stream(1).id, Stream(3).id]
        finally:
            await new.close()

    on_disk(path, scenario)
    assert verify(path).problems == ()
