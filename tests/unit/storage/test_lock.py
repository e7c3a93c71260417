from __future__ import annotations

import json
import os

import pytest

from aegispay.errors import StoreLockedError, StoreOpenError
from aegispay.storage import lock as locking
from aegispay.storage.lock import FileLock
from tests import builders as b


@pytest.fixture
def database(tmp_path):
    return tmp_path / "x.db"


def test_a_lock_is_held_by_one_and_freed_by_release(database):
    first, second = FileLock(database), FileLock(database)
    first.acquire(now=b.NOW)
    with pytest.raises(StoreLockedError, match=f"process {os.getpid()} on .* since 2026-03-01T12:00:00"):
        second.acquire(now=b.LATER)
    first.release()
    first.release()
    second.acquire(now=b.LATER)
    second.release()


def test_a_refused_attempt_does_not_rename_the_holder(database):
    first = FileLock(database)
    first.acquire(now=b.NOW)
    before = (database.parent / "x.db.lock").read_text()
    with pytest.raises(StoreLockedError):
        FileLock(database).acquire(now=b.LATER)
    assert (database.parent / "x.db.lock").read_text() == before
    assert json.loads(before)["pid"] == os.getpid()
    first.release()


def test_a_takeover_puts_its_own_lock_in_place_and_leaves_no_other_file(database):
    first, second = FileLock(database), FileLock(database)
    first.acquire(now=b.NOW)
    second.acquire(now=b.LATER, is_takeover=True)
    first.release()
    with pytest.raises(StoreLockedError, match=b.LATER.isoformat().replace("+", r"\+")):
        FileLock(database).acquire(now=b.NOW)
    assert os.listdir(database.parent) == ["x.db.lock"]
    second.release()


def test_a_lock_that_was_replaced_between_opening_and_locking_is_not_taken_for_the_lock(database, monkeypatch):
    old, new = FileLock(database), FileLock(database)
    old.acquire(now=b.NOW)
    try_lock = locking._try_lock

    def raced(file):
        monkeypatch.setattr(locking, "_try_lock", try_lock)
        new.acquire(now=b.LATER, is_takeover=True)
        old.release()
        return try_lock(file)

    monkeypatch.setattr(locking, "_try_lock", raced)
    with pytest.raises(StoreLockedError, match=b.LATER.isoformat().replace("+", r"\+")):
        FileLock(database).acquire(now=b.NOW)
    new.release()


def test_a_lock_file_that_cannot_be_written_is_refused_with_its_path(database):
    (database.parent / "x.db.lock").mkdir()
    with pytest.raises(StoreOpenError, match=r"x\.db\.lock cannot be written: Is a directory"):
        FileLock(database).acquire(now=b.NOW)
