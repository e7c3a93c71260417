"""docs/events: a schema for each type and version, as the code has it now, and true of every event ever published."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import jsonschema
import pytest
from jsonschema.protocols import Validator

from aegispay.domain.event_codec import CLASSES
from aegispay.domain.event_type import EventType
from aegispay.outbox.envelope import public_event
from aegispay.outbox.schemas import event_schema
from tests.unit.outbox_contract import published
from tests.unit.outbox_contract.compatibility import incompatibilities, shape
from tests.unit.outbox_contract.published import (
    PUBLISHED,
    archive,
    as_text,
    changes,
    documented,
    file_of,
    kept_events,
    kept_shapes,
    main,
)

EVERY = tuple(EventType)
REDRAW = "run `python -m tests.unit.outbox_contract.published`"


def committed(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((PUBLISHED / name).read_text(encoding="utf-8"))
    return schema


FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_time(value: object) -> bool:
    return not isinstance(value, str) or (value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None)


def validator(schema: dict[str, Any]) -> Validator:
    return jsonschema.Draft202012Validator(schema, format_checker=FORMATS)


def strict(schema: Any) -> Any:
    """Return the schema with all that it does not mention forbidden."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(each) for name, each in schema.items()}
    return made | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else made


@pytest.mark.parametrize("event_type", EVERY)
def test_no_change_breaks_who_reads_the_committed_version(event_type):
    assert changes(event_type) == [], "raise schema_version, and add a step to aegispay/domain/upcasting.py"


@pytest.mark.parametrize("event_type", EVERY)
def test_the_committed_schema_is_what_the_code_says(event_type):
    path = file_of(event_type, CLASSES[event_type].schema_version)
    assert path.read_text(encoding="utf-8") == as_text(documented(event_type)), REDRAW


@pytest.mark.parametrize(("name", "first"), kept_shapes().items())
def test_each_version_still_keeps_what_it_promised_when_it_was_first_published(name, first):
    assert incompatibilities(first, shape(committed(f"{name}.json"))) == []


def test_every_version_of_every_type_has_its_schema_and_nothing_else_is_there():
    versions = {f"{each}.v{n}" for each in EVERY for n in range(1, CLASSES[each].schema_version + 1)}
    assert {path.name for path in PUBLISHED.iterdir()} == {f"{name}.json" for name in versions}
    assert set(kept_shapes()) == versions


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.json")), ids=lambda path: path.name)
def test_a_schema_is_one_and_its_examples_are_valid_by_it(path):
    schema = committed(path.name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["examples"]
    for example in schema["examples"]:
        validator(schema).validate(example)


def test_what_was_published_once_is_valid_by_the_schema_of_its_version():
    lines = archive()
    assert {line["event"]["type"] for line in lines} == {each.value for each in EVERY}
    for line in lines:
        event = line["event"]
        validator(committed(f"{event['type']}.v{event['schema_version']}.json")).validate(event)


def is_kept(old: object, new: object) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in new and is_kept(value, new[name]) for name, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(is_kept, old, new))
    return type(old) is type(new) and old == new


def test_the_same_events_are_published_today_as_when_they_were_new():
    today = {(story, stored.version): public_event(stored, payment) for story, stored, payment in kept_events()}
    same_version = [
        (line["event"], today[line["story"], line["event"]["sequence"]])
        for line in archive()
        if line["event"]["schema_version"] == CLASSES[EventType(line["event"]["type"])].schema_version
    ]
    assert same_version
    assert [old["id"] for old, new in same_version if not is_kept(old, new)] == []


def test_the_schemas_mention_everything_that_is_published():
    exact = {event_type: validator(strict(event_schema(event_type))) for event_type in EVERY}
    seen = set()
    for _, stored, payment in kept_events():
        exact[stored.event.type].validate(public_event(stored, payment))
        exact[stored.event.type].validate(public_event(stored))
        seen.add(stored.event.type)
    assert seen == set(EVERY)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("sequence",), "1"),
        (("occurred_at",), "yesterday"),
        (("type",), "payment.failed"),
        (("schema_version",), 2),
        (("data", "amount_minor"), 1.5),
        (("data", "reference"), None),
        (("payment", "in_doubt"), "no"),
    ],
    ids=str,
)
def test_an_event_that_is_changed_is_not_valid(path, value):
    schema = committed("payment.succeeded.v1.json")
    event = json.loads(json.dumps(schema["examples"][0]))
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        validator(schema).validate(event)


def test_the_writer_refuses_a_change_that_would_break_somebody(monkeypatch, capsys):
    def narrowed(event_type: EventType) -> dict[str, Any]:
        schema = event_schema(event_type)
        schema["required"].remove("position")
        return schema

    before = {path.name: path.read_bytes() for path in PUBLISHED.iterdir()}
    monkeypatch.setattr(published, "event_schema", narrowed)
    assert main() == 1
    assert "payment.parked: .position was always there, is optional" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in PUBLISHED.iterdir()} == before
