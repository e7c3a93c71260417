"""The same for captures, voids and refunds: without a protection the simulation sees the money go."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from aegispay import NotProcessed, OutcomeUnknown, Reason
from aegispay.actors import outcomes
from aegispay.actors.asking import Asking
from aegispay.domain import decide_operation, decide_outcome, invariants
from aegispay.domain.payment import Operation, Payment
from aegispay.domain.resolution import Purpose
from aegispay.domain.state import OperationKind
from tests.simulation.seeing import sees


@pytest.fixture
def _unchecked(monkeypatch):
    """Let nothing else stop it either: what is written is checked by nobody."""
    monkeypatch.setattr(invariants, "_RULES", ())


@pytest.mark.usefixtures("_unchecked")
def test_a_refund_limit_without_reservations_is_seen(monkeypatch):
    def left_minor(self: Payment) -> int:
        return max(0, self.captured_minor - self.refunded_minor)

    monkeypatch.setattr(Payment, "refundable_minor", property(left_minor))
    assert sees("no_more_out_than_in: ")


def test_an_operation_sent_again_under_a_new_key_is_seen(monkeypatch):
    place, numbers = Asking.place, itertools.count()

    def place_anew(self: Any, payment: Any, sent: Any, purpose: Purpose, *parameters: Any) -> None:
        if purpose is Purpose.RESEND and isinstance(sent, Operation):
            sent = replace(sent, idempotency_key=f"{sent.idempotency_key}-{next(numbers)}")
        place(self, payment, sent, purpose, *parameters)

    monkeypatch.setattr(Asking, "place", place_anew)
    assert sees("nothing_done_twice: ")


@pytest.mark.usefixtures("_unchecked")
def test_a_void_beside_a_capture_is_seen(monkeypatch):
    reserved_minor = Payment.reserved_minor

    def reserved_here(self: Payment, kind: OperationKind) -> int:
        return 0 if kind is OperationKind.VOID else reserved_minor(self, kind)

    def void(payment: Payment, command: Any) -> Any:
        monkeypatch.setattr(Payment, "reserved_minor", lambda *_: 0)
        try:
            return decide_void(payment, command)
        finally:
            monkeypatch.setattr(Payment, "reserved_minor", reserved_here)

    decide_void = decide_operation._void
    monkeypatch.setattr(decide_operation, "_void", void)
    monkeypatch.setattr(Payment, "reserved_minor", reserved_here)
    assert sees("after it was voided")


def test_an_operation_that_is_called_failed_because_nobody_knows_is_seen(monkeypatch):
    meaning = Asking._meaning

    def guess(self: Any, sent: Any, result: Any, answer: Any) -> Any:
        meant = meaning(self, sent, result, answer)
        if isinstance(sent, Operation) and isinstance(meant, OutcomeUnknown):
            return NotProcessed(reason=Reason.NOT_SENT, message="a guess")
        return meant

    monkeypatch.setattr(Asking, "_meaning", guess)
    assert sees("ledger_agrees: ")


def test_a_remembered_cancel_that_is_forgotten_is_seen(monkeypatch):
    monkeypatch.setattr(decide_outcome, "_remembered_cancel", lambda *_: ())
    assert sees("no_charge_after_cancel: ")


def test_stray_webhooks_that_are_believed_are_seen(monkeypatch):
    reported = outcomes._reported

    async def believe(desk: Any, payment: Payment, gateway: str, said: Any) -> bool:
        return await reported(desk, payment, payment.gateway or gateway, said)

    async def notified(desk: Any, message: Any) -> bool:
        return desk.payment is not None and await believe(desk, desk.payment, message.gateway, message.notification)

    monkeypatch.setattr(outcomes, "notified", notified)
    assert sees("ledger_agrees: ")
