"""JSON Schemas of what `public_event` makes, generated from the classes of the events."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from aegispay.domain.event_codec import ADAPTERS, CLASSES
from aegispay.domain.event_type import EventType
from aegispay.domain.state import PaymentState
from aegispay.outbox.public_fields import Hidden, hidden_fields

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_WHOLE: Schema = {"type": "integer"}
_TIME: Schema = {"type": "string", "format": "date-time"}


def schema_id(event_type: EventType, schema_version: int) -> str:
    """Return the URI that names the schema."""
    return f"urn:aegispay:event:{event_type}:{schema_version}"


def event_schema(event_type: EventType) -> Schema:
    """Return the JSON Schema of an event of this type as this version writes it.

    It says what is there, not that nothing else is: fields may be added. ``x-extensible-enum`` lists the values known
    today; more may be added, too.
    """
    made = CLASSES[event_type]
    generated = ADAPTERS[made].json_schema(mode="serialization")
    envelope: dict[str, Schema] = {
        "id": _said(_TEXT, "The same however often the event is delivered; two events never share one."),
        "type": {"const": event_type.value},
        "schema_version": {"const": made.schema_version},
        "payment_id": _TEXT,
        "sequence": _said(_WHOLE, "Place among the events of its payment, from 1 without a gap."),
        "position": _said(_WHOLE, "Place in the whole log."),
        "occurred_at": _TIME,
        "recorded_at": _TIME,
        "data": _plain(generated, generated.get("$defs", {}), hidden_fields(made)),
        "payment": _payment(),
    }
    return {
        "$schema": _DIALECT,
        "$id": schema_id(event_type, made.schema_version),
        "title": event_type.value,
        "description": _first_words(made),
        "type": "object",
        "properties": envelope,
        "required": [name for name in envelope if name != "payment"],
    }


def _payment() -> Schema:
    amounts = ("amount", "authorized", "captured", "refunded", "charged_back")
    properties: dict[str, Schema] = {
        "id": _TEXT,
        "version": _said(_WHOLE, "After which of its events the payment looked like this."),
        "merchant": _TEXT,
        "idempotency_key": _TEXT,
        "state": _one_of(state.value for state in PaymentState),
        "in_doubt": {"type": "boolean"},
        "currency": _said(_TEXT, "ISO 4217."),
        **{f"{name}_minor": _said(_WHOLE, "In minor units of the currency.") for name in amounts},
        "gateway": _said(_TEXT_OR_NULL, "Of the newest attempt."),
        "customer_id": _TEXT_OR_NULL,
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _first_words(made: type) -> str:
    first, _, _ = inspect.cleandoc(made.__doc__ or "").partition("\n\n")
    return " ".join(first.split())


def _said(schema: Schema, words: str) -> Schema:
    return schema | {"description": words}


def _one_of(values: Iterable[str]) -> Schema:
    return {"type": "string", "x-extensible-enum": list(values)}


def _plain(node: Schema, definitions: dict[str, Schema], hidden: Hidden) -> Schema:
    """Return pydantic's schema without references and hidden fields."""
    if "$ref" in node:
        return _plain(definitions[node["$ref"].removeprefix("#/$defs/")], definitions, hidden)
    if "const" in node:
        return {"const": node["const"]}
    if "enum" in node:
        return _one_of(node["enum"])
    for several in ("anyOf", "oneOf"):
        if several in node:
            return _choice(several, [_plain(each, definitions, hidden) for each in node[several]])
    if node.get("type") == "array":
        return {"type": "array", "items": _plain(node["items"], definitions, hidden)}
    if "properties" in node:
        return _object(node, definitions, hidden)
    return {name: node[name] for name in ("type", "format") if name in node}


def _choice(several: str, branches: list[Schema]) -> Schema:
    """Return one of some schemas; "this or null" is written as one."""
    others = [each for each in branches if each != {"type": "null"}]
    if len(others) == 1 and len(branches) == 2 and "type" in others[0]:
        return others[0] | {"type": [others[0]["type"], "null"]}
    return {several: branches}


def _object(node: Schema, definitions: dict[str, Schema], hidden: Hidden) -> Schema:
    properties = {
        name: _plain(each, definitions, hidden.get(name, {}))
        for name, each in node["properties"].items()
        if hidden.get(name) is not True
    }
    needed = {*node.get("required", ()), *(name for name, each in properties.items() if "const" in each)}
    return {"type": "object", "properties": properties, "required": [n for n in properties if n in needed]}
