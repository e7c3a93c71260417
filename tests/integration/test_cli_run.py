"""`aegispay run` on good files: paid once, however often it is run and however the file comes in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.command import (
    HEADER,
    aegispay,
    charge_counts,
    results,
    start,
    write_orders,
)

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = ("--gateways", "alpha,beta")


def test_a_file_is_paid_and_summed_up(tmp_path):
    write_orders(tmp_path, 20)

    done = aegispay(tmp_path, "run", "orders.csv", *QUICK, "--out", "out.jsonl")

    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert "20 rows: 20 payments, 0 repeated, 0 rejected" in done.stdout
    assert ["failure", "2"] in lines
    assert ["success", "18"] in lines
    assert ["do_not_honor", "2"] in lines
    assert ["USD", "20", "18", "180.00", "USD"] in lines
    assert charge_counts(tmp_path) == {1: 18}


def test_there_is_one_result_per_row_in_the_order_of_the_rows(tmp_path):
    write_orders(tmp_path, 30)

    aegispay(tmp_path, "run", "orders.csv", *QUICK, "--out", "out.jsonl")

    found = results(tmp_path / "out.jsonl")
    assert [(row["line"], row["idempotency_key"]) for row in found] == [(n + 2, f"order-{n}") for n in range(30)]


def test_running_a_file_again_charges_nothing_and_says_the_same(tmp_path):
    write_orders(tmp_path, 50)

    first = aegispay(tmp_path, "run", "orders.csv", *QUICK, "--out", "first.jsonl")
    books = (tmp_path / "payments.db.providers").read_bytes()
    second = aegispay(tmp_path, "run", "orders.csv", *QUICK, "--out", "second.jsonl")

    assert second.stdout == first.stdout
    assert (tmp_path / "second.jsonl").read_bytes() == (tmp_path / "first.jsonl").read_bytes()
    assert (tmp_path / "payments.db.providers").read_bytes() == books
    assert charge_counts(tmp_path) == {1: 45}


def test_standard_input_is_a_file_too(tmp_path):
    text = write_orders(tmp_path, 20).read_text()

    from_file = aegispay(tmp_path, "run", "orders.csv", *QUICK)
    from_pipe = aegispay(tmp_path, "run", "-", *QUICK, typed=text)

    assert from_pipe.returncode == 0
    assert from_pipe.stdout == from_file.stdout


def test_a_named_pipe_is_read_once_from_its_beginning(tmp_path):
    write_orders(tmp_path, 2_000)

    script = 'exec "$0" -m aegispay.cli run <(cat orders.csv) --gateways alpha'
    command = ["bash", "-c", script, sys.executable]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)

    assert done.returncode == 0
    assert b"2000 rows: 2000 payments, 0 repeated, 0 rejected" in done.stdout


def test_results_of_a_slow_pipe_come_as_they_are_known(tmp_path):
    child = start(
        tmp_path,
        *("run", "-", *QUICK, "--out", "out.jsonl", "--concurrency", "1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    child.stdin.write(f"{HEADER}k1,1.00,USD,card,tok_a\nk2,nonsense,USD,card,tok_a\n".encode())
    child.stdin.flush()

    first = child.stderr.readline()
    child.stdin.write(b"k3,1.00,USD,card,tok_a\n")
    out, _ = child.communicate(timeout=120)

    assert first == b"rejected: line 3, column amount: use a number such as \"100.00\" (got 'nonsense')\n"
    assert b"3 rows: 2 payments, 0 repeated, 1 rejected" in out


def test_json_lines_are_paid_like_csv(tmp_path):
    order = {
        "idempotency_key": "k1",
        "amount": 12.30,
        "currency": "USD",
        "payment_method": {"type": "upi", "vpa": "ann@bank"},
        "metadata": {"basket": ["a", 1]},
    }
    (tmp_path / "orders.jsonl").write_text(f"{json.dumps(order)}\n")

    by_name = aegispay(tmp_path, "run", "orders.jsonl", *QUICK)
    by_option = aegispay(tmp_path, "run", "-", "--jsonl", *QUICK, typed=json.dumps(order))

    assert (by_name.returncode, by_option.returncode) == (0, 0)
    assert "12.30 USD" in by_name.stdout
    assert by_option.stdout == by_name.stdout


@pytest.mark.parametrize("encoded", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n")], ids=["mark", "crlf"])
def test_a_file_from_a_spreadsheet_is_read(tmp_path, encoded):
    text = encoded(f"{HEADER}k1,1.00,USD,card,tok_a\n")

    assert aegispay(tmp_path, "run", "-", *QUICK, typed=text).returncode == 0


def test_a_file_of_a_header_only_is_done_at_once(tmp_path):
    done = aegispay(tmp_path, "run", "-", *QUICK, typed=HEADER)

    assert (done.returncode, done.stdout) == (0, "0 rows: 0 payments, 0 repeated, 0 rejected\n")


def test_every_merchant_has_keys_of_its_own(tmp_path):
    text = f"{HEADER}k1,1.00,USD,card,tok_a\n"

    aegispay(tmp_path, "run", "-", *QUICK, "--merchant", "ann", typed=text)
    aegispay(tmp_path, "run", "-", *QUICK, "--merchant", "bob", typed=text)

    assert charge_counts(tmp_path) == {1: 2}


def test_an_outcome_in_doubt_is_resolved_before_the_summary(tmp_path):
    text = f"{HEADER}k1,1.00,USD,card,tok_error_after_charge\nk2,1.00,USD,card,tok_garbage_after_charge\n"

    done = aegispay(tmp_path, "run", "-", *QUICK, "--out", "out.jsonl", typed=text)

    assert done.returncode == 0
    assert [row["state"] for row in results(tmp_path / "out.jsonl")] == ["success", "success"]
    assert charge_counts(tmp_path) == {1: 2}


def test_an_outcome_still_in_doubt_is_told_and_is_no_failure(tmp_path):
    text = f"{HEADER}k1,1.00,USD,card,tok_error_after_charge\n"

    done = aegispay(tmp_path, "run", "-", *QUICK, "--settle-s", "0", typed=text)

    assert done.returncode == 0
    assert "payments still in doubt: 1; running the file again goes on asking" in done.stderr
    again = aegispay(tmp_path, "run", "-", *QUICK, typed=text)
    assert ["success", "1"] in [line.split() for line in again.stdout.splitlines()]
    assert charge_counts(tmp_path) == {1: 1}


def test_a_reader_that_goes_away_changes_no_exit_code(tmp_path):
    write_orders(tmp_path, 3)
    child = start(
        tmp_path, "run", "orders.csv", *QUICK, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    child.stdout.close()

    _, err = child.communicate(timeout=120)

    assert child.returncode == 0
    assert b"Traceback" not in err
    assert charge_counts(tmp_path) == {1: 3}


def test_the_example_orders_show_everything_at_once(tmp_path):
    gateways = tmp_path / "gateways.toml"
    quick = (EXAMPLES / "gateways.toml").read_text().replace("latency_ms", "# latency_ms")
    gateways.write_text(quick)

    done = aegispay(
        tmp_path,
        *("run", str(EXAMPLES / "orders.csv"), "--gateways", "gateways.toml", "--out", "out.jsonl"),
        *("--expect-rejected", "--concurrency", "20"),
    )

    assert done.returncode == 0
    assert "1200 rows: 1170 payments, 15 repeated, 15 rejected" in done.stdout
    assert "gateway aurora: breaker open, new payments go elsewhere" in done.stderr
    assert sum("whose request differs in: amount" in line for line in done.stderr.splitlines()) == 3
    assert {row["currency"] for row in results(tmp_path / "out.jsonl") if "error" not in row} >= {"JPY", "KWD", "USD"}
    assert set(charge_counts(tmp_path)) == {1}
    assert "no problems" in aegispay(tmp_path, "verify").stdout


def test_the_example_orders_are_what_their_script_writes():
    made = subprocess.run(
        [sys.executable, str(EXAMPLES / "make_orders.py")],
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert made.stdout == (EXAMPLES / "orders.csv").read_bytes()
