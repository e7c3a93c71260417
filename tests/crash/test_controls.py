"""With a protection switched off the enumeration sees the damage: were it blind, its silence would prove nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from aegispay import AegisPayError, MemoryStore, NotProcessed, Reason
from aegispay.actors.asking import Asking
from aegispay.actors.waking import Waking
from aegispay.domain import events as e
from aegispay.domain.evidence import Evidence
from aegispay.domain.resolution import Purpose
from tests.crash.lives import ProcessDies
from tests.crash.operations import OPERATIONS
from tests.crash.run import check, run


def sees(monkeypatch: Any, name: str) -> bool:
    """Return whether a death at one of the scenario's places leads to an end that is not allowed."""
    scenario = next(each for each in OPERATIONS if each.name == name)
    for number in itertools.count():
        try:
            struck = run(monkeypatch, scenario, ProcessDies(), number)
            check(struck, scenario)
        except (AssertionError, AegisPayError):
            return True
        if number >= len(struck.places):
            return False
    return False


def test_the_scenarios_of_these_controls_are_kept_when_nothing_is_switched_off(monkeypatch):
    assert not any(sees(monkeypatch, name) for name in ("refund unknown, sent again", "refund of all"))


def test_a_refund_sent_again_under_a_new_key_is_seen(monkeypatch):
    place, numbers = Asking.place, itertools.count()

    def place_anew(self: Any, payment: Any, sent: Any, purpose: Purpose, *parameters: Any) -> None:
        if purpose is Purpose.RESEND:
            sent = replace(sent, idempotency_key=f"{sent.idempotency_key}-{next(numbers)}")
        place(self, payment, sent, purpose, *parameters)

    monkeypatch.setattr(Asking, "place", place_anew)
    assert sees(monkeypatch, "refund unknown, sent again")


def test_a_lost_answer_taken_for_a_failure_is_seen(monkeypatch):
    async def give_up(self: Any, sent: Any, message: str) -> None:
        draft = self._desk.draft()
        failed = NotProcessed(reason=Reason.NOT_SENT, message=message)
        draft.apply(self._desk.asking.record(self._desk.existing(), sent, failed, Evidence.ANSWER))
        await self._desk.commit(draft)

    monkeypatch.setattr(Waking, "_doubt", give_up)
    assert sees(monkeypatch, "refund of all")


def test_a_refund_that_is_sent_before_it_is_on_disk_is_seen(monkeypatch):
    append = MemoryStore.append

    async def append_late(self: Any, wanted: Any) -> int:
        if any(isinstance(event, e.OperationRequested) for event in wanted.events):
            return wanted.expected_version + len(wanted.events)
        return await append(self, wanted)

    monkeypatch.setattr(MemoryStore, "append", append_late)
    assert sees(monkeypatch, "refund of all")
