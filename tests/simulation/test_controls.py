"""With a protection switched off the simulation sees the damage: were it blind, its silence would prove nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from aegispay import MemoryStore, NotProcessed, OutcomeUnknown, Reason
from aegispay.actors import charging
from aegispay.actors.charging import Charging
from aegispay.domain import commands as c
from aegispay.domain import decide, invariants
from aegispay.domain import events as e
from aegispay.domain.resolution import Purpose
from tests.simulation.promises import broken
from tests.simulation.world import simulate

_SEEDS_MAX = 40


def sees(damage: str) -> bool:
    """Return whether one of the first stories breaks a promise whose description contains `damage`."""
    return any(damage in problem for seed in range(_SEEDS_MAX) for problem in problems(seed))


def problems(seed: int) -> list[str]:
    try:
        return broken(simulate(seed))
    except Exception as error:
        return [f"could not be told: {error}"]


def test_failover_after_an_unknown_outcome_is_seen(monkeypatch):
    judge = charging.as_evidence

    def guess(purpose: Purpose, outcome: Any) -> Any:
        if purpose is Purpose.SEND and isinstance(outcome, OutcomeUnknown):
            return NotProcessed(reason=Reason.NOT_SENT, message="a guess")
        return judge(purpose, outcome)

    monkeypatch.setattr(charging, "as_evidence", guess)
    assert sees("at_most_one_charge: ")


def test_a_second_attempt_beside_an_open_one_is_seen(monkeypatch):
    async def next_attempt(self: Any, draft: Any) -> None:
        payment = draft.payment
        if payment is None or payment.state not in charging._STARTABLE:
            return
        decision = await self._choose(payment)
        if decision.order:
            gateway = self._services.gateways[decision.order[0]].gateway
            charging.apply(draft, self._start(payment, gateway, decision))

    def start(payment: Any, command: c.StartAttempt) -> Any:
        fields = ("at", "gateway", "operation_id", "idempotency_key", "request_digest", "deadline_at", "decision")
        copied = {name: getattr(command, name) for name in fields}
        return (e.AttemptStarted(number=len(payment.attempts) + 1, **copied),)

    others = tuple(each.holds for each in invariants.INVARIANTS if each.number not in {"I-03", "I-06"})
    monkeypatch.setattr(Charging, "next_attempt", next_attempt)
    monkeypatch.setitem(decide._HANDLERS, c.StartAttempt, start)
    monkeypatch.setattr(invariants, "_RULES", others)
    assert sees("at_most_one_charge: ")


def test_a_resend_under_a_new_key_is_seen(monkeypatch):
    place, numbers = Charging.place, itertools.count()

    def place_anew(self: Any, payment: Any, attempt: Any, purpose: Purpose) -> None:
        if purpose is Purpose.RESEND:
            attempt = replace(attempt, idempotency_key=f"{attempt.idempotency_key}-{next(numbers)}")
        place(self, payment, attempt, purpose)

    monkeypatch.setattr(Charging, "place", place_anew)
    assert sees("at_most_one_charge: ")


def test_a_store_that_checks_no_versions_is_seen(monkeypatch):
    monkeypatch.setattr(MemoryStore, "_refuse_unfit", lambda self, append: None)
    assert sees("initiated twice")


def test_a_look_up_believed_too_early_is_seen(monkeypatch):
    monkeypatch.setattr(charging, "proves_absence", lambda *arguments, **keywords: True)
    assert sees("at_most_one_charge: ")


def test_a_send_that_is_not_on_disk_first_is_seen(monkeypatch):
    """The intent is written when the answer comes: a process that dies in between has never heard of the charge."""
    append = MemoryStore.append

    async def append_late(self: Any, wanted: Any) -> int:
        if any(isinstance(event, e.AttemptStarted) for event in wanted.events):
            self._fault("before_commit", OSError)
            return wanted.expected_version + len(wanted.events)
        return await append(self, wanted)

    monkeypatch.setattr(MemoryStore, "append", append_late)
    assert sees("was charged and is not in the store")
