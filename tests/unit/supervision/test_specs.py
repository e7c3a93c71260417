"""Specifications are checked when they are made: what is wrong is named, with its value and the way out."""

from __future__ import annotations

import math
import random
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from aegispay.supervision import (
    Backoff,
    ChildSpec,
    Decider,
    InvalidSpecError,
    RestartIntensity,
    RestartType,
    SupervisionError,
    Verdict,
)
from tests.unit.supervision.rig import Child, Family, virtual


def child(**fields):
    return ChildSpec(**{"id": "a", "start": Child, **fields})


def decider(kind: Any, verdict: Any):
    return Decider({kind: verdict})


WRONG = [
    (lambda: child(id=""), "id", "id is '': give the child a name"),
    (lambda: child(id=5), "id", "id is 5: give the child a name"),
    (lambda: child(start=None), "start", "start is None: pass a function that makes an actor"),
    (lambda: child(restart="always"), "restart", "restart is 'always': use one of permanent, transient, temporary"),
    (lambda: child(shutdown_s=0), "shutdown_s", "shutdown_s is 0: use more than 0 seconds"),
    (lambda: child(shutdown_s=-1.5), "shutdown_s", "shutdown_s is -1.5: use more than 0 seconds"),
    (lambda: child(shutdown_s=math.nan), "shutdown_s", "shutdown_s is nan: use more than 0 seconds"),
    (lambda: child(backoff=None), "backoff", "backoff is None: use a Backoff"),
    (lambda: child(decider={}), "decider", "decider is {}: use a Decider"),
    (lambda: child(capacity=True), "capacity", "capacity is True: use 1 or more"),
    (lambda: child(capacity=0), "capacity", "capacity is 0: use 1 or more"),
    (lambda: RestartIntensity(restarts=-1), "restarts", "restarts is -1: use 0 or more"),
    (lambda: RestartIntensity(restarts=1.5), "restarts", "restarts is 1.5: use 0 or more"),
    (lambda: RestartIntensity(period_s=0), "period_s", "period_s is 0: use more than 0 seconds"),
    (lambda: RestartIntensity(period_s=math.nan), "period_s", "period_s is nan: use more than 0 seconds"),
    (lambda: Backoff(min_s=-1), "min_s", "min_s is -1: use 0 to max_s, which is 5"),
    (lambda: Backoff(min_s=math.nan), "min_s", "min_s is nan: use 0 to max_s, which is 5"),
    (lambda: Backoff(min_s=3, max_s=2), "min_s", "min_s is 3: use 0 to max_s, which is 2"),
    (lambda: Backoff(factor=0.5), "factor", "factor is 0.5: use 1 or more"),
    (lambda: Backoff(factor=math.nan), "factor", "factor is nan: use 1 or more"),
    (lambda: Backoff(jitter=1.1), "jitter", "jitter is 1.1: use a share from 0 to 1"),
    (lambda: Backoff(jitter=-0.1), "jitter", "jitter is -0.1: use a share from 0 to 1"),
    (lambda: Backoff(max_s=-1), "max_s", "max_s is -1: use 0 or more seconds"),
    (lambda: Backoff(max_s=math.inf), "max_s", "max_s is inf: use 0 or more seconds"),
    (lambda: Backoff(factor=math.inf), "factor", "factor is inf: use 1 or more"),
    (lambda: decider("x", Verdict.STOP), "verdicts", "verdicts is 'x': use exception classes as keys"),
    (lambda: decider(OSError, "stop"), "verdicts", "verdicts is 'stop': use one of restart, stop, escalate"),
    (lambda: Backoff(reset_after_s=-1), "reset_after_s", "reset_after_s is -1: use 0 or more seconds"),
]


@pytest.mark.parametrize(("make", "field", "text"), WRONG, ids=[text for _, _, text in WRONG])
def test_a_wrong_field_is_named_with_its_value_and_the_way_out(make, field, text):
    with pytest.raises(InvalidSpecError) as refused:
        make()
    assert (refused.value.field, str(refused.value)) == (field, text)


def test_an_invalid_specification_is_an_error_of_supervision():
    assert issubclass(InvalidSpecError, SupervisionError)


def test_the_smallest_values_that_make_sense_are_accepted():
    child(shutdown_s=0.001, capacity=1)
    RestartIntensity(restarts=0, period_s=0.001)
    Backoff(min_s=0, max_s=0, factor=1, jitter=0, reset_after_s=0)
    Backoff(jitter=1)


def test_the_defaults_are_the_documented_ones():
    spec = child()
    assert (spec.restart, spec.shutdown_s, spec.capacity, spec.is_registered) == (
        RestartType.PERMANENT,
        5,
        1_000,
        False,
    )
    assert RestartIntensity() == RestartIntensity(restarts=3, period_s=5)
    assert spec.backoff == Backoff(min_s=0.01, max_s=5, factor=2, jitter=0.2, reset_after_s=10)
    assert spec.decider == Decider({})


@pytest.mark.parametrize(
    "spec", [child(), RestartIntensity(), Backoff(), Decider()], ids=lambda spec: type(spec).__name__
)
def test_a_specification_cannot_be_changed(spec):
    field = next(iter(spec.__dataclass_fields__))
    with pytest.raises(FrozenInstanceError):
        setattr(spec, field, 1)


@virtual
async def test_two_children_of_one_id_are_refused_before_anything_starts():
    async with Family() as family:
        with pytest.raises(InvalidSpecError, match=r"^id is 'a': give each child its own id$"):
            await family.start(family.specs("aba"))
        assert family.diary == []


@virtual
async def test_a_supervisor_is_made_by_spawning_it_not_by_calling_its_class():
    family = Family()
    with pytest.raises(RuntimeError, match=r"start actors with ActorSystem\.spawn"):
        family.supervisor("root", family.specs("a"))


def test_a_decider_says_restart_of_what_it_does_not_know():
    assert Decider().decide(random.choice([ValueError(), OSError(), KeyError()])).value == "restart"
