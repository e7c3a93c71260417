"""CloudEvents: what the reference package reads is what was meant."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import jsonschema
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import from_json

from aegispay.domain.event_type import EventType
from aegispay.outbox.cloud_events import cloud_event
from aegispay.outbox.envelope import public_event, to_bytes
from aegispay.outbox.schemas import event_schema
from aegispay.ports import StoredEvent
from tests import builders as b
from tests.samples import EVENTS, INITIATED


def stored(event, *, version=7, position=41):
    return StoredEvent(
        position=position, payment_id=b.ID, version=version, event=event, recorded_at=b.LATER, hash=""
    )  # fmt: skip


def written(event, **place):
    return to_bytes(cloud_event(stored(event, **place), merchant="shop.eu"))


@pytest.mark.parametrize("event", [INITIATED, *EVENTS], ids=lambda event: event.type)
def test_the_reference_package_reads_every_type(event):
    found = JSONFormat().read(CloudEvent, written(event))
    assert found.get_id() == f"{b.ID}-7"
    assert found.get_source() == "/aegispay/merchants/shop.eu"
    assert found.get_type() == event.type.value
    assert found.get_subject() == b.ID
    assert found.get_specversion() == "1.0"
    assert found.get_time() == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert found.get_datacontenttype() == "application/json"
    assert found.get_dataschema() == f"urn:aegispay:event:{event.type}:1#/properties/data"
    assert found.get_extension("sequence") == "000000000007"
    assert found.get_extension("partitionkey") == b.ID
    assert found.get_extension("position") == "000000000041"
    assert found.get_data() == public_event(stored(event))["data"]


@pytest.mark.parametrize("event", [INITIATED, *EVENTS], ids=lambda event: event.type)
def test_the_older_interface_of_the_package_reads_it_too(event):
    found = from_json(written(event))
    assert (found["id"], found["sequence"]) == (f"{b.ID}-7", "000000000007")


def test_the_data_is_valid_by_the_schema_that_is_named():
    made = cloud_event(stored(INITIATED), merchant="m")
    schema = event_schema(EventType.PAYMENT_INITIATED)
    name, _, fragment = made["dataschema"].partition("#")
    assert name == schema["$id"]
    for part in fragment.strip("/").split("/"):
        schema = schema[part]
    jsonschema.validate(made["data"], schema)


def test_an_event_that_lacks_an_attribute_is_refused_by_the_package():
    less = json.loads(written(INITIATED))
    del less["source"]
    with pytest.raises(Exception, match="source"):
        JSONFormat().read(CloudEvent, json.dumps(less))


def test_sequences_and_positions_sort_as_texts_like_the_numbers_they_are():
    made = [cloud_event(stored(INITIATED, version=n, position=n), merchant="m") for n in (9, 10, 100, 2**31)]
    for name in ("sequence", "position"):
        assert sorted(each[name] for each in made) == [each[name] for each in made]


def test_the_trace_of_the_payment_goes_along():
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    made = to_bytes(cloud_event(stored(INITIATED), merchant="m", trace=trace))
    assert JSONFormat().read(CloudEvent, made).get_extension("traceparent") == trace
    assert b"traceparent" not in written(INITIATED)
