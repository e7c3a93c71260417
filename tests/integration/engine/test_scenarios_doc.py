"""docs/scenarios.md and docs/hazards.md have a row for everything, and name only tests that exist."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.hazards.table import named_tests, page

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
LATER = re.compile(r"(?:later work|cannot occur here|not here): .+\.")
SCENARIO = re.compile(r"^\| (\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
HAZARD = re.compile(r"^\| ([A-G]\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
LAST = {"A": 15, "B": 11, "C": 12, "D": 7, "E": 11, "F": 10, "G": 8}
IDS = [f"{group}{number}" for group, last in LAST.items() for number in range(1, last + 1)]


def scenarios():
    return [(number, tests) for number, _, tests in SCENARIO.findall(text("scenarios"))]


def hazards():
    return [(name, tests) for name, _, _, tests in HAZARD.findall(text("hazards"))]


def text(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


@functools.cache
def functions_of(path):
    if not (ROOT / path).exists():
        return set()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_scenario_has_one_row_in_order():
    assert [int(number) for number, _ in scenarios()] == list(range(1, 171))


def test_every_hazard_has_one_row_in_order():
    assert [name for name, _ in hazards()] == IDS


@pytest.mark.parametrize("rows", [scenarios, hazards])
def test_every_row_names_tests_or_says_in_one_sentence_why_there_are_none(rows):
    for name, tests in rows():
        rest = NAMED.sub("", tests).replace("<br>", "").strip()
        assert rest == "" or LATER.fullmatch(rest), name
        assert NAMED.findall(tests) or rest, name


@pytest.mark.parametrize("rows", [scenarios, hazards])
def test_every_test_that_is_named_exists(rows):
    named = {pair for _, tests in rows() for pair in NAMED.findall(tests)}
    missing = sorted(f"{path}::{name}" for path, name in named if name not in functions_of(path))
    assert len(named) > 50
    assert missing == []


def test_every_hazard_has_a_test_of_its_name():
    unnamed = [
        name
        for name, tests in hazards()
        if NAMED.findall(tests)
        and not any(test.startswith(f"test_{name.lower()}_") for _, test in NAMED.findall(tests))
    ]
    assert unnamed == []


def test_the_page_of_hazards_names_every_test_that_is_named_after_one():
    assert set(named_tests()) <= set(IDS)
    assert text("hazards") == page(), "run: python -m tests.hazards.table"
