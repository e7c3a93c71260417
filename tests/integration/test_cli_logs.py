"""The command's log: silent unless asked for, JSON or columns; no output of the command ever has card data in it."""

from __future__ import annotations

import json
import random

from tests.hazards.card_numbers import card_number
from tests.hazards.public_inputs import _requests
from tests.hazards.traces import Traces
from tests.integration.command import aegispay, write_orders
from tests.integration.engine.rig import order

REQUESTS = _requests()


def test_the_engines_log_goes_to_standard_error_when_it_is_asked_for(tmp_path):
    write_orders(tmp_path, 2)
    quiet = aegispay(tmp_path, "run", "orders.csv", "--gateways", "alpha", "--database", "quiet.db")
    asked = aegispay(
        tmp_path, "--log-level", "debug", "--log-format", "json", "run", "orders.csv", "--gateways", "alpha"
    )
    said = [json.loads(line) for line in asked.stderr.splitlines() if line.startswith("{")]
    assert (quiet.returncode, asked.returncode) == (0, 0)
    assert "started" not in quiet.stderr
    assert {"started", "stopped"} <= {line["event"] for line in said}
    assert {"timestamp", "level", "logger", "supervisor", "child"} <= said[0].keys()
    assert asked.stdout.splitlines()[0] == quiet.stdout.splitlines()[0]


def test_without_being_asked_no_warning_of_the_engine_stands_between_what_a_command_says(tmp_path):
    (tmp_path / "gateways.toml").write_text(
        '[[gateway]]\nname = "alpha"\ndown_after_calls = 0\n\n[[gateway]]\nname = "beta"\n'
    )
    write_orders(tmp_path, 30)
    command = ("run", "orders.csv", "--gateways", "gateways.toml", "--database")
    warned = aegispay(tmp_path, "--log-level", "warning", *command, "warned.db")
    quiet = aegispay(tmp_path, *command, "quiet.db")
    assert "breaker_changed" in warned.stderr
    assert "breaker_changed" not in quiet.stderr + quiet.stdout


def test_a_level_that_there_is_not_is_a_wrong_command(tmp_path):
    done = aegispay(tmp_path, "--log-level", "loud", "states")
    assert done.returncode == 2
    assert "--log-level" in done.stderr


def test_g4_card_numbers_in_an_input_file_reach_no_file_and_no_output(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    source = random.Random(7)
    # Shorter ones are amounts of money where an amount is asked for.
    secrets = {name: card_number(source, digits_min=16) for name in REQUESTS}
    rows = [json.dumps(order(f"bad-{name}") | change(secrets[name])) for name, change in REQUESTS.items()]
    rows += [json.dumps(order("cvv", metadata={"cvv": "cvv-9731"})), json.dumps(order("good"))]
    traces = Traces(inside)
    typed = "\n".join(rows)
    commands = [
        ("run", "-", "--jsonl", "--gateways", "alpha", "--out", "out.jsonl"),
        ("events", "--format", "json"),
        ("events", "--format", "cloudevents"),
        ("payments", "--json"),
        ("show", "--key", "good"),
        ("export", "--key", "good"),
        ("verify",),
    ]
    for command in commands:
        logged = ("--log-level", "debug", "--log-format", "json")
        done = aegispay(inside, *logged, *command, typed=typed if command[0] == "run" else None)
        assert done.returncode == (1 if command[0] == "run" else 0), done.stderr
        traces.about = command[0]
        traces.shown(done.stdout)
        traces.shown(done.stderr)
    assert traces.leaks_of({**secrets, "security code": "cvv-9731"}) == []
    assert "succeeded" in "".join(text for _, text in traces.texts)
