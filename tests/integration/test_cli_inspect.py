"""`payments`, `show`, `verify`, `states`: what they print, and that docs/cli.md says so."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
import typer.main

from aegispay.cli.app import app
from tests.integration.command import HEADER, aegispay, write_orders

DOCS = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands


@pytest.fixture(scope="module")
def paid(tmp_path_factory):
    where = tmp_path_factory.mktemp("paid")
    write_orders(where, 30)
    assert aegispay(where, "run", "orders.csv", "--gateways", "alpha", "--out", "out.jsonl").returncode == 0
    return where


def test_payments_are_listed_newest_first_and_page_by_page(paid):
    first = aegispay(paid, "payments", "--limit", "20", "--json").stdout.splitlines()
    table = aegispay(paid, "payments", "--limit", "20").stdout
    cursor = re.search(r"more: --after (\S+)", table).group(1)
    second = aegispay(paid, "payments", "--limit", "20", "--after", cursor, "--json").stdout.splitlines()

    times = [json.loads(line)["created_at"] for line in first + second]
    assert (len(first), len(second)) == (20, 10)
    assert times == sorted(times, reverse=True)
    assert len({json.loads(line)["payment_id"] for line in first + second}) == 30


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (("--state", "failure"), 3),
        (("--state", "success"), 27),
        (("--currency", "USD"), 30),
        (("--currency", "EUR"), 0),
        (("--gateway", "alpha"), 30),
        (("--gateway", "beta"), 0),
        (("--customer", "nobody"), 0),
        (("--in-doubt",), 0),
    ],
)
def test_payments_can_be_filtered(paid, filters, count):
    done = aegispay(paid, "payments", "--json", "--limit", "1000", *filters)

    assert len(done.stdout.splitlines()) == count


def test_the_table_of_payments_fits_a_terminal(paid):
    done = aegispay(paid, "payments")

    assert max(map(len, done.stdout.splitlines())) <= 80
    assert re.search(
        r"^pay_\w{26} +success +30\.00 USD +alpha$|pay_\w{26} +failure +30\.00 USD +alpha", done.stdout, re.M
    )


def test_a_cursor_that_is_none_is_refused(paid):
    done = aegispay(paid, "payments", "--after", "nonsense")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_show_tells_the_whole_story_by_key_and_by_id(paid):
    by_key = aegispay(paid, "show", "--key", "order-0")
    payment_id = json.loads((paid / "out.jsonl").read_text().splitlines()[0])["payment_id"]
    by_id = aegispay(paid, "show", payment_id)

    assert by_key.returncode == 0
    assert by_id.stdout == by_key.stdout
    types = re.findall(r"^ +\+\d+\.\d{3} s  (payment\.\w+)$", by_key.stdout, re.M)
    assert types == ["payment.initiated", "payment.authenticated", "payment.processing", "payment.succeeded"]
    assert "why: alpha by highest success rate" in by_key.stdout
    assert "1.00 USD captured by alpha, attempt 1 after 0." in by_key.stdout
    assert max(map(len, by_key.stdout.splitlines())) <= 80
    assert all(line == line.rstrip() for line in by_key.stdout.splitlines())


def test_show_says_why_a_payment_failed(paid):
    done = aegispay(paid, "show", "--key", "order-9")

    assert "attempt 1 at alpha was declined (hard)" in done.stdout
    assert "the payment failed: do not honor (alpha); no money moved" in done.stdout


def test_show_names_every_gateway_of_a_payment_that_failed_over(tmp_path):
    (tmp_path / "gateways.toml").write_text(
        '[[gateway]]\nname = "alpha"\ndown_after_calls = 0\n[[gateway]]\nname = "beta"\n'
    )
    text = f"{HEADER}k,1.00,USD,card,tok_a\n"
    aegispay(tmp_path, "run", "-", "--gateways", "gateways.toml", typed=text)

    words = " ".join(aegispay(tmp_path, "show", "--key", "k").stdout.split())

    assert "gateways alpha → beta (2 attempts)" in words
    assert "not sent (alpha: connection refused); nothing was charged" in words
    assert "why: beta by highest success rate" in words
    assert "alpha: not eligible, already tried" in words


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--key", "no-such-key"), "there is no payment with the key 'no-such-key'"),
        (("pay_0",), "there is no payment pay_0"),
        ((), "name the payment by its id, by --key or by --reference"),
        (("pay_0", "--key", "k"), "name the payment by its id, by --key or by --reference"),
    ],
)
def test_show_without_a_payment_says_so(paid, given, message):
    done = aegispay(paid, "show", *given)

    assert done.returncode == 2
    assert message in done.stderr


def test_verify_finds_nothing_wrong_with_an_untouched_database(paid):
    done = aegispay(paid, "verify")

    assert done.returncode == 0
    assert re.fullmatch(r"123 events of 30 payments: no problems\nhead [0-9a-f]{64}\n", done.stdout)


def test_verify_names_what_somebody_changed(tmp_path):
    write_orders(tmp_path, 3)
    aegispay(tmp_path, "run", "orders.csv")
    with sqlite3.connect(tmp_path / "payments.db") as database:
        database.execute("UPDATE events SET data = replace(data, '200', '900') WHERE position = 1 OR data LIKE '%200%'")
    database.close()

    done = aegispay(tmp_path, "verify")

    assert done.returncode == 1
    assert re.search(r"^problem: event \d+ \(.*does not match its hash", done.stdout, re.M)
    assert re.search(r"of 3 payments: \d+ problems?$", done.stdout, re.M)


@pytest.mark.parametrize(("form", "start"), [("text", "INITIATED"), ("mermaid", "stateDiagram"), ("dot", "digraph")])
def test_the_state_machine_is_drawn_in_three_forms(tmp_path, form, start):
    done = aegispay(tmp_path, "states", "--format", form)

    assert done.returncode == 0
    assert done.stdout.startswith(start)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_explains_every_command(tmp_path, command):
    done = aegispay(tmp_path, command, "--help")

    assert done.returncode == 0
    for parameter in COMMANDS[command].params:
        assert parameter.help or parameter.name == "help", parameter.name


def options_of(command) -> set[str]:
    """Return the options of a command, or of all commands of a group."""
    own = {name for p in command.params for name in p.opts if name.startswith("--")} - {"--help"}
    return own.union(*map(options_of, getattr(command, "commands", {}).values()))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_of_every_command_is_in_the_docs_and_no_other(command):
    section = DOCS.split(f"\n## aegispay {command}\n")[1].split("\n## ")[0]
    # A group's options stand in the lines of its commands, or on a page of their own; a command's in a table.
    is_group = hasattr(COMMANDS[command], "commands")
    documented = set(re.findall(r"--[a-z][a-z-]*" if is_group else r"^\| `(--[a-z-]+)", section, flags=re.MULTILINE))
    assert documented == options_of(COMMANDS[command]) or (is_group and not documented)


def test_the_docs_list_every_command_and_exit_code():
    assert set(re.findall(r"^## aegispay ([\w-]+)$", DOCS, flags=re.MULTILINE)) == set(COMMANDS)
    assert re.findall(r"^\| (\d+) \|", DOCS, flags=re.MULTILINE) == ["0", "1", "2", "3", "130"]


@pytest.mark.parametrize("number", [0, 1])
def test_the_example_files_in_the_docs_are_accepted(tmp_path, number):
    example = re.findall(r"```(?:csv|json)\n(.*?)```", DOCS, flags=re.DOTALL)[number]
    form = () if number == 0 else ("--jsonl",)

    done = aegispay(tmp_path, "run", "-", "--gateways", "alpha", *form, typed=example)

    assert done.returncode == 0, done.stderr
