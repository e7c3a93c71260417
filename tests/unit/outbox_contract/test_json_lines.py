"""The file of JSON lines: durable, never torn for long, nothing twice soon after each other."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.outbox import json_lines
from aegispay.outbox.cloud_events import cloud_event
from aegispay.outbox.envelope import public_event
from aegispay.outbox.json_lines import JsonLinesSink
from aegispay.ports import StoredEvent
from tests import builders as b
from tests.samples import EVENTS, INITIATED


def stored(version=1, event=INITIATED):
    return StoredEvent(position=version, payment_id=b.ID, version=version, event=event, recorded_at=b.NOW, hash="")


ALL = [stored(number, event) for number, event in enumerate((INITIATED, *EVENTS), start=1)]
IDS = [each.event_id for each in ALL]


def write(sink, *events):
    async def main():
        for event in events:
            await sink(event)

    asyncio.run(main())


def at_once(sink, *events):
    """Hand the events over in one moment, so that they are written together; return what became of each."""

    async def main():
        return await asyncio.gather(*map(sink, events), return_exceptions=True)

    return asyncio.run(main())


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def test_each_event_is_one_line_in_order(path):
    write(JsonLinesSink(path), *ALL)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [public_event(each) for each in ALL]


def test_only_the_owner_can_read_the_file(path):
    write(JsonLinesSink(path), ALL[0])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_event_is_synced_before_its_call_returns(path, monkeypatch):
    synced = []
    sync = os.fsync

    def noting(file):
        synced.append(path.read_bytes())
        sync(file)

    monkeypatch.setattr(json_lines.os, "fsync", noting)
    write(JsonLinesSink(path), ALL[0])
    # The file, and then the folder that it is new in.
    assert synced == [path.read_bytes()] * 2
    assert synced[0]


def test_what_comes_again_is_not_written_again(path):
    write(JsonLinesSink(path), *ALL[:3], ALL[1], *ALL[:5])
    assert ids(path) == IDS[:5]


def test_another_process_goes_on_behind_what_is_there(path):
    write(JsonLinesSink(path), *ALL[:10])
    write(JsonLinesSink(path), *ALL[5:20])
    assert ids(path) == IDS[:20]


@given(cut=st.integers(min_value=0), lines=st.integers(1, 6))
def test_whatever_a_crash_leaves_of_the_last_lines_each_event_stands_there_once(tmp_path_factory, cut, lines):
    path = tmp_path_factory.mktemp("torn") / "events.jsonl"
    write(JsonLinesSink(path), *ALL[:lines])
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % (len(whole) + 1)])
    write(JsonLinesSink(path), *ALL[: lines + 2])
    assert ids(path) == IDS[: lines + 2]


def test_a_torn_line_longer_than_what_is_read_at_once_is_cut_off(path):
    write(JsonLinesSink(path), ALL[0])
    with path.open("ab") as file:
        file.write(b'{"id":"' + b"x" * 200_000)
    write(JsonLinesSink(path), ALL[1])
    assert ids(path) == IDS[:2]


def test_a_file_that_ends_with_something_else_is_left_alone(path):
    path.write_bytes(b"a letter\nwithout an end")
    with pytest.raises(OSError, match="no line of JSON"):
        write(JsonLinesSink(path), ALL[0])
    assert path.read_bytes() == b"a letter\nwithout an end"


def test_lines_of_others_are_no_obstacle(path):
    path.write_bytes(b'not json\n[]\n{"id":7}\n{"no":"id"}\n')
    write(JsonLinesSink(path), ALL[0])
    assert path.read_bytes().count(b"\n") == 5


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_full_disk_leaves_the_file_as_it_was_and_the_event_can_come_again(path, monkeypatch, step):
    sink = JsonLinesSink(path)
    write(sink, *ALL[:2])
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(json_lines.os, "fsync", full)
        else:
            patch.setattr(json_lines, "memoryview", Unfinished, raising=False)
        with pytest.raises(OSError, match="no space left"):
            write(sink, ALL[2])
        assert path.read_bytes() == before
    write(sink, *ALL[2:4])
    assert ids(path) == IDS[:4]


class Unfinished(bytes):
    """A line that is written, and then the disk says that it is full."""

    def __getitem__(self, key):
        raise OSError(errno.ENOSPC, "no space left")


def test_events_that_come_at_once_share_a_sync_and_all_are_there(path, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(json_lines.os, "fsync", lambda file: synced.append(sync(file)))
    sink = JsonLinesSink(path)

    at_once(sink, *ALL[:5])
    assert ids(path) == IDS[:5]
    assert len(synced) == 2  # the lines, and the folder


def test_when_a_shared_write_fails_everybody_who_shared_it_is_told(path, monkeypatch):
    path.write_text("{}\n")
    sink = JsonLinesSink(path / "below a file")

    assert [type(each) for each in at_once(sink, *ALL[:3])] == [NotADirectoryError] * 3


def test_the_file_may_be_rotated_away_at_any_time(path):
    sink = JsonLinesSink(path)
    write(sink, *ALL[:2])
    path.rename(path.with_suffix(".1"))
    write(sink, *ALL[1:4])
    assert ids(path.with_suffix(".1")) == IDS[:2]
    assert ids(path) == IDS[2:4]


def test_what_is_remembered_has_a_bound(path, monkeypatch):
    monkeypatch.setattr(json_lines, "_REMEMBERED_MAX", 2)
    sink = JsonLinesSink(path)
    write(sink, *ALL[:4], ALL[3], ALL[0])
    assert ids(path) == [*IDS[:4], IDS[0]]
    assert len(sink._known) == 2


def test_of_a_long_file_only_the_end_is_looked_through(path, monkeypatch):
    write(JsonLinesSink(path), *ALL[:4])
    last = len(path.read_bytes().splitlines(keepends=True)[-1])
    monkeypatch.setattr(json_lines, "_TAIL_BYTES", last + 1)
    sink = JsonLinesSink(path)
    write(sink, ALL[3])
    assert list(sink._known) == [IDS[3]]
    write(sink, ALL[0])
    assert ids(path) == [*IDS[:4], IDS[0]]


def test_lines_can_be_cloud_events(path):
    write(JsonLinesSink(path, render=lambda each: cloud_event(each, merchant="shop")), ALL[0], ALL[0])
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["source"] == "/aegispay/merchants/shop"
