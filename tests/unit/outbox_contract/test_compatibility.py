"""Which changes to a schema would break somebody."""

from __future__ import annotations

import copy

import pytest

from aegispay.domain.event_type import EventType
from aegispay.outbox.schemas import event_schema
from tests.unit.outbox_contract.compatibility import incompatibilities, shape

SCHEMA = {
    "type": "object",
    "properties": {
        "number": {"type": "integer"},
        "gateway": {"type": ["string", "null"]},
        "at": {"type": "string", "format": "date-time"},
        "reason": {"type": "string", "x-extensible-enum": ["a", "b"]},
        "names": {"type": "array", "items": {"type": "string"}},
        "outcome": {
            "oneOf": [
                {"type": "object", "properties": {"type": {"const": "x"}, "code": {"type": "string"}},
                 "required": ["type", "code"]},
                {"type": "object", "properties": {"type": {"const": "y"}}, "required": ["type"]},
            ]
        },
    },
    "required": ["number", "at", "reason", "names", "outcome"],
}  # fmt: skip


def changed(change):
    schema = copy.deepcopy(SCHEMA)
    change(schema["properties"], schema["required"])
    return incompatibilities(shape(SCHEMA), shape(schema))


def test_no_change_breaks_nobody():
    assert changed(lambda properties, required: None) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda p, r: p.update(more={"type": "string"}),
        lambda p, r: p.update(more={"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}),
        lambda p, r: p["reason"]["x-extensible-enum"].append("c"),
        lambda p, r: p["reason"]["x-extensible-enum"].reverse(),
        lambda p, r: p["outcome"]["oneOf"].append(
            {"type": "object", "properties": {"type": {"const": "z"}, "n": {"type": "integer"}},
             "required": ["type", "n"]}
        ),
        lambda p, r: p["number"].update(description="words"),
        lambda p, r: r.reverse(),
    ],
    ids=["optional field", "optional object", "value", "order", "member of a union", "words", "order of required"],
)  # fmt: skip
def test_an_addition_breaks_nobody(change):
    assert changed(change) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p, r: (p.pop("number"), r.remove("number")), ".number is gone"),
        (lambda p, r: p["number"].update(type="number"), ".number was integer, is number"),
        (lambda p, r: p["gateway"].update(type="string"), ".gateway was string|null, is string"),
        (lambda p, r: p["number"].update(type=["integer", "null"]), ".number was integer, is integer|null"),
        (lambda p, r: p["at"].pop("format"), ".at was string:date-time, is string"),
        (lambda p, r: r.append("gateway"), ".gateway was optional, is not"),
        (lambda p, r: r.remove("number"), ".number was always there, is optional"),
        (lambda p, r: p["reason"]["x-extensible-enum"].remove("a"), ".reason can no longer be a"),
        (lambda p, r: p["names"]["items"].update(type="integer"), ".names[] was string, is integer"),
        (lambda p, r: p["outcome"]["oneOf"][0]["required"].remove("code"),
         ".outcome<x>.code was always there, is optional"),
        (lambda p, r: p.update(outcome={"type": "string"}), ".outcome was union, is string"),
        (lambda p, r: (p.update(more={"type": "string"}), r.append("more")),
         ".more is new and not optional: what was kept does not have it"),
        (lambda p, r: (p["outcome"]["oneOf"][1]["properties"].update(n={"type": "string"}),
                       p["outcome"]["oneOf"][1]["required"].append("n")),
         ".outcome<y>.n is new and not optional: what was kept does not have it"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
def test_a_change_that_breaks_somebody_is_named(change, sentence):
    assert sentence in changed(change)


def test_a_member_of_a_union_that_is_gone_is_named():
    found = changed(lambda p, r: p["outcome"]["oneOf"].pop(0))
    assert found == [".outcome<x> is gone", ".outcome<x>.type is gone", ".outcome<x>.code is gone"]


def test_another_constant_is_named():
    old, new = ({"type": "object", "properties": {"v": {"const": n}}, "required": ["v"]} for n in (1, 2))
    assert incompatibilities(shape(old), shape(new)) == [".v was =1, is =2"]


@pytest.mark.parametrize("event_type", EventType)
def test_taking_any_field_from_a_real_schema_is_noticed(event_type):
    whole = shape(event_schema(event_type))
    for path in whole:
        less = {name: each for name, each in whole.items() if name != path}
        assert f"{path} is gone" in incompatibilities(whole, less)
