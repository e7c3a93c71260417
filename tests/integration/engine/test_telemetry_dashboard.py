"""The dashboard asks only for what is there, and shows all of it."""

from __future__ import annotations

import json
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aegispay.observability.prometheus import render
from aegispay.observability.semantics import INSTRUMENTS, Kind
from tests.checkout import ROOT, needs_checkout
from tests.integration.engine.rig import World, order, virtual

pytestmark = needs_checkout

NAME = re.compile(r"\baegispay_\w+")
LABELS = re.compile(r"by \(([\w, ]+)\)")
SUFFIXES = ("_bucket", "_count", "_sum")


def dashboard():
    return json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8"))


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries():
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def exposed_names():
    names = {each.prometheus: each for each in INSTRUMENTS if each.kind is not Kind.HISTOGRAM}
    for each in INSTRUMENTS:
        if each.kind is Kind.HISTOGRAM:
            names |= {each.prometheus + suffix: each for suffix in SUFFIXES}
    return names


@pytest.mark.parametrize("query", queries())
def test_a_query_names_instruments_that_exist_and_their_labels(query):
    known = exposed_names()
    named = NAME.findall(query)
    assert named
    assert set(named) - set(known) == set()
    for labels in LABELS.findall(query):
        allowed = {"le"}.union(*(known[name].attributes for name in named))
        assert {label.strip() for label in labels.split(",")} - allowed == set()


def test_every_instrument_has_its_place_on_the_dashboard():
    known = exposed_names()
    shown = {known[name].name for query in queries() for name in NAME.findall(query)}
    assert {each.name for each in INSTRUMENTS} - shown == set()


def test_the_data_source_is_chosen_on_the_dashboard():
    variables = {each["name"]: each for each in dashboard()["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}
    assert NAME.findall(variables["gateway"]["query"]["query"]) == ["aegispay_gateway_enabled"]


def test_panels_lie_beside_each_other_and_inside_the_page():
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells
    identifiers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(identifiers)) == len(identifiers)


@virtual
async def test_a_live_engine_exposes_every_name_that_the_dashboard_asks_for():
    world = World()
    async with world.engine() as aegis:
        await aegis.pay(**order())
        text = render(await aegis.metrics()).decode()
    families = {family.name for family in text_string_to_metric_families(text)}
    named = {name for query in queries() for name in NAME.findall(query)}
    stripped = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named}
    assert stripped - families == set()
