"""The page about routing names every strategy, with settings that can be used as they stand."""

from __future__ import annotations

import re

import yaml
from pydantic import TypeAdapter

from aegispay.domain.routing import AnyStrategy, Strategy, strategy_of
from aegispay.domain.routing.nested import class_of, kinds
from aegispay.domain.routing.regions import REGIONS
from tests.checkout import ROOT, needs_checkout

pytestmark = needs_checkout
SETTINGS: TypeAdapter[Strategy] = TypeAdapter(AnyStrategy)


def page() -> str:
    return (ROOT / "docs/routing.md").read_text(encoding="utf-8")


def test_every_strategy_stands_in_the_table_with_all_its_settings():
    rows = {
        kind: set(re.findall(r"`(\w+)`", settings))
        for kind, settings in re.findall(r"^\| `(\w+)` \| .* \| (.*)\|$", page(), re.M)
    }
    assert {kind: rows.get(kind) for kind in kinds()} == {
        kind: {name for name in class_of(kind).model_fields if name != "kind"} for kind in kinds()
    }


def test_the_settings_on_the_page_are_strategies():
    shown = [
        SETTINGS.validate_python(yaml.safe_load(block)) for block in re.findall(r"```yaml\n(.*?)```", page(), re.S)
    ]
    assert [each.kind for each in shown] == ["weighted", "multi_objective", "thompson", "geographic", "ab_split"]
    assert shown[1] == strategy_of("multi_objective")
    assert shown[2] == strategy_of("thompson")


def test_every_region_is_named():
    assert [name for name in REGIONS if not re.search(rf"\b{name}\b", page())] == []
