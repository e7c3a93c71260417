"""`aegispay rules lint` and `aegispay rules dry-run`: what they print, how they end, and that they only look."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import typer.main

from aegispay.cli.app import app
from tests.checkout import ROOT
from tests.integration.command import HEADER, aegispay

DOCS = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands["rules"].commands

RULES = """\
rules:
  - name: large
    when: {field: amount, operator: at_least, value: "15.00", currency: USD}
    gateway: beta
  - name: larger
    when: {field: amount, operator: at_least, value: "20.00", currency: USD}
    gateway: beta
otherwise: highest_success_rate
"""


@pytest.fixture(scope="module")
def paid(tmp_path_factory):
    where = tmp_path_factory.mktemp("paid")
    rows = (f"order-{number},{number}.00,{'USD' if number % 2 else 'EUR'},card,tok_a\n" for number in range(1, 21))
    (where / "orders.csv").write_text(HEADER + "".join(rows))
    (where / "rules.yaml").write_text(RULES)
    assert aegispay(where, "run", "orders.csv", "--gateways", "alpha,beta").returncode == 0
    return where


def write(where: Path, text: str) -> None:
    (where / "rules.yaml").write_text(text)


def test_lint_names_what_is_wrong_with_its_line_and_way_out(tmp_path):
    write(tmp_path, RULES)
    done = aegispay(tmp_path, "rules", "lint", "rules.yaml", "--gateways", "alpha,betta")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "unknown gateway: rules.yaml:2: rules[0]: rule large names beta: no such gateway; did you mean betta?",
        "    register the gateway, or name one that exists",
        "unknown gateway: rules.yaml:5: rules[1]: rule larger names beta: no such gateway; did you mean betta?",
        "    register the gateway, or name one that exists",
        "unreachable: rules.yaml:5: rules[1]: rule larger is never reached: large takes everything that it could take",
        "    take it out, or give it a higher priority",
        "2 rules, 3 problems",
    ]


def test_lint_of_good_rules_ends_with_0(tmp_path):
    done = aegispay(tmp_path, "rules", "lint", str(ROOT / "examples" / "rules.yaml"), "--gateways", "alpha,beta,gamma")
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 rules, 0 problems\n", "")


def test_notes_are_no_problems(tmp_path):
    write(tmp_path, "rules: [{name: x, gateway: alpha, enabled: false}]")
    done = aegispay(tmp_path, "rules", "lint", "rules.yaml")
    assert done.returncode == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "note, disabled", "    enable it, or take it out", "note, no otherwise",
        "    write otherwise", "1 rule, 0 problems",
    ]  # fmt: skip


def test_lint_of_rules_that_are_wrong_tells_every_mistake(tmp_path):
    write(tmp_path, RULES.replace('"15.00"', "[]").replace("otherwise", "otherwize"))
    done = aegispay(tmp_path, "rules", "lint", "rules.yaml")
    assert done.returncode == 1
    assert [line.split(" (got")[0] for line in done.stdout.splitlines()] == [
        "wrong: rules.yaml:3: rules[0].when.value: takes one amount, not a list; a list goes with in or between",
        "wrong: rules.yaml:8: otherwize: is not known; did you mean otherwise?",
        "2 problems; correct them to see what else there is",
    ]


@pytest.mark.parametrize("command", ["lint", "dry-run"])
def test_a_file_that_cannot_be_read_ends_with_2(paid, command):
    done = aegispay(paid, "rules", command, "missing.yaml")
    assert done.returncode == 2
    assert "missing.yaml" in done.stderr


def test_a_dry_run_says_what_would_move(paid):
    done = aegispay(paid, "rules", "dry-run", "rules.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == "20 payments with a first attempt: 3 would move, 17 stay"
    assert lines[1] == "alpha -> beta: 3 payments, 51.00 USD"
    assert lines[2] == "    3 by rule large"
    assert re.fullmatch(r"    such as pay_\w{26}, pay_\w{26}, pay_\w{26}", lines[3])
    assert [line.split() for line in lines[-2:]] == [["large", "3"], ["larger", "0"]]


def test_a_dry_run_names_the_gateways_that_no_record_knows(paid):
    (paid / "strange.yaml").write_text(RULES.replace("gateway: beta", "gateways: [aurora, beta, corona]"))
    done = aegispay(paid, "rules", "dry-run", "strange.yaml")
    assert (done.returncode, done.stderr) == (
        0,
        "no stored payment could go to aurora, corona: the rules name them, and no record does\n",
    )
    as_json = json.loads(aegispay(paid, "rules", "dry-run", "strange.yaml", "--json").stdout)
    assert as_json["unknown_gateways"] == ["aurora", "corona"]


def test_a_dry_run_as_json(paid):
    done = aegispay(paid, "rules", "dry-run", "rules.yaml", "--json")
    found = json.loads(done.stdout)
    examples = found["flows"][0].pop("examples")
    assert found == {
        "payments": 20,
        "unchanged": 17,
        "undecided": 0,
        "untouched": 0,
        "by_rule": {"large": 3, "larger": 0},
        "unknown_gateways": [],
        "flows": [
            {"from": "alpha", "to": "beta", "payments": 3, "amounts_minor": {"USD": 5100}, "reasons": {"rule large": 3}}
        ],
    }
    assert len(examples) == 3
    assert f"payment   {examples[0]}" in aegispay(paid, "show", examples[0]).stdout


def test_a_dry_run_leaves_every_file_as_it_was(paid):
    def everything() -> dict[str, str]:
        names = sorted(path for path in paid.iterdir() if not path.name.endswith(("-shm", "-wal")))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in names}

    before = everything()
    assert aegispay(paid, "rules", "dry-run", "rules.yaml").returncode == 0
    assert everything() == before


def test_a_dry_run_says_what_the_record_cannot_tell(paid):
    (paid / "cost.yaml").write_text("rules: []\notherwise: cost_optimised\n")
    done = aegispay(paid, "rules", "dry-run", "cost.yaml")
    assert done.returncode == 0
    assert "no rule decides 20 payments, and the record lacks what cost optimised looks at" in done.stderr
    assert done.stdout.startswith("20 payments with a first attempt: 0 would move, 0 stay")


def test_wrong_rules_and_a_missing_database_are_told_apart(paid):
    (paid / "wrong.yaml").write_text("rules: [{name: x}]")
    wrong = aegispay(paid, "rules", "dry-run", "wrong.yaml")
    missing = aegispay(paid, "rules", "dry-run", "rules.yaml", "--database", "nowhere.db")
    assert (wrong.returncode, missing.returncode) == (2, 3)
    assert "wrong.yaml:1: rules[0]: a rule has exactly one of gateway, gateways and weights" in wrong.stderr
    assert not (paid / "nowhere.db").exists()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_of_every_command_is_in_the_docs_and_no_other(command):
    section = DOCS.split(f"\n## aegispay rules {command}\n")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `(--[a-z-]+)", section, flags=re.MULTILINE))
    options = {name for p in COMMANDS[command].params for name in p.opts if name.startswith("--")} - {"--help"}
    assert documented == options
    assert all(parameter.help or parameter.name == "help" for parameter in COMMANDS[command].params)
