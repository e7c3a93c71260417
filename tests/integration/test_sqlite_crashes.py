"""A process that is killed while it appends: what it had acknowledged is there, and the file is sound."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys

import pytest

from aegispay import SqliteStore
from aegispay.storage.verify import verify
from tests.checkout import ROOT

RUNS = 10


def run_and_kill(path, seed: int, lines: int) -> list[list[str]]:
    """Let a child append to the database, kill it after so many acknowledgements; return all that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.sqlite_child", "append", str(path), str(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "open\n"
        printed = [process.stdout.readline() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        # What it printed between our last look and its end was acknowledged too.
        printed += process.stdout.readlines()
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    return [line.split() for line in printed if line.endswith("\n")]


def check(path, acknowledged: list[list[str]]) -> None:
    versions = {line[0]: int(line[1]) for line in acknowledged if len(line) == 2}
    recovered = {line[0] for line in acknowledged if len(line) == 3}

    async def main():
        store = SqliteStore(path)
        await store.open()
        try:
            found = await store.load_many(list(versions))
            lost = {name: version for name, version in versions.items() if len(found[name]) < version}
            assert lost == {}
            assert set((await store.begin_recoveries(sorted(recovered))).values()) == ({2} if recovered else set())
            log = await store.read_all(limit=1_000_000)
            assert [each.position for each in log] == list(range(1, len(log) + 1))
        finally:
            await store.close()

    asyncio.run(main())
    assert verify(path).problems == ()


@pytest.mark.parametrize("seed", range(1, RUNS + 1))
def test_nothing_acknowledged_is_lost_when_the_process_is_killed_at_any_moment(tmp_path, seed):
    path = tmp_path / "payments.db"
    lines = random.Random(seed).choice([0, 1, 10, 100, 1_000]) + random.Random(-seed).randrange(10)
    acknowledged = run_and_kill(path, seed, lines)
    assert len(acknowledged) >= lines
    check(path, acknowledged)


def test_a_database_survives_one_kill_after_the_other(tmp_path):
    path = tmp_path / "payments.db"
    acknowledged = []
    for seed in (101, 102, 103):
        acknowledged += run_and_kill(path, seed, random.Random(seed).randrange(5, 120))
        assert verify(path).problems == ()
    check(path, acknowledged)
