"""`aegispay top` beside an engine in another process: what it sees, and what it says when there is none."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aegispay.domain.ids import is_payment_id
from aegispay.status.file import status_path
from tests.integration.command import TIMEOUT_S, aegispay, arguments, environment, start

ROOT = Path(__file__).parents[2]
LOOKS_MAX = 60


class Engine:
    """An engine in another process."""

    def __init__(self, where, interval_s=0.05, name="order"):
        self.database = where / "payments.db"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.top_child", str(self.database), str(interval_s), name],
            cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout.readline() == "open\n"

    def pay(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "paid\n"

    def close(self):
        self.process.stdin.close()
        assert self.process.stdout.readline() == "closed\n"
        assert self.process.wait(TIMEOUT_S) == 0
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait(TIMEOUT_S)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def begin(tmp_path):
    made = []

    def begin(**options):
        made.append(Engine(tmp_path, **options))
        return made[-1]

    yield begin
    for engine in made:
        if engine.process.poll() is None:
            engine.kill()


def look(where):
    done = aegispay(where, "top", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def look_until(where, is_seen):
    """Look until it is seen; what cannot be seen after so many looks never comes."""
    for _ in range(LOOKS_MAX):
        found = look(where)
        if is_seen(found):
            return found
    raise AssertionError(found)


def test_it_sees_the_payments_gateways_and_subscribers_of_a_running_engine(begin, tmp_path):
    engine = begin()
    engine.pay(100)
    look_until(tmp_path, lambda seen: seen["events"] == 400 and not seen["subscribers"][0]["lag_events"])
    found = look_until(tmp_path, lambda seen: seen["status"] and seen["status"]["subscribers"][0]["delivered"] == 400)
    status = found["status"]
    assert (found["engine"], status["pid"], status["epoch"]) == ("running", engine.process.pid, 1)
    assert (found["states"]["success"], found["events"], found["in_doubt"]) == (100, 400, 0)
    assert status["payments"]["initiated"] == status["payments"]["success"] == 100
    assert {each["name"]: (each["breaker"], each["health"] > 0.9) for each in status["gateways"]} == {
        "alpha": ("closed", True), "beta": ("closed", True),
    }  # fmt: skip
    assert sum(each["calls"] for each in status["gateways"]) == 100
    (mailer,) = found["subscribers"]
    assert (mailer["name"], mailer["state"], mailer["lag_events"], mailer["dead"]) == ("mailer", "running", 0, 0)
    assert status["actors"]["restarts"] == {}
    assert status["lately"]["seconds"] > 0


def test_a_frame_beside_a_running_engine_fits_80_columns_and_says_who_runs(begin, tmp_path):
    engine = begin()
    engine.pay(20)
    look_until(tmp_path, lambda seen: seen["status"] and seen["status"]["lately"] is not None)
    done = aegispay(tmp_path, "top", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert re.match(rf"engine +process {engine.process.pid} on \S+, up \d+ s$", lines[2].rstrip())
    assert [line.split()[0] for line in lines if line.startswith(("alpha", "beta", "mailer"))] == [
        "alpha", "beta", "mailer",
    ]  # fmt: skip
    assert "success 20" in done.stdout


def test_the_status_file_names_nobody_and_goes_with_a_clean_close(begin, tmp_path):
    engine = begin()
    engine.pay(20)
    look_until(tmp_path, lambda seen: seen["status"] and seen["status"]["payments"].get("success") == 20)
    text = status_path(engine.database).read_text()
    assert [word for word in re.findall(r"\w+", text) if is_payment_id(word)] == []
    assert [word for word in ("cust-1", "someone", "order-", "tok_", "default") if word in text] == []
    engine.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payments.db", "payments.db.lock"]
    found = look(tmp_path)
    assert (found["engine"], found["status"], found["states"]["success"]) == ("none", None, 20)
    assert found["subscribers"][0]["state"] == "-"


def test_after_a_kill_it_says_that_the_engine_is_gone_and_shows_what_the_file_knows(begin, tmp_path):
    engine = begin()
    engine.pay(20)
    look_until(tmp_path, lambda seen: seen["engine"] == "running")
    engine.kill()
    found = look_until(tmp_path, lambda seen: seen["engine"] != "running")
    assert (found["engine"], found["status"]) == ("silent", None)
    assert f"process {engine.process.pid} on " in found["detail"]
    assert (found["states"]["success"], found["events"]) == (20, 80)
    assert status_path(engine.database).exists()

    later = begin(name="later")
    later.pay(5)
    found = look_until(tmp_path, lambda seen: seen["engine"] == "running")
    assert (found["status"]["pid"], found["status"]["epoch"]) == (later.process.pid, 2)


def test_the_picture_of_a_killed_engine_is_not_taken_for_that_of_the_next_one(begin, tmp_path):
    engine = begin(interval_s=3_600)
    look_until(tmp_path, lambda seen: seen["engine"] == "running")
    engine.kill()
    begin(interval_s=0)
    found = look(tmp_path)
    assert (found["engine"], found["status"]) == ("superseded", None)
    assert f"process {engine.process.pid} on " in found["detail"]


def test_an_engine_that_was_told_to_writes_no_status(begin, tmp_path):
    engine = begin(interval_s=0)
    engine.pay(3)
    assert not status_path(engine.database).exists()
    assert look(tmp_path)["detail"] == "no engine runs, or one whose status_interval_s is 0"


def test_without_a_terminal_frames_follow_each_other_until_ctrl_c(begin, tmp_path):
    engine = begin()
    with start(tmp_path, "top", "--interval-s", "0.1", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        frames = iter(process.stdout.readline, b"")
        assert next(frames).startswith(b"aegispay top  payments.db ")
        engine.pay(30)
        seen = next(line for line in frames if b"success 30" in line)
        engine.kill()
        gone = next(line for line in frames if b"no engine runs: process" in line)
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert said == b""
    assert b"\x1b" not in seen + gone + rest


def test_it_ends_quietly_when_its_reader_goes(begin, tmp_path):
    begin()
    with start(tmp_path, "top", "--interval-s", "0.1", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(TIMEOUT_S) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal_the_picture_is_renewed_in_place_and_ctrl_c_leaves_the_screen_as_it_was(begin, tmp_path):
    import fcntl
    import pty
    import struct
    import termios

    engine = begin()
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    terminal = {name: value for name, value in environment().items() if name != "COLUMNS"} | {"TERM": "xterm"}
    process = subprocess.Popen(
        arguments("top", "--interval-s", "0.1"), cwd=tmp_path, env=terminal,
        stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"engine" not in shown:
        shown += os.read(ours, 65_536)
    engine.pay(30)
    while b"success 30" not in shown:
        shown += os.read(ours, 65_536)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the end, where the other side has closed it
        while block := os.read(ours, 65_536):
            shown += block
    os.close(ours)
    assert process.wait(TIMEOUT_S) == 130
    assert process.stderr.read() == b""
    process.stderr.close()
    assert shown.index(b"\x1b[?1049h") < shown.index(b"engine") < shown.index(b"\x1b[?1049l")
    assert shown.rindex(b"\x1b[?25h") > shown.index(b"\x1b[?25l")


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--database", "none.db"), 3, "none.db does not exist or is no file"),
        (("--database", "notes.txt"), 3, "notes.txt"),
        (("--interval-s", "0"), 2, "--interval-s"),
        (("--interval-s", "nan"), 2, "--interval-s"),
    ],
)
def test_bad_input_is_refused_in_words_and_nothing_is_made(tmp_path, given, code, said):
    (tmp_path / "notes.txt").write_text("no database " * 100)
    done = aegispay(tmp_path, "top", "--once", *given)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
