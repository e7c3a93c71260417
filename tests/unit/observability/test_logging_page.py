"""docs/logging.md lists exactly the events that the code can log, with their levels and fields."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from aegispay.supervision.report import Action
from tests.checkout import FILES, ROOT, needs_checkout

pytestmark = needs_checkout

ROW = re.compile(r"^\| `(\w+)` \| ([a-z, ]+) \| (.+?) \| (.+) \|$", re.MULTILINE)
LEVELS = ("debug", "info", "warning", "error")
NAME = re.compile(r"[a-z]+(?:_[a-z]+)*")
BOUND = {"payment_id", "attempt", "operation_id", "trace_id", "payment", "gateway"}
INDIRECT = {"_log", "log"}
"""Functions that are handed the name of an event and write it at a level of their own."""


def rows():
    text = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8")
    return {event: (set(levels.split(", ")), fields) for event, levels, fields, _ in ROW.findall(text)}


def literals(node):
    """Return the names of events that an argument may be."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return [node.value] if is_text and NAME.fullmatch(node.value) else []


def calls():
    for name in FILES:
        if name.endswith(".py") and name.split("/")[0] in {"aegispay", "actors", "supervision"}:
            tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
            yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)


def written():
    """Return by event the levels and fields that stand in the code; ``None`` for a level that is chosen elsewhere."""
    levels, fields = defaultdict(set), defaultdict(set)
    for call in calls():
        of, function = call.func, None
        if isinstance(of, ast.Attribute) and of.attr in LEVELS:
            function = of.attr
        elif not (isinstance(of, ast.Name) and of.id in INDIRECT):
            continue
        for event in literals(call.args[0]):
            levels[event].add(function)
            fields[event] |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return levels, fields


def test_the_page_lists_every_event_of_the_code_and_no_other():
    levels, _ = written()
    actions = {action.value for action in Action}
    assert len(levels) > 40
    assert set(rows()) == set(levels) | actions
    assert list(rows()) == sorted(rows())


def test_the_page_names_the_level_of_every_event():
    levels, _ = written()
    said = {event: each for event, (each, _) in rows().items()}
    assert {event: found for event, found in levels.items() if None not in found and found != said[event]} == {}
    assert all(each <= set(LEVELS) for each in said.values())


def test_the_page_names_every_field():
    _, fields = written()
    for event, (_, shown) in rows().items():
        named = set(re.findall(r"`(\w+)`", shown))
        if "payment" in re.sub(r"`\w+`", "", shown):
            named |= BOUND
        assert fields[event] - named == set(), event


def test_supervisors_actions_are_listed_with_the_level_they_have():
    said = {event: levels for event, (levels, fields) in rows().items() if fields == "supervisor's"}
    bad = {Action.CRASHED, Action.EXHAUSTED, Action.GAVE_UP}
    assert said == {action.value: {"error" if action in bad else "debug"} for action in Action}
