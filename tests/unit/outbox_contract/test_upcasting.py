"""Events of older versions are read as today's; what a newer AegisPay wrote is refused in words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain import event_codec, upcasting
from aegispay.domain.event import Event
from aegispay.domain.event_codec import CLASSES, decode, encode
from aegispay.domain.event_type import EventType
from aegispay.domain.events import PaymentInitiated, PaymentSucceeded
from aegispay.domain.evolve import replay
from aegispay.domain.upcasting import UPCASTERS, upcast
from tests import builders as b
from tests.unit.domain.golden.make import HERE

PAN = "4242424242424242"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Event):
    """A test's own event, in its third version: once ``{"cents"}``, then ``{"amount"}`` in parts."""

    amount_minor: int
    currency: str
    notes: tuple[str, ...] = field(default=())

    type = EventType.PAYMENT_PARKED
    schema_version = 3


def second(data: dict[str, Any]) -> dict[str, Any]:
    return {"at": data["at"], "amount": {"minor": data["cents"], "of": "USD"}}


def third(data: dict[str, Any]) -> dict[str, Any]:
    return {"at": data["at"], "amount_minor": data["amount"]["minor"], "currency": data["amount"]["of"], "notes": []}


STEPS = (second, third)
AT = "2026-03-01T12:00:00Z"
FIRST = {"at": AT, "cents": 5}
SECOND = {"at": AT, "amount": {"minor": 5, "of": "USD"}}
THIRD = {"at": AT, "amount_minor": 5, "currency": "USD", "notes": ["seen"]}


@pytest.fixture
def moved(monkeypatch):
    adapter = pydantic.TypeAdapter(Moved)
    monkeypatch.setitem(event_codec._CLASS_OF, "payment.parked", Moved)
    monkeypatch.setitem(event_codec._VALIDATORS, Moved, adapter.validator)
    monkeypatch.setitem(event_codec._SERIALIZERS, Moved, adapter.serializer)
    monkeypatch.setattr(upcasting, "UPCASTERS", {Moved: STEPS})


@pytest.mark.parametrize(("version", "data"), [(1, FIRST), (2, SECOND)], ids=["first", "second"])
def test_what_an_older_version_wrote_is_read_as_todays(moved, version, data):
    assert decode("payment.parked", version, json.dumps(data)) == Moved(at=b.NOW, amount_minor=5, currency="USD")


def test_what_todays_version_wrote_goes_through_no_step(moved):
    assert decode("payment.parked", 3, json.dumps(THIRD)).notes == ("seen",)


@pytest.mark.parametrize("version", [4, 99])
def test_what_a_newer_version_wrote_is_refused(moved, version):
    expected = f"^payment.parked: schema version {version} is not known to this AegisPay: a newer one wrote it$"
    with pytest.raises(ValueError, match=expected):
        decode("payment.parked", version, json.dumps(THIRD))


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_never_was_is_refused(moved, version):
    with pytest.raises(ValueError, match=f"^payment.parked: schema version {version} is not known to this AegisPay$"):
        decode("payment.parked", version, json.dumps(FIRST))


@pytest.mark.parametrize("data", ["{", "[]", "null", "{}", json.dumps({"at": AT, PAN: PAN})], ids=str)
def test_data_that_does_not_fit_its_old_version_is_refused_without_repeating_it(moved, data):
    with pytest.raises(ValueError, match=r"^payment\.parked: not readable as schema version 1: ") as caught:
        decode("payment.parked", 1, data)
    assert PAN not in f"{caught.value!r}"
    assert caught.value.__cause__ is None


def test_what_a_step_makes_is_checked_as_if_it_had_been_stored(moved):
    with pytest.raises(ValueError, match=r"^payment\.parked: amount_minor: int_parsing") as caught:
        decode("payment.parked", 1, json.dumps({"at": AT, "cents": f"{PAN}x"}))
    assert PAN not in f"{caught.value!r}"


def test_a_step_that_is_missing_is_refused_rather_than_left_out(moved, monkeypatch):
    monkeypatch.setattr(upcasting, "UPCASTERS", {Moved: STEPS[:1]})
    with pytest.raises(ValueError, match="schema version 2 is not known"):
        decode("payment.parked", 2, json.dumps(SECOND))


@pytest.mark.parametrize("made", set(CLASSES.values()), ids=lambda made: made.__name__)
def test_there_is_a_step_from_each_version_that_ever_was_to_the_next(made):
    assert len(UPCASTERS.get(made, ())) == made.schema_version - 1


def test_only_classes_that_are_stored_have_steps():
    assert set(UPCASTERS) <= set(CLASSES.values())


@given(cents=st.integers(-(2**70), 2**70), at=st.datetimes().map(lambda at: f"{at.isoformat()}Z"))
def test_numbers_and_times_come_through_the_steps_exactly(cents, at):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upcasting, "UPCASTERS", {Moved: STEPS})
        read = json.loads(upcast(Moved, 1, json.dumps({"at": at, "cents": cents})))
    assert read == {"at": at, "amount_minor": cents, "currency": "USD", "notes": []}


# --- a whole log, as if its version were an older one --------------------------------------------------


def renamed(data: dict[str, Any]) -> dict[str, Any]:
    """Undo what `older` does."""
    return {("amount_minor" if name == "minor" else name): value for name, value in data.items()}


def older(data: dict[str, Any]) -> dict[str, Any]:
    return {("minor" if name == "amount_minor" else name): value for name, value in data.items()}


def test_a_log_of_an_older_version_folds_to_the_same_payments(monkeypatch):
    steps = {PaymentSucceeded: (renamed,), PaymentInitiated: (lambda data: data["body"],)}
    lines = [json.loads(text) for text in (HERE / "version-1.jsonl").read_text(encoding="utf-8").splitlines()]
    today = read(lines)
    monkeypatch.setattr(upcasting, "UPCASTERS", steps)
    for made in steps:
        monkeypatch.setattr(made, "schema_version", 2)
    assert read([{**line, "schema_version": 2} if is_of(line, steps) else line for line in lines]) == today
    changed = [as_older(line) if is_of(line, steps) else line for line in lines]
    assert sum(one != other for one, other in zip(changed, lines, strict=True)) == sum(
        is_of(line, steps) for line in lines
    )
    assert read(changed) == today


def is_of(line: dict[str, Any], steps: dict[type[Event], Any]) -> bool:
    return "type" in line and CLASSES[EventType(line["type"])] in steps


def as_older(line: dict[str, Any]) -> dict[str, Any]:
    made = CLASSES[EventType(line["type"])]
    return {**line, "data": {"body": line["data"]} if made is PaymentInitiated else older(line["data"])}


def read(lines: list[dict[str, Any]]) -> dict[str, Any]:
    stories: dict[str, list[Event]] = {}
    for line in lines:
        if "type" in line:
            event = decode(line["type"], line["schema_version"], json.dumps(line["data"]))
            stories.setdefault(line["story"], []).append(event)
    return {story: replay(b.ID, events) for story, events in stories.items()}


def test_what_is_read_of_an_older_version_is_written_as_todays(moved):
    event = decode("payment.parked", 1, json.dumps(FIRST))
    assert decode("payment.parked", event.schema_version, encode(event)) == event
