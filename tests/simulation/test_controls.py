"""With a protection switched off the simulation sees the damage: were it blind, its silence would prove nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from aegispay import MemoryStore, NotProcessed, OutcomeUnknown, Reason
from aegispay.actors import asking, charging
from aegispay.actors.asking import Asking
from aegispay.actors.charging import Charging
from aegispay.domain import commands as c
from aegispay.domain import decide, invariants, resolution
from aegispay.domain import events as e
from aegispay.domain.resolution import Purpose
from tests.simulation.seeing import sees


def test_failover_after_an_unknown_outcome_is_seen(monkeypatch):
    judge = asking.as_evidence

    def guess(purpose: Purpose, outcome: Any) -> Any:
        if purpose is Purpose.SEND and isinstance(outcome, OutcomeUnknown):
            return NotProcessed(reason=Reason.NOT_SENT, message="a guess")
        return judge(purpose, outcome)

    monkeypatch.setattr(asking, "as_evidence", guess)
    assert sees("at_most_one_charge: ")


def test_a_second_attempt_beside_an_open_one_is_seen(monkeypatch):
    async def next_attempt(self: Any, draft: Any) -> None:
        payment = draft.payment
        if payment is None or payment.state not in charging._STARTABLE:
            return
        strategy = charging._strategy(payment, self._services.settings.of(payment))
        decision = await self._choose(payment, strategy)
        if decision.order:
            gateway = self._services.gateways[decision.order[0]].gateway
            charging.apply(draft, self._start(payment, gateway, decision, 0))

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
    place, numbers = Asking.place, itertools.count()

    def place_anew(self: Any, payment: Any, sent: Any, purpose: Purpose, *parameters: Any) -> None:
        if purpose is Purpose.RESEND:
            sent = replace(sent, idempotency_key=f"{sent.idempotency_key}-{next(numbers)}")
        place(self, payment, sent, purpose, *parameters)

    monkeypatch.setattr(Asking, "place", place_anew)
    assert sees("at_most_one_charge: ")


def test_a_store_that_checks_no_versions_is_seen(monkeypatch):
    monkeypatch.setattr(MemoryStore, "_refuse_unfit", lambda self, append: None)
    assert sees("initiated twice")


def test_a_look_up_believed_too_early_is_seen(monkeypatch):
    monkeypatch.setattr(resolution, "proves_absence", lambda *arguments, **keywords: True)
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
