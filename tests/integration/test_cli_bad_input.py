"""Bad input of every kind: a clear message, the right exit code, nothing destroyed, no card number anywhere."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess

import pytest

from tests.integration.command import HEADER, aegispay, charge_counts, results, start, write_orders

CARD = "4242424242424242"
QUICK = ("--gateways", "alpha")


BAD_ROWS = [
    ("k,abc,USD,card,t", "amount", "use a number such as \"100.00\" (got 'abc')"),
    ("k,0.00,USD,card,t", "amount", "must be more than 0 (got '0.00')"),
    ("k,-1,USD,card,t", "amount", "must not be negative (got -1)"),
    ("k,nan,USD,card,t", "amount", "must be a finite number (got 'nan')"),
    ("k,1.001,USD,card,t", "amount", "USD has 2 decimals; write the exact amount, nothing is rounded (got 1.001)"),
    ("k,1.5,JPY,card,t", "amount", "JPY has 0 decimals; write the exact amount, nothing is rounded (got 1.5)"),
    ("k,1,XYZ,card,t", "currency", "use an ISO 4217 code such as USD, EUR or JPY (got 'XYZ')"),
    (f"{'k' * 256},1,USD,card,t", "idempotency_key", "must have at most 255 characters (got 256 characters)"),
    (",1,USD,card,t", "idempotency_key", "is missing"),
    ("k,1,USD,cheque,t", "method", "use one of card, upi, net_banking, wallet, pay_later (got 'cheque')"),
    ("k,1,USD,card,", "token", "is missing"),
    ("k\x00,1,USD,card,t", "idempotency_key", "must have no control characters (got 'k\\x00')"),
    ("k,1,USD,card", "token", "the row has 4 cells, the header has 5"),
    ("k,1,USD,card,t,x", "6", "the row has 6 cells, the header has 5"),
    ("k" * 1_100_000, "", "is longer than 1,048,576 bytes"),
    ('k,"1,USD,card,t', "", "is not CSV: a quoted cell does not end"),
]


@pytest.fixture(scope="module")
def bad_rows(tmp_path_factory):
    """One run over every bad row, with a good one after each."""
    where = tmp_path_factory.mktemp("bad_rows")
    rows = (f"{row}\ngood-{number},1.00,USD,card,tok_a\n" for number, (row, _, _) in enumerate(BAD_ROWS))
    done = aegispay(where, "run", "-", *QUICK, "--out", "out.jsonl", typed=HEADER + "".join(rows))
    return where, done


def test_bad_rows_are_reported_and_the_rest_go_on(bad_rows):
    where, done = bad_rows

    assert done.returncode == 1
    good = results(where / "out.jsonl")[1::2]
    assert [(row["idempotency_key"], row["state"]) for row in good] == [
        (f"good-{number}", "success") for number in range(len(BAD_ROWS))
    ]
    assert charge_counts(where) == {1: len(BAD_ROWS)}


@pytest.mark.parametrize("number", range(len(BAD_ROWS)), ids=[reason[:32] for _, _, reason in BAD_ROWS])
def test_a_bad_row_says_line_column_and_reason(bad_rows, number):
    where, done = bad_rows
    _, column, reason = BAD_ROWS[number]
    line = 2 + 2 * number

    assert results(where / "out.jsonl")[2 * number] == {"line": line, "error": {"column": column, "reason": reason}}
    place = f"line {line}, column {column}" if column else f"line {line}"
    assert f"rejected: {place}: {reason}" in done.stderr.splitlines()


def test_a_key_used_again_with_another_request_is_a_conflict_naming_what_differs(tmp_path):
    text = f"{HEADER}k,1.00,USD,card,tok_a\nk,1.00,USD,card,tok_a\nk,2.00,EUR,card,tok_a\n"

    done = aegispay(tmp_path, "run", "-", *QUICK, typed=text)

    assert done.returncode == 1
    assert "3 rows: 1 payments, 1 repeated, 1 rejected" in done.stdout
    assert "rejected: line 4: the idempotency key already belongs to pay_" in done.stderr
    assert done.stderr.splitlines()[0].endswith("whose request differs in: amount, currency")


def test_an_unknown_gateway_in_a_row_is_named_with_those_there_are(tmp_path):
    text = "idempotency_key,amount,currency,method,token,gateway\nk,1,USD,card,t,nope\n"

    done = aegispay(tmp_path, "run", "-", "--gateways", "alpha,beta", typed=text)

    assert done.returncode == 1
    assert "rejected: line 2: gateway: 'nope' is not registered; there are alpha, beta" in done.stderr


def test_metadata_too_large_or_too_deep_is_refused(tmp_path):
    order = {"amount": 1, "currency": "USD", "payment_method": {"type": "card", "token": "t"}}
    deep: object = 1
    for _ in range(50):
        deep = [deep]
    rows = [order | {"idempotency_key": "a", "metadata": {"x": "y" * 500_000}}]
    rows.append(order | {"idempotency_key": "b", "metadata": {"x": deep}})

    done = aegispay(tmp_path, "run", "-", "--jsonl", *QUICK, typed="\n".join(map(json.dumps, rows)))

    assert done.returncode == 1
    assert "rejected: line 1, column metadata" in done.stderr
    assert "rejected: line 2, column metadata" in done.stderr


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty; its first line must name the columns"),
        (bytes(range(128, 256)) * 50, "line 1 is not UTF-8: byte 1 cannot be decoded"),
        (HEADER.encode("utf-16"), "line 1 is UTF-16; save the file as UTF-8"),
        (b"a,b,c\n1,2,3\n", "column 'a' is not known"),
        (HEADER.encode().replace(b"token", b"amount"), "column 'amount' stands there twice"),
        (b"idempotency_key,amount,currency\n", "column 'method' is missing"),
        (HEADER.encode().replace(b",", b";"), "must be separated by commas"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_written(tmp_path, data, message):
    (tmp_path / "orders.csv").write_bytes(data)

    done = aegispay(tmp_path, "run", "orders.csv", *QUICK, "--out", "out.jsonl")

    assert done.returncode == 2
    assert done.stderr.startswith("aegispay: orders.csv: ")
    assert message in done.stderr
    assert os.listdir(tmp_path) == ["orders.csv"]


def test_a_card_number_in_any_column_of_a_csv_file_goes_nowhere(tmp_path):
    good = {
        "idempotency_key": "k",
        "amount": "1",
        "currency": "USD",
        "method": "card",
        "token": "t",
        "email": "a@b.example",
    }
    columns = [*good, "customer_name", "metadata.note", "merchant"]
    rows = [",".join({**dict.fromkeys(columns, ""), **good, column: CARD}.values()) for column in columns]
    text = "\n".join([",".join(columns), *rows])

    done = aegispay(tmp_path, "run", "-", *QUICK, "--out", "out.jsonl", typed=text)

    refused = "looks like card data and was refused; the value is not shown"
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("rejected")] == [
        f"rejected: line {line}, column {column}: {refused}" for line, column in enumerate(columns, start=2)
    ]
    assert_nowhere(tmp_path, done)


def test_card_data_anywhere_in_json_lines_goes_nowhere(tmp_path):
    card: dict[str, object] = {"type": "card", "token": "t"}
    changes: list[dict[str, object]] = [
        {"payment_method": {"type": "card", "token": CARD}},
        {"payment_method": {"type": "card", "number": CARD}},
        {"payment_method": card | {"cvv": "123"}},
        {"payment_method": card | {"brand": CARD}},
        {"customer": {"id": "c", "name": f"Ann {CARD}"}},
        {"metadata": {"a": [{"b": int(CARD)}]}},
        {"metadata": {CARD: 1}},
        {"idempotency_key": f"order {CARD}"},
        {"gateway": CARD},
        {"merchant": CARD},
        {CARD: CARD},
    ]
    order = {"idempotency_key": "k", "amount": 1, "currency": "USD", "payment_method": card}

    text = "\n".join(json.dumps(order | change) for change in changes)
    done = aegispay(tmp_path, "run", "-", "--jsonl", *QUICK, "--out", "o.jsonl", typed=text)

    assert done.returncode == 1
    assert done.stderr.count("looks like card data and was refused") == len(changes)
    assert_nowhere(tmp_path, done)


def test_a_card_number_on_the_command_line_is_refused_and_not_repeated(tmp_path):
    done = aegispay(tmp_path, "run", "-", *QUICK, "--merchant", CARD, typed=f"{HEADER}k,1,USD,card,t\n")

    assert done.returncode == 2
    assert_nowhere(tmp_path, done)


def assert_nowhere(where, done):
    assert CARD not in done.stdout + done.stderr
    for path in where.iterdir():
        assert CARD.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("orders.csv", "--gateways", "missing.toml"), "--gateways missing.toml: No such file or directory"),
        (("orders.csv", "--gateways", "Alpha"), "--gateways 'Alpha': name a .toml file, or names such as alpha,beta"),
        (("orders.csv", "--gateways", "a,a"), "--gateways: 'a' stands there twice"),
        (("missing.csv",), "missing.csv: No such file or directory"),
        ((".",), ".: Is a directory"),
        (("orders.csv", "--out", "."), "--out .: Is a directory"),
        (("orders.csv", "--out", "no/out.jsonl"), "--out no/out.jsonl: No such file or directory"),
        (("orders.csv", "--out", "orders.csv"), "FILE and --out are the same file, orders.csv"),
        (("orders.csv", "--ledger", "payments.db"), "--database and --ledger are the same file, payments.db"),
        (("orders.csv", "--ledger", "no/ledger"), "--ledger no/ledger: unable to open database file"),
        (("orders.csv", "--concurrency", "0"), "Invalid value for '--concurrency'"),
        (("orders.csv", "--routing", "best"), "Invalid value for '--routing'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_named_and_touches_nothing(tmp_path, given, message):
    before = write_orders(tmp_path, 3).read_bytes()

    done = aegispay(tmp_path, "run", *given)

    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert (tmp_path / "orders.csv").read_bytes() == before
    assert not (tmp_path / "payments.db").exists()


@pytest.mark.parametrize("command", [("run", "orders.csv"), ("payments",), ("show", "--key", "k"), ("verify",)])
def test_a_database_that_is_a_directory_cannot_be_used(tmp_path, command):
    write_orders(tmp_path, 3)
    (tmp_path / "folder").mkdir()

    done = aegispay(tmp_path, *command, "--database", "folder")

    assert done.returncode == 3
    assert "folder is a directory" in done.stderr or "folder does not exist or is no file" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["folder", "orders.csv"]


@pytest.mark.parametrize("command", [("payments",), ("show", "--key", "k"), ("verify",)])
def test_looking_at_a_database_that_is_not_there_does_not_make_one(tmp_path, command):
    done = aegispay(tmp_path, *command, "--database", "missing.db")

    assert done.returncode == 3
    assert "missing.db does not exist" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", [("run", "orders.csv"), ("payments",), ("show", "--key", "k"), ("verify",)])
def test_a_database_of_a_newer_aegispay_is_left_alone(tmp_path, command):
    write_orders(tmp_path, 3)
    aegispay(tmp_path, "run", "orders.csv")
    with sqlite3.connect(tmp_path / "payments.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()

    done = aegispay(tmp_path, *command)

    assert done.returncode == 3
    assert "payments.db has schema 99" in done.stderr
    assert "Upgrade AegisPay" in done.stderr


@pytest.mark.parametrize("command", [("run", "orders.csv"), ("payments",), ("show", "--key", "k"), ("verify",)])
def test_a_file_that_is_no_database_is_left_alone(tmp_path, command):
    write_orders(tmp_path, 3)
    (tmp_path / "payments.db").write_bytes(b"no database at all\n" * 500)

    done = aegispay(tmp_path, *command)

    assert done.returncode == 3
    assert "file is not a database" in done.stderr
    assert (tmp_path / "payments.db").read_bytes() == b"no database at all\n" * 500


def test_a_damaged_database_is_refused(tmp_path):
    write_orders(tmp_path, 50)
    aegispay(tmp_path, "run", "orders.csv")
    damaged = bytearray((tmp_path / "payments.db").read_bytes())
    damaged[8_192:40_960] = b"x" * 32_768
    (tmp_path / "payments.db").write_bytes(damaged)

    done = aegispay(tmp_path, "run", "orders.csv")

    assert done.returncode == 3
    assert "payments.db is damaged" in done.stderr


def test_a_database_that_another_run_has_open_names_its_holder(tmp_path):
    write_orders(tmp_path, 3)
    holder = start(tmp_path, "run", "-", *QUICK, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    holder.stdin.write(f"{HEADER}k,x,USD,card,t\n".encode())
    holder.stdin.flush()
    holder.stderr.readline()

    done = aegispay(tmp_path, "run", "orders.csv", *QUICK)
    looking = aegispay(tmp_path, "payments")
    holder.communicate(timeout=60)

    assert done.returncode == 3
    assert f"payments.db is open in another engine: process {holder.pid} on" in done.stderr
    assert looking.returncode == 0


def test_results_that_cannot_be_written_end_the_run_with_a_message(tmp_path):
    write_orders(tmp_path, 3)

    done = aegispay(tmp_path, "run", "orders.csv", *QUICK, "--out", "/dev/full")

    assert done.returncode == 2
    assert "--out /dev/full: No space left on device" in done.stderr


def test_a_summary_that_cannot_be_written_is_told(tmp_path):
    write_orders(tmp_path, 3)
    with open("/dev/full", "wb") as full:
        child = start(
            tmp_path, "run", "orders.csv", *QUICK, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE
        )
        _, err = child.communicate(timeout=60)

    assert child.returncode == 2
    assert err.decode().endswith("aegispay: standard output: No space left on device\n")


def test_a_rejected_row_that_is_expected_is_no_failure_and_its_absence_is(tmp_path):
    bad = f"{HEADER}k,x,USD,card,t\n"
    good = f"{HEADER}k,1,USD,card,t\n"

    assert aegispay(tmp_path, "run", "-", *QUICK, "--expect-rejected", typed=bad).returncode == 0
    assert aegispay(tmp_path, "run", "-", *QUICK, "--expect-rejected", typed=good).returncode == 1
