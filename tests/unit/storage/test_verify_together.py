"""What only a head kept elsewhere shows, and that any number of processes reports the same."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from aegispay.errors import ValidationError
from aegispay.storage import audit_processes
from aegispay.storage.verify import verify
from tests.unit.storage.test_verify import EVENTS, ONE, THREE, TWO, change, path, problems, rechain, sound

__all__ = ["path", "sound"]


def test_the_report_names_the_hash_of_the_last_event(path):
    with closing(sqlite3.connect(path)) as database:
        (digest,) = database.execute("SELECT hash FROM events WHERE position = ?", (EVENTS,)).fetchone()
    assert verify(path).head == digest.hex()


def test_the_head_of_an_earlier_check_is_found_in_a_log_that_went_on(path):
    with closing(sqlite3.connect(path)) as database:
        earlier = [row[0].hex() for row in database.execute("SELECT hash FROM events")]
    assert len(earlier) == EVENTS
    for head in (*earlier, earlier[0].upper()):
        assert verify(path, expect_head=head).problems == ()


def cut_off(path):
    """Take the last payment away, its row included, as somebody with write access can."""
    change(
        path,
        ("DELETE FROM events WHERE position = ?", EVENTS),
        ("DELETE FROM payments WHERE payment_id = ?", THREE),
    )


def test_a_tail_that_was_cut_off_with_its_rows_shows_only_by_a_head_that_was_kept_elsewhere(path):
    head = verify(path).head
    cut_off(path)
    assert problems(path) == []
    assert verify(path, expect_head=head).problems == (
        f"no event has the expected hash {head}: the log was cut back, or is another one",
    )


def test_a_log_that_was_written_anew_shows_only_by_a_head_that_was_kept_elsewhere(path):
    head = verify(path).head
    change(path, ("UPDATE events SET recorded_at = recorded_at + 1 WHERE position = 1",))
    rechain(path)
    assert problems(path) == []
    assert len(verify(path, expect_head=head).problems) == 1


@pytest.mark.parametrize("wrong", ["", "ab", "x" * 64, "0" * 63])
def test_a_head_that_is_no_hash_is_refused(path, wrong):
    with pytest.raises(ValidationError, match="expect_head: use the 64 hexadecimal digits"):
        verify(path, expect_head=wrong)


def test_a_row_of_the_table_with_text_that_is_no_utf_8_is_named_and_the_reading_goes_on(path):
    change(
        path,
        ("UPDATE payments SET merchant = CAST(x'ff' AS TEXT) WHERE payment_id = ?", ONE),
        ("UPDATE payments SET gateway = 'beta' WHERE payment_id = ?", TWO),
    )
    assert problems(path) == [
        f"{ONE}: the table says merchant = '\N{REPLACEMENT CHARACTER}', the events say 'default'",
        f"{TWO}: the table says gateway = 'beta', the events say 'alpha'",
    ]


@pytest.fixture
def shared(monkeypatch):
    """Let processes share even the shortest log."""
    monkeypatch.setattr(audit_processes, "PARALLEL_MIN", 0)


@pytest.mark.usefixtures("shared")
def test_several_processes_report_what_one_reports(path):
    change(
        path,
        ("UPDATE events SET data = 'x' WHERE position = 2",),
        ("DELETE FROM events WHERE position = 5",),
        ("UPDATE payments SET gateway = 'beta' WHERE payment_id = ?", THREE),
    )
    told = []
    alone = verify(path)
    together = verify(path, workers=3, progress=lambda read, total: told.append((read, total)))
    assert together == alone
    assert len(alone.problems) > 4
    assert told[-1] == (EVENTS - 1, EVENTS - 1)


def _end_without_a_word(_file, _share):
    os._exit(9)


@pytest.mark.usefixtures("shared")
def test_a_process_that_ends_without_a_word_costs_nothing_but_time(path, monkeypatch):
    monkeypatch.setattr(audit_processes, "_audit_share", _end_without_a_word)
    report = verify(path, workers=2)
    assert (report.events, report.payments, report.problems) == (EVENTS, 3, ())


@pytest.mark.usefixtures("shared")
def test_pages_of_rubbish_are_reported_alike_by_any_number_of_processes(path):
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 20] = b"\xa5" * (4096 * 18)
    path.write_bytes(bytes(content))
    assert verify(path, workers=2) == verify(path)
