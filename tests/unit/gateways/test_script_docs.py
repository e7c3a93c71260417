"""docs/simulated-gateway.md lists the whole script."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from aegispay.cli.gateways import SimulatedEntry
from aegispay.gateways import holding
from aegispay.gateways.script import DECLINES, FAULTS, PARTIAL_TOKEN, REQUIRES_ACTION_TOKEN, Fault

DOCS = (Path(__file__).parents[3] / "docs" / "simulated-gateway.md").read_text(encoding="utf-8")
TOKENS = {*DECLINES, *FAULTS, PARTIAL_TOKEN, REQUIRES_ACTION_TOKEN}


def test_every_token_of_the_script_is_in_the_docs_and_no_other():
    listed = set(re.findall(r"^\| `(tok_\w+)` \|", DOCS, flags=re.MULTILINE))

    assert listed == TOKENS


def section(title):
    return DOCS.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("token", sorted(DECLINES))
def test_the_docs_name_kind_and_reason_of_every_decline(token):
    decline = DECLINES[token]
    row = next(line for line in DOCS.splitlines() if line.startswith(f"| `{token}` |"))

    assert f"`{decline.kind}`" in row
    assert f"`{decline.reason}`" in row


def test_every_setting_of_a_gateway_file_is_in_the_docs_and_no_other():
    listed = set(re.findall(r"^\| `(\w+)` \|", section("In a file for the command line"), flags=re.MULTILINE))

    assert listed == set(SimulatedEntry.model_fields)


def test_every_fault_that_can_be_ordered_is_in_the_docs():
    named = set(re.findall(r"`([A-Z_]+)`", section("Captures, voids and refunds")))

    assert named == {fault.name for fault in Fault}


def test_every_code_of_a_refusal_is_in_the_docs_and_no_other():
    listed = set(re.findall(r"^\| `(\w+)` \|", section("Captures, voids and refunds"), flags=re.MULTILINE))

    assert listed == set(re.findall(r'"(\w+_\w+)"', inspect.getsource(holding)))
