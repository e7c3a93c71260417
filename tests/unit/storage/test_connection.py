"""aiosqlite's private parts that the store stands on. A new aiosqlite that changes them must fail here first."""

from __future__ import annotations

import ast
import asyncio
import inspect
import sqlite3
import threading
from pathlib import Path

import aiosqlite
import pytest

import aegispay.storage
from aegispay.storage.connection import connect, on_thread, raw, uri


def test_a_whole_piece_of_work_runs_in_one_hop_on_the_connections_own_thread(tmp_path):
    async def main():
        connection = await connect(tmp_path / "x.db")
        try:
            threads = [await on_thread(connection, threading.get_ident) for _ in range(3)]
            assert len(set(threads)) == 1
            assert threads[0] != threading.get_ident()
        finally:
            await connection.close()

    asyncio.run(main())


def test_the_raw_connection_is_sqlites_own_and_an_error_on_its_thread_reaches_the_caller(tmp_path):
    async def main():
        connection = await connect(tmp_path / "x.db")
        try:
            database = raw(connection)
            assert type(database) is sqlite3.Connection
            assert await on_thread(connection, lambda: database.execute("SELECT 41 + 1").fetchone()) == (42,)
            with pytest.raises(sqlite3.OperationalError, match="no such table: missing"):
                await on_thread(connection, database.execute, "SELECT * FROM missing")
        finally:
            await connection.close()

    asyncio.run(main())


def test_aiosqlites_hop_takes_what_it_is_given():
    assert list(inspect.signature(aiosqlite.Connection._execute).parameters) == ["self", "fn", "args", "kwargs"]
    assert isinstance(inspect.getattr_static(aiosqlite.Connection, "_conn"), property)


def test_only_one_module_uses_aiosqlites_private_parts():
    users = set()
    for path in Path(aegispay.storage.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in {"_execute", "_conn"}:
                users.add(path.name)
    assert users == {"connection.py"}


def test_every_commit_is_durable_and_readers_do_not_wait_for_writers(tmp_path):
    async def main():
        connection = await connect(tmp_path / "x.db")
        database = raw(connection)

        def settings():
            names = ("journal_mode", "synchronous")
            return [database.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

        try:
            assert database.isolation_level is None
            assert await on_thread(connection, settings) == ["wal", 2]
        finally:
            await connection.close()

    asyncio.run(main())


def test_a_file_that_cannot_be_opened_leaves_no_thread_behind(tmp_path):
    broken = tmp_path / "x.db"
    broken.write_bytes(b"no database" * 100)
    before = set(threading.enumerate())

    async def main():
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            await connect(broken)

    asyncio.run(main())
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize("name", ["a b.db", "a%20b.db", "a?mode=memory.db", "a#b.db", "zahlung-ß-支付.db", "a&b=c.db"])
def test_the_uri_means_exactly_that_file(tmp_path, name):
    path = tmp_path / name
    database = sqlite3.connect(uri(path, read_only=False), uri=True)
    database.execute("CREATE TABLE t (a)")
    database.close()
    assert [each.name for each in tmp_path.iterdir()] == [name]
    database = sqlite3.connect(uri(path, read_only=True), uri=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database.execute("INSERT INTO t VALUES (1)")
    database.close()
