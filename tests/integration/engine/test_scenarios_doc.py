"""docs/scenarios.md names every scenario once and only tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
NUMBERS = [*range(1, 44), *range(60, 74), *range(91, 99), *range(165, 169)]


def rows():
    return ROW.findall((ROOT / "docs/scenarios.md").read_text(encoding="utf-8"))


def functions_of(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_scenario_has_one_row_in_order():
    assert [int(number) for number, _, _ in rows()] == NUMBERS


def test_every_row_names_at_least_one_test_and_nothing_else():
    for number, _, tests in rows():
        assert NAMED.sub("", tests).replace("<br>", "") == "", f"scenario {number}"
        assert NAMED.findall(tests), f"scenario {number}"


def test_every_test_that_is_named_exists():
    named = {pair for _, _, tests in rows() for pair in NAMED.findall(tests)}
    missing = sorted(f"{path}::{name}" for path, name in named if name not in functions_of(path))
    assert len(named) > 50
    assert missing == []
