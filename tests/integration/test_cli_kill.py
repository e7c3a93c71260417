"""Killed at any moment and run again, the command completes, with one charge per payment."""

from __future__ import annotations

import random
import signal
import subprocess

import pytest

from tests.integration.command import HEADER, aegispay, charge_counts, results, start, write_gateways, write_orders

ORDERS = 300
DECLINED = ORDERS // 10
RESULT_BYTES = 60_000
"""A little less than the results of all orders, so that reading so many of them ends before the run does."""


def run_until(where, signal_number, *, bytes_read):
    """Start a run, wait until so many bytes of results are out, and send the signal."""
    child = start(
        where,
        *("run", "orders.csv", "--gateways", "gateways.toml", "--concurrency", "20", "--out", "/dev/stdout"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    read = b""
    while len(read) < bytes_read and (block := child.stdout.read(bytes_read - len(read))):
        read += block
    child.send_signal(signal_number)
    rest, err = child.communicate(timeout=120)
    return child.returncode, read + rest, err.decode()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_random_moments_and_run_again_it_charges_every_payment_once(tmp_path, seed):
    rng = random.Random(seed)
    write_orders(tmp_path, ORDERS)
    write_gateways(tmp_path, latency_ms=(1, 60))

    moments = sorted(rng.randrange(1, RESULT_BYTES) for _ in range(4))
    codes = [run_until(tmp_path, signal.SIGKILL, bytes_read=moment)[0] for moment in moments]
    done = aegispay(tmp_path, "run", "orders.csv", "--gateways", "gateways.toml", "--out", "out.jsonl")

    context = f"seed {seed}, killed after {moments} bytes of results"
    assert codes == [-signal.SIGKILL] * 4, context
    assert done.returncode == 0, context
    assert charge_counts(tmp_path) == {1: ORDERS - DECLINED}, context
    states = [row["state"] for row in results(tmp_path / "out.jsonl")]
    assert (states.count("success"), states.count("failure")) == (ORDERS - DECLINED, DECLINED), context
    assert "no problems" in aegispay(tmp_path, "verify").stdout, context


def test_what_a_killed_run_had_answered_stays_so(tmp_path):
    write_orders(tmp_path, ORDERS)
    write_gateways(tmp_path, latency_ms=(1, 40))

    _, answered, _ = run_until(tmp_path, signal.SIGKILL, bytes_read=30_000)
    aegispay(tmp_path, "run", "orders.csv", "--gateways", "gateways.toml", "--out", "out.jsonl")

    whole_lines = answered[: answered.rindex(b"\n") + 1]
    assert whole_lines.count(b"\n") > 50
    assert (tmp_path / "out.jsonl").read_bytes().startswith(whole_lines)


def test_after_ctrl_c_it_ends_in_order_and_the_next_run_resumes(tmp_path):
    header, *orders = write_orders(tmp_path, ORDERS).read_text().splitlines()
    # A bad row has its answer at once, but is no result before the rows above it have theirs.
    rows = [row for order in orders for row in (order, "no order")]
    (tmp_path / "orders.csv").write_text("\n".join([header, *rows]))
    write_gateways(tmp_path, latency_ms=(1, 60))

    code, answered, err = run_until(tmp_path, signal.SIGINT, bytes_read=10_000)
    done = aegispay(tmp_path, "run", "orders.csv", "--gateways", "gateways.toml", "--out", "out.jsonl")

    assert code == 130
    assert "interrupted; running the file again resumes" in err
    assert "Traceback" not in err
    partial = [line for line in answered.decode().splitlines() if line.startswith("{")]
    assert 0 < len(partial) < 2 * ORDERS
    assert (tmp_path / "out.jsonl").read_text().splitlines()[: len(partial)] == partial
    assert done.returncode == 1
    assert charge_counts(tmp_path) == {1: ORDERS - DECLINED}
    assert "no problems" in aegispay(tmp_path, "verify").stdout


def test_ctrl_c_while_a_pipe_is_silent_ends_at_once(tmp_path):
    child = start(
        tmp_path,
        *("run", "-", "--gateways", "alpha"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    child.stdin.write(f"{HEADER}k,nonsense,USD,card,t\n".encode())
    child.stdin.flush()
    child.stderr.readline()

    child.send_signal(signal.SIGINT)

    code = child.wait(timeout=60)
    for stream in (child.stdin, child.stdout, child.stderr):
        stream.close()
    assert code == 130


def test_a_second_ctrl_c_ends_it_although_a_gateway_hangs(tmp_path):
    orders = f"{HEADER}bad,x,USD,card,t\nk1,1.00,USD,card,tok_hang_after_charge\n"
    child = start(
        tmp_path,
        *("run", "-", "--gateways", "alpha"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    child.stdin.write(orders.encode())
    child.stdin.flush()
    child.stderr.readline()

    child.send_signal(signal.SIGINT)
    first = child.stderr.readline()
    child.send_signal(signal.SIGINT)
    code = child.wait(timeout=20)
    for stream in (child.stdin, child.stdout, child.stderr):
        stream.close()

    assert first == b"interrupted: payments at work are finished; Ctrl-C again stops at once\n"
    assert code == 130
    (tmp_path / "gateways.toml").write_text('[[gateway]]\nname = "alpha"\ntimeout_s = 0.2\n')
    done = aegispay(tmp_path, "run", "-", "--gateways", "gateways.toml", "--out", "out.jsonl", typed=orders)
    assert done.returncode == 1
    assert results(tmp_path / "out.jsonl")[1]["state"] == "success"
    assert charge_counts(tmp_path) == {1: 1}
