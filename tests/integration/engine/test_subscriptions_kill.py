"""A process is killed again and again while its subscribers are at work: nothing is missing, and what commits with the
cursor is there exactly once."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from tests.checkout import ROOT
from tests.integration.engine.subscriber_child import READERS

KILLS = 4


def child(role: str, where, seed: int) -> list[str]:
    return [sys.executable, "-m", "tests.integration.engine.subscriber_child", role, str(where), str(seed)]


def buy_and_kill(where, seed: int, payments: int) -> None:
    process = subprocess.Popen(child("buy", where, seed), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "open\n"
        for _ in range(payments):
            assert process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("seed", [1, 2])
def test_after_kills_at_any_moment_everybody_has_every_event_and_the_books_have_it_once(tmp_path, seed):
    source = random.Random(seed)
    for life in range(KILLS):
        buy_and_kill(tmp_path, 10 * seed + life, source.randrange(1, 120))
    subprocess.run(child("drain", tmp_path, seed), cwd=ROOT, check=True, timeout=120)

    database = sqlite3.connect(tmp_path / "payments.db")
    try:
        log = database.execute("SELECT payment_id, version FROM events ORDER BY position").fetchall()
        told = Counter(event_id for (event_id,) in database.execute("SELECT event_id FROM told"))
    finally:
        database.close()
    assert told == Counter(f"{payment_id}-{version}" for payment_id, version in log), f"seed {seed}"
    for number in range(READERS):
        lines = (tmp_path / f"reader-{number}").read_text().splitlines()
        got: dict[str, list[int]] = defaultdict(list)
        for payment_id, version in dict.fromkeys(tuple(line.split()) for line in lines):
            got[payment_id].append(int(version))
        assert sorted((name, version) for name in got for version in got[name]) == sorted(log), f"seed {seed}"
        assert all(versions == sorted(versions) for versions in got.values()), f"seed {seed}"
