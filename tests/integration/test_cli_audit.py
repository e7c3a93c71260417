"""`export`, `payments --stats`, `verify --expect-head`, `show --reference`: the commands of auditors."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import stat
from collections import Counter

import jsonschema
import pytest

from aegispay.cli.inspect import usable_cores
from aegispay.export_format import json_schema
from tests.integration.command import HEADER, aegispay, results, write_orders


@pytest.fixture(scope="module")
def paid(tmp_path_factory):
    where = tmp_path_factory.mktemp("paid")
    write_orders(where, 30)
    assert aegispay(where, "run", "orders.csv", "--gateways", "alpha,beta", "--out", "out.jsonl").returncode == 0
    return where


def test_an_export_goes_to_standard_output_as_published_and_can_be_checked(paid):
    done = aegispay(paid, "export", "--key", "order-0")

    document = json.loads(done.stdout)
    assert done.returncode == 0
    jsonschema.validate(document, json_schema())
    for event in document["events"]:
        fields = [event[name] for name in ("version", "type", "schema_version", "recorded_at_us")]
        head = "|".join(map(str, [event["position"], document["payment"]["id"], *fields, ""]))
        link = bytes.fromhex(event["previous_hash"]) + head.encode() + event["data"].encode()
        assert hashlib.sha256(link).hexdigest() == event["hash"]


def test_an_export_by_id_into_a_file_is_for_its_owner_only_and_replaces_nothing(paid, tmp_path):
    payment_id = results(paid / "out.jsonl")[0]["payment_id"]
    to = tmp_path / "dispute.json"

    first = aegispay(paid, "export", payment_id, "--out", str(to))
    content = to.read_bytes()
    again = aegispay(paid, "export", payment_id, "--out", str(to))

    assert (first.returncode, first.stdout, first.stderr) == (0, "", f"4 events of {payment_id}\n")
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert json.loads(content)["payment"]["id"] == payment_id
    assert again.returncode == 2
    assert "exists; name a new file" in again.stderr
    assert to.read_bytes() == content


def test_personal_data_is_exported_only_with_the_option(tmp_path):
    text = f"{HEADER.strip()},customer_id,email\nk,1.00,USD,card,tok_a,cust-1,ada@example.org\n"
    assert aegispay(tmp_path, "run", "-", typed=text).returncode == 0

    without = aegispay(tmp_path, "export", "--key", "k").stdout
    whole = aegispay(tmp_path, "export", "--key", "k", "--personal").stdout

    assert "ada@example.org" not in without
    assert json.loads(whole)["personal"]["customer"]["email"] == "ada@example.org"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--key", "no-such-key"), "there is no payment with the key 'no-such-key'"),
        (("pay_0",), "there is no payment pay_0"),
        ((), "name the payment by its id or by --key"),
        (("pay_0", "--key", "k"), "name the payment by its id or by --key"),
        (("--key", "order-0", "--out", "missing/x.json"), "--out missing/x.json: No such file"),
        (("--key", "order-0", "--out", "payments.db"), "--out payments.db exists"),
    ],
)
def test_an_export_that_cannot_be_made_says_why(paid, given, message):
    done = aegispay(paid, "export", *given)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_statistics_say_what_the_results_say(paid):
    done = aegispay(paid, "payments", "--stats", "--by", "gateway,state", "--json")

    counted = {(row["gateway"], row["state"]): row for row in map(json.loads, done.stdout.splitlines())}
    said = results(paid / "out.jsonl")
    assert {key: row["payments"] for key, row in counted.items()} == Counter((r["gateway"], r["state"]) for r in said)
    captured = sum(round(float(r["amount"]) * 100) for r in said if r["state"] == "success")
    assert sum(row["captured_minor"] for row in counted.values()) == captured
    assert {row["currency"] for row in counted.values()} == {"USD"}


def test_the_table_of_statistics_fits_a_terminal_and_says_hours(paid):
    done = aegispay(paid, "payments", "--stats", "--by", "state,hour")

    assert max(map(len, done.stdout.splitlines())) <= 80
    assert re.search(r"^success +\d{4}-\d\d-\d\d \d\dh +\d+ +100\.0% +0 +\d+\.00 +0\.00  USD$", done.stdout, re.M)
    assert re.search(r"^failure +\S+ \d\dh +\d +0\.0% ", done.stdout, re.M)


def test_statistics_and_lists_keep_to_a_period(paid):
    for options in (("--json", "--limit", "1000"), ("--stats", "--json")):
        assert aegispay(paid, "payments", *options, "--created-before", "2020-01-01").stdout == ""
        assert aegispay(paid, "payments", *options, "--created-after", "2020-01-01T00:00+02:00").stdout != ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--stats", "--by", "gatway"), "--by: 'gatway' is not known; use some of merchant, state, gateway"),
        (("--stats", "--by", "state,state"), "by: name each of them once"),
        (("--stats", "--parked"), "--parked is for lists"),
        (("--created-after", "yesterday"), "--created-after: write 2026-03-01 or 2026-03-01T12:00, not 'yesterday'"),
    ],
)
def test_a_count_that_makes_no_sense_is_refused(paid, given, message):
    done = aegispay(paid, "payments", *given)

    assert done.returncode == 2
    assert message in done.stderr


def test_the_head_of_a_check_is_found_again_and_a_log_that_was_cut_back_is_told(tmp_path):
    write_orders(tmp_path, 3)
    aegispay(tmp_path, "run", "orders.csv")
    head = re.search(r"^head ([0-9a-f]{64})$", aegispay(tmp_path, "verify").stdout, re.M).group(1)

    kept = aegispay(tmp_path, "verify", "--expect-head", head)
    with sqlite3.connect(tmp_path / "payments.db") as database:
        last = "(SELECT payment_id FROM events ORDER BY position DESC LIMIT 1)"
        database.execute(f"DELETE FROM payments WHERE payment_id = {last}")
        database.execute(f"DELETE FROM events WHERE payment_id = {last}")
    database.close()
    cut = aegispay(tmp_path, "verify", "--expect-head", head)

    assert kept.returncode == 0
    assert cut.returncode == 1
    assert f"problem: no event has the expected hash {head}: the log was cut back, or is another one" in cut.stdout


def test_a_head_that_is_none_is_refused(paid):
    done = aegispay(paid, "verify", "--expect-head", "abc")

    assert done.returncode == 2
    assert "use the 64 hexadecimal digits" in done.stderr


def test_the_number_of_processes_changes_nothing_in_the_report(paid):
    assert aegispay(paid, "verify", "--workers", "2").stdout == aegispay(paid, "verify", "--workers", "1").stdout
    assert usable_cores() >= 1


def test_s154_a_payment_is_shown_by_what_a_gateway_calls_it_and_by_the_key_a_gateway_saw(paid):
    story = aegispay(paid, "show", "--key", "order-0").stdout
    reference = re.search(r"calls it (\S+)", story).group(1)
    outbound = re.search(r"the gateway sees key\s+(\S+)", story).group(1)

    for mention in (reference, outbound):
        done = aegispay(paid, "show", "--reference", mention)
        assert (done.returncode, done.stdout) == (0, story)


@pytest.mark.parametrize(
    ("mention", "message"),
    [
        ("no_such_reference", "no event mentions 'no_such_reference'"),
        ("ab", "--reference: name at least 3 characters"),
        ("alpha", "several payments mention 'alpha': pay_"),
        ("4111111111111111", "--reference"),
    ],
)
def test_a_mention_that_names_no_single_payment_says_so(paid, mention, message):
    done = aegispay(paid, "show", "--reference", mention)

    assert done.returncode == 2
    assert message in done.stderr
    assert "4111" not in done.stderr


def test_s154_a_payment_is_shown_by_the_id_of_its_trace(paid, tmp_path):
    trace = "0af7651916cd43dd8448eb211c80319c"
    with sqlite3.connect(paid / "payments.db") as source, sqlite3.connect(tmp_path / "payments.db") as database:
        source.backup(database)
        story = aegispay(paid, "show", "--key", "order-3").stdout
        payment_id = re.search(r"payment +(\S+)", story).group(1)
        value = f"00-{trace}-b7ad6b7169203331-01"
        change = "UPDATE events SET data = json_set(data, '$.trace', ?) WHERE payment_id = ? AND version = 1"
        database.execute(change, (value, payment_id))
    source.close()
    database.close()

    assert aegispay(tmp_path, "show", "--reference", trace).stdout == story
