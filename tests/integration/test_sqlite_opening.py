"""Where a database may lie and what may be there already: each refusal names the path and the way out."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest

from aegispay import SqliteStore
from aegispay.errors import CorruptStoreError, NewerSchemaError, StoreError, StoreLockedError, StoreOpenError
from aegispay.ports import PaymentQuery
from aegispay.storage.migrations import SCHEMA_VERSION
from aegispay.storage.verify import verify
from tests.contracts.stores import APPROVE, CHARGE, StillClock, Stream, write

NOBODY = 65534


def use(path, scenario=None, **options):
    """Open the store, run the scenario, close it."""

    async def main():
        store = SqliteStore(path, clock=StillClock(), **options)
        await store.open()
        try:
            return None if scenario is None else await scenario(store)
        finally:
            await store.close()

    return asyncio.run(main())


async def one_payment(store):
    await store.append(Stream().create())


async def whole_payments(store):
    for number in range(1, 60):
        await write(store, Stream(number), steps=(CHARGE, APPROVE))


async def count(store):
    return len(await store.read_all())


def refused(path, error=StoreOpenError, **options):
    """Return message and hint of the refusal; nothing of the attempt is left running."""
    threads = set(threading.enumerate())
    with pytest.raises(error) as caught:
        use(path, **options)
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)
        assert not thread.is_alive()
    assert caught.value.hint
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "plain.db",
        "with space.db",
        "per%20cent.db",
        "what?.db",
        "what?mode=memory",
        "ha#sh.db",
        "支付-ß.db",
        "a'b\"c.db",
    ],
)
def test_a_path_is_taken_as_it_is_written(tmp_path, name):
    use(tmp_path / name, one_payment)
    assert sorted(os.listdir(tmp_path)) == sorted([name, f"{name}.lock"])
    assert use(tmp_path / name, count) == 1
    assert use(tmp_path / name, count, read_only=True) == 1
    assert verify(tmp_path / name).events == 1


def test_a_relative_path_and_a_path_as_text_mean_the_file_where_the_engine_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    use("payments.db", one_payment)
    assert use(tmp_path / "payments.db", count) == 1
    assert use(str(tmp_path / "x" / ".." / "payments.db"), count) == 1


def test_a_store_stays_in_its_file_when_the_process_changes_its_directory(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    async def wander(store):
        os.chdir(tmp_path / "elsewhere")
        await store.append(Stream().create())
        return len(await store.read_all())

    assert use("payments.db", wander) == 1
    assert os.listdir(tmp_path / "elsewhere") == []


def test_two_names_of_one_file_are_one_database(tmp_path):
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "payments.db")

    async def open_again(_store):
        message, _ = await asyncio.to_thread(refused, link, StoreLockedError)
        assert message.startswith(f"{tmp_path}/payments.db is open in another engine")

    use(tmp_path / "payments.db", open_again)


def test_memory_is_refused_with_the_name_of_what_to_use():
    message, hint = refused(":memory:")
    assert message == ":memory: is lost with the process"
    assert "MemoryStore()" in hint


def test_a_directory_is_refused(tmp_path):
    assert refused(tmp_path) == (f"{tmp_path} is a directory", "Name a file in it.")


def test_a_missing_parent_is_refused_and_not_made(tmp_path):
    assert refused(tmp_path / "no" / "x.db") == (f"{tmp_path}/no does not exist", "Make the directory first.")
    assert os.listdir(tmp_path) == []


def test_a_path_with_a_zero_byte_is_refused():
    message, _ = refused("a\0b.db")
    assert "is no path" in message


def test_reading_only_needs_a_file_that_is_there(tmp_path):
    message, _ = refused(tmp_path / "x.db", read_only=True)
    assert message == f"{tmp_path}/x.db does not exist or is no file"
    assert os.listdir(tmp_path) == []


def test_an_empty_file_becomes_a_database_and_is_refused_for_reading_only(tmp_path):
    (tmp_path / "x.db").touch()
    message, _ = refused(tmp_path / "x.db", read_only=True)
    assert message == f"{tmp_path}/x.db is empty: no AegisPay has written to it"
    use(tmp_path / "x.db", one_payment)
    assert use(tmp_path / "x.db", count) == 1


def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path):
    content = b"idempotency_key,amount\n" * 500
    (tmp_path / "orders.csv").write_bytes(content)
    message, hint = refused(tmp_path / "orders.csv")
    assert message == f"{tmp_path}/orders.csv cannot be opened: file is not a database"
    assert "Check the path" in hint
    assert (tmp_path / "orders.csv").read_bytes() == content


def test_another_programs_database_is_refused_and_its_content_not_touched(tmp_path):
    path = tmp_path / "cookies.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE cookies (a)")
        database.execute("PRAGMA user_version = 1")
    message, hint = refused(path)
    assert message == f"{path} is a SQLite database of another program"
    assert hint == "Choose another path; it was not touched."
    with closing(sqlite3.connect(path)) as database:
        assert [name for (name,) in database.execute("SELECT name FROM sqlite_master")] == ["cookies"]
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_newer_schema_is_refused_for_writing_and_for_reading(tmp_path):
    path = tmp_path / "x.db"
    use(path, one_payment)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    for options in ({}, {"read_only": True}):
        message, hint = refused(path, NewerSchemaError, **options)
        assert message == f"{path} has schema 99; this AegisPay knows {SCHEMA_VERSION}"
        assert "Upgrade AegisPay" in hint


def test_a_file_whose_structure_is_damaged_in_the_middle_is_refused(tmp_path):
    path = tmp_path / "x.db"
    use(path, whole_payments)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = bytes(byte ^ 0xFF for byte in content[middle : middle + 8192])
    path.write_bytes(bytes(content))
    message, hint = refused(path)
    assert message.startswith(f"{path} is damaged: ")
    assert hint == "Restore a backup."
    assert verify(path).problems


def test_a_flipped_byte_in_one_payment_is_that_payments_error_only(tmp_path):
    path = tmp_path / "x.db"
    use(path, whole_payments)
    damaged = Stream(30).id
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "UPDATE events SET data = CAST(x'7bff' AS TEXT) WHERE payment_id = ? AND version = 3", (damaged,)
        )
        database.execute("UPDATE events SET data = '{' WHERE payment_id = ? AND version = 2", (Stream(40).id,))
        database.execute(
            "UPDATE events SET recorded_at = 1 << 62 WHERE payment_id = ? AND version = 1", (Stream(50).id,)
        )
        database.commit()

    async def scenario(store):
        streams = [Stream(number) for number in range(1, 60)]
        found = await asyncio.gather(*(store.load(stream.id) for stream in streams), return_exceptions=True)
        assert {number for number, answer in enumerate(found, start=1) if isinstance(answer, Exception)} == {30, 40, 50}
        assert all(isinstance(found[number - 1], CorruptStoreError) for number in (30, 40, 50))
        assert str(path) in str(found[29])
        assert Stream(40).id in str(found[39])
        assert "aegispay verify" in found[39].hint
        with pytest.raises(CorruptStoreError):
            await store.read_all()
        assert await store.append(Stream(100).create()) == 1

    use(path, scenario)


def test_a_row_that_cannot_be_read_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "x.db"
    use(path, one_payment)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE payments SET state = 'flying'")
        database.commit()

    async def scenario(store):
        with pytest.raises(CorruptStoreError, match=f"the row of {Stream().id} cannot be read"):
            await store.list_payments(PaymentQuery())
        with pytest.raises(CorruptStoreError, match=re.escape(str(path))):
            await store.count_states()

    use(path, scenario)


@contextmanager
def unprivileged():
    """Run as nobody, because the superuser may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder(tmp_path):
    """A folder that nobody can reach, with a database of one payment."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    folder = tmp_path / "shared"
    folder.mkdir()
    use(folder / "x.db", one_payment)
    folder.chmod(0o777)
    (folder / "x.db.lock").chmod(0o666)
    return folder


def test_a_file_that_may_only_be_read_is_refused_for_writing_and_can_be_read(open_folder):
    (open_folder / "x.db").chmod(0o444)
    with unprivileged():
        message, _ = refused(open_folder / "x.db")
        assert message == f"{open_folder}/x.db cannot be opened: attempt to write a readonly database"
        assert use(open_folder / "x.db", count, read_only=True) == 1
        assert verify(open_folder / "x.db").problems == ()


def test_a_folder_that_may_only_be_read_is_refused_with_the_file_that_cannot_be_made(open_folder):
    (open_folder / "x.db.lock").unlink()
    open_folder.chmod(0o555)
    with unprivileged():
        message, hint = refused(open_folder / "x.db")
        assert message == f"{open_folder}/x.db.lock cannot be written: Permission denied"
        assert "permissions" in hint


def test_a_file_that_may_not_be_read_is_refused(open_folder):
    (open_folder / "x.db").chmod(0o000)
    with unprivileged():
        message, _ = refused(open_folder / "x.db", read_only=True)
        assert message == f"{open_folder}/x.db cannot be opened: unable to open database file"


def test_a_store_opened_for_reading_refuses_every_write_and_does_not_take_the_lock(tmp_path):
    path = tmp_path / "x.db"
    use(path, one_payment)

    async def scenario(reading):
        for refused_write in (reading.append(Stream(2).create()), reading.begin_recoveries(["a"])):
            with pytest.raises(StoreError, match=r"x\.db is open for reading only; nothing was written"):
                await refused_write
        writing = SqliteStore(path)
        await writing.open()
        assert writing.salt == reading.salt
        await writing.append(Stream(2).create())
        await writing.close()
        assert len(await reading.read_all()) == 2

    use(path, scenario, read_only=True)


def test_a_database_locked_by_another_program_cannot_be_opened_and_says_so(tmp_path):
    path = tmp_path / "x.db"
    use(path, one_payment)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        message, _ = refused(path, StoreLockedError, busy_s=0.01)
        assert message == f"{path} is in the middle of another process's write"
    assert use(path, count) == 1


def test_a_closed_store_leaves_one_file_that_can_be_copied(tmp_path):
    use(tmp_path / "x.db", whole_payments)
    assert sorted(os.listdir(tmp_path)) == ["x.db", "x.db.lock"]
    (tmp_path / "copy.db").write_bytes((tmp_path / "x.db").read_bytes())
    assert verify(tmp_path / "copy.db").events == 59 * 4
    assert use(tmp_path / "copy.db", count) == 59 * 4


def test_a_backup_made_beside_a_running_engine_is_whole(tmp_path):
    async def scenario(store):
        await whole_payments(store)
        with (
            closing(sqlite3.connect(tmp_path / "x.db")) as source,
            closing(sqlite3.connect(tmp_path / "b.db")) as target,
        ):
            source.backup(target)
        await store.append(Stream(100).create())

    use(tmp_path / "x.db", scenario)
    report = verify(tmp_path / "b.db")
    assert (report.events, report.problems) == (59 * 4, ())
    assert use(tmp_path / "b.db", count) == 59 * 4
