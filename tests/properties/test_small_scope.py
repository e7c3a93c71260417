"""What is true after every step to every payment within the bounds of `small_scope`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from aegispay.domain import commands as c
from aegispay.domain import decide as decide_module
from aegispay.domain import decide_outcome
from aegispay.domain import events as e
from aegispay.domain.decide import decide
from aegispay.domain.invariants import violations
from aegispay.domain.keys import cancel_id
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import AttemptStatus, OperationKind, OperationStatus, PaymentState
from aegispay.domain.timers import wake_at
from tests.properties.small_scope import Step, own_tries, steps

S = PaymentState
COLLECTED = {S.SUCCESS, S.PARTIALLY_REFUNDED}
NEWS_OF_NOTHING = (e.OutcomeBecameUnknown, e.OperationBecameUnknown)
SEEN_AT_MOST = 3

Check = Callable[[Step], bool]


def invariants_hold(step: Step) -> bool:
    return not violations(step.after)


def done_minor(payment: Payment, kind: OperationKind, *statuses: OperationStatus) -> int:
    return sum(o.amount_minor for o in payment.operations if o.kind is kind and o.status in statuses)


def amounts_add_up(step: Step) -> bool:
    """Count once more by hand: what may have moved never exceeds what there was."""
    p, may_move = step.after, set(OperationStatus) - {OperationStatus.FAILED}
    captured = done_minor(p, OperationKind.CAPTURE, *may_move)
    voided = done_minor(p, OperationKind.VOID, OperationStatus.SUCCEEDED)
    refunded = done_minor(p, OperationKind.REFUND, *may_move)
    return max(captured, p.captured_minor) + voided <= p.authorized_minor and refunded <= p.captured_minor


def one_attempt_may_have_moved_money(step: Step) -> bool:
    return sum(attempt.status is not AttemptStatus.FAILED for attempt in step.after.attempts) <= 1


def void_and_capture_exclude_each_other(step: Step) -> bool:
    p, live = step.after, (OperationStatus.REQUESTED, OperationStatus.UNKNOWN)
    voiding = done_minor(p, OperationKind.VOID, *live)
    capturing = done_minor(p, OperationKind.CAPTURE, *live)
    voided = done_minor(p, OperationKind.VOID, OperationStatus.SUCCEEDED)
    return not (voiding and capturing) and not (voided and capturing)


def no_attempt_follows_a_cancel(step: Step) -> bool:
    return not (step.before.is_cancel_requested and any(isinstance(ev, e.AttemptStarted) for ev in step.events))


def no_attempt_begins_before_its_time(step: Step) -> bool:
    started = [ev for ev in step.events if isinstance(ev, e.AttemptStarted)]
    return step.before.retry_at is None or all(ev.at >= step.before.retry_at for ev in started)


def doubt_ends_by_evidence(step: Step) -> bool:
    """Nothing in doubt is settled without a record of why."""
    attempt = step.before.last_attempt
    if attempt is None or attempt.status is not AttemptStatus.UNKNOWN:
        return True
    resolved = [ev for ev in step.events if isinstance(ev, e.OutcomeResolved)]
    return bool(resolved) or step.after.is_charge_in_doubt


def unfinished_has_a_timer(step: Step) -> bool:
    p = step.after
    is_given_up = Reason.CANCEL_NOT_EXECUTED in {incident.reason for incident in p.incidents}
    is_cancel_due = p.is_cancel_requested and p.state in COLLECTED and p.refundable_minor > 0 and not is_given_up
    needs_one = not p.state.is_final or p.has_open_operation or is_cancel_due
    return (wake_at(p) is not None) is needs_one


def timer_has_something_to_do(step: Step) -> bool:
    """A timer that is due and changes nothing would be due again at once, for ever."""
    p, due_at = step.after, wake_at(step.after)
    if due_at is None or p.has_open_operation or p.state in {S.AUTHENTICATED, S.PROCESSING}:
        return True
    name = cancel_id(p.id, len(own_tries(p)) + 1)
    again = c.RepeatCancel(at=due_at, operation_id=name, idempotency_key=name, deadline_at=due_at)
    decisions = (decide(p, c.ExpirePayment(at=due_at)), decide(p, again))
    return any(decision and not isinstance(decision, Rejection) for decision in decisions)


def told_twice_is_told_once(step: Step) -> bool:
    again = decide(step.after, step.command)
    return isinstance(again, Rejection) or all(isinstance(ev, NEWS_OF_NOTHING) for ev in again)


def sums(payment: Payment) -> tuple[int, int, int]:
    return payment.authorized_minor, payment.captured_minor, payment.refunded_minor


def time_moves_no_money(step: Step) -> bool:
    """Time ends what was never charged, what the payer did not confirm, and an authorization that lapsed."""
    if not isinstance(step.command, c.ExpirePayment | c.RepeatCancel):
        return True
    before, after = step.before, step.after
    if sums(before) != sums(after) or before.charged_back_minor != after.charged_back_minor:
        return False
    if before.state is after.state:
        return True
    is_lapsed = before.state is S.AUTHORIZED and step.command.at >= before.expires_at and not before.in_doubt
    return is_lapsed or before.state in {S.INITIATED, S.REQUIRES_ACTION}


def final_is_final(step: Step) -> bool:
    leads_on = {S.SUCCESS: {*COLLECTED, S.REFUNDED}, S.PARTIALLY_REFUNDED: {S.PARTIALLY_REFUNDED, S.REFUNDED}}
    return not step.before.state.is_final or step.after.state in leads_on.get(step.before.state, {step.before.state})


CHECKS: tuple[Check, ...] = (
    invariants_hold, amounts_add_up, one_attempt_may_have_moved_money, void_and_capture_exclude_each_other,
    no_attempt_follows_a_cancel, no_attempt_begins_before_its_time,
    doubt_ends_by_evidence, unfinished_has_a_timer, timer_has_something_to_do,
    told_twice_is_told_once, time_moves_no_money, final_is_final,
)  # fmt: skip


@pytest.fixture(scope="module", params=["automatic", "manual"])
def findings(request) -> dict[str, list[Step]]:
    """Walk once and hold each step against all checks; keep the first few that break one."""
    found: dict[str, list[Step]] = {check.__name__: [] for check in CHECKS}
    states = set()
    for step in steps(request.param):
        states.add(step.after.state)
        for check in CHECKS:
            if len(found[check.__name__]) < SEEN_AT_MOST and not check(step):
                found[check.__name__].append(step)
    assert states == set(PaymentState) - ({S.AUTHORIZED} if request.param == "automatic" else set())
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_in_every_reachable_payment(findings, check):
    assert findings[check.__name__] == []


# --- with a protection switched off, the walk must see the bug --------------------------------------------


def first_broken(check: Check, capture: str = "manual") -> Step | None:
    return next((step for step in steps(capture) if not check(step)), None)


def without_reservations_of(kind: OperationKind):
    counted = Payment.reserved_minor
    return lambda payment, asked: 0 if asked is kind else counted(payment, asked)


@pytest.mark.parametrize(
    ("kind", "capture", "check"),
    [
        (OperationKind.VOID, "manual", void_and_capture_exclude_each_other),
        (OperationKind.CAPTURE, "manual", void_and_capture_exclude_each_other),
        (OperationKind.REFUND, "automatic", amounts_add_up),
    ],
    ids=["void", "capture", "refund"],
)
def test_without_a_reservation_the_walk_finds_money_moved_twice(monkeypatch, kind, capture, check):
    monkeypatch.setattr(Payment, "reserved_minor", without_reservations_of(kind))
    assert first_broken(check, capture) is not None


def test_when_nobody_looks_at_what_is_left_the_walk_finds_a_timer_that_is_due_for_ever(monkeypatch):
    monkeypatch.setattr(Payment, "unwanted_minor", 1)
    monkeypatch.setattr(Payment, "has_open_operation", False)
    assert first_broken(timer_has_something_to_do) is not None


def test_without_a_record_of_the_evidence_the_walk_finds_a_doubt_that_ended_by_itself(monkeypatch):
    monkeypatch.setattr(decide_outcome, "_resolved", lambda *_: ())
    assert first_broken(doubt_ends_by_evidence) is not None


def test_when_the_cancel_is_forgotten_the_walk_finds_the_next_attempt(monkeypatch):
    failed, start = decide_outcome._failed, decide_module._HANDLERS[c.StartAttempt]

    def forgetful(decided):
        return lambda payment, *rest: decided(replace(payment, cancel_requested_at=None), *rest)

    monkeypatch.setattr(decide_outcome, "_failed", forgetful(failed))
    monkeypatch.setitem(decide_module._HANDLERS, c.StartAttempt, forgetful(start))
    assert first_broken(no_attempt_follows_a_cancel) is not None


def test_when_the_wait_is_forgotten_the_walk_finds_an_attempt_before_its_time(monkeypatch):
    start = decide_module._HANDLERS[c.StartAttempt]
    impatient = lambda payment, command: start(replace(payment, retry=None), command)  # noqa: E731
    monkeypatch.setitem(decide_module._HANDLERS, c.StartAttempt, impatient)
    assert first_broken(no_attempt_begins_before_its_time, "automatic") is not None
