"""Each numbered rule, and a payment that breaks exactly it: a check that cannot fail protects nothing."""

from dataclasses import replace

import pytest

from aegispay.domain.invariants import INVARIANTS, InvariantError, check, violations
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Failure, Payment
from aegispay.domain.retry import TryAt
from aegispay.domain.state import AttemptStatus, OperationStatus, PaymentState
from tests import builders as b

S = PaymentState


def with_attempts(payment: Payment, *changes: dict) -> Payment:
    attempts = [replace(payment.attempts[0], **change) for change in changes]
    return replace(payment, attempts=tuple(attempts))


def two_refunds() -> Payment:
    return b.after(b.refund(1_000, "ref-1"), b.refund(1_000, "ref-2"), payment=b.succeeded())


def one_refund() -> Payment:
    return b.after(b.refund(1_000), b.recorded("ref-1", amount_minor=1_000), payment=b.succeeded())


def capture_beside_what_was_voided() -> Payment:
    payment = b.after(b.capture(1_000, is_final=False), b.recorded("cap-1", amount_minor=1_000), payment=b.authorized())
    voided = b.after(b.cancel(), payment=b.authorized()).operations[0]
    return replace(payment, operations=(*payment.operations, replace(voided, status=OperationStatus.SUCCEEDED)))


def void_beside_capture() -> Payment:
    payment = b.after(b.capture(1_000, is_final=False), payment=b.authorized())
    voided = b.after(b.cancel(), payment=b.authorized()).operations[0]
    return replace(payment, operations=(*payment.operations, voided))


FAILED, STARTED = AttemptStatus.FAILED, AttemptStatus.STARTED
BROKEN = {
    "I-01": lambda: replace(b.authorized(), authorized_minor=b.AMOUNT + 1),
    "I-02": lambda: replace(
        two_refunds(), operations=tuple(replace(o, amount_minor=5_001) for o in two_refunds().operations)),
    "I-03": lambda: with_attempts(b.processing(), {"idempotency_key": "k1"}, {"number": 2, "status": STARTED}),
    "I-04": lambda: with_attempts(b.processing(), {"number": 2}),
    "I-05": lambda: with_attempts(b.processing(), {"status": FAILED}, {"number": 2}),
    "I-06": lambda: replace(b.processing(), state=S.CANCELLED),
    "I-07": lambda: replace(b.succeeded(), captured_minor=0),
    "I-08": lambda: replace(one_refund(), state=S.SUCCESS),
    "I-09": lambda: replace(b.authorized(), authorized_minor=0),
    "I-10": lambda: replace(b.authorized(), authorized_minor=0, attempts=b.in_doubt().attempts),
    "I-11": lambda: replace(b.processing(), failure=Failure(reason=Reason.TIMEOUT)),
    "I-12": lambda: replace(b.in_state(S.REQUIRES_ACTION), action=None),
    "I-13": void_beside_capture,
    "I-14": lambda: replace(two_refunds(), operations=(two_refunds().operations[0],) * 2),
    "I-15": lambda: replace(one_refund(), refunded_minor=2_000),
    "I-16": capture_beside_what_was_voided,
    "I-17": lambda: replace(b.after(b.chargeback(2_000), payment=one_refund()), charged_back_minor=9_001),
    "I-18": lambda: replace(b.processing(), retry=TryAt(at=b.LATER, why="w")),
}  # fmt: skip


def test_every_rule_has_a_number_of_its_own_and_an_example_that_breaks_it():
    assert [invariant.number for invariant in INVARIANTS] == list(BROKEN)


@pytest.mark.parametrize("number", BROKEN)
def test_a_payment_that_breaks_the_rule_is_caught_and_the_rule_is_named(number):
    broken = violations(BROKEN[number]())
    assert [each.split(":")[0] for each in broken] == [number]


def test_the_error_names_the_payment_and_every_broken_rule():
    payment = replace(b.succeeded(), captured_minor=b.AMOUNT + 1, action=b.wants_payer().action)
    with pytest.raises(InvariantError) as caught:
        check(payment)
    assert str(caught.value).startswith(f"{b.ID} breaks I-01: ")
    assert [each.split(":")[0] for each in caught.value.broken] == ["I-01", "I-12"]


@pytest.mark.parametrize("state", S)
def test_a_payment_made_by_commands_is_sound_in_every_state(state):
    assert violations(b.in_state(state)) == ()


@pytest.mark.parametrize(
    ("refunded", "reserved", "holds"), [(0, 10_000, True), (1, 10_000, False), (10_000, 0, True), (10_001, 0, False)]
)
def test_refunded_and_reserved_together_never_exceed_the_captured_amount(refunded, reserved, holds):
    payment = b.after(b.refund(1), payment=b.succeeded())
    operation = replace(payment.operations[0], amount_minor=reserved, status=OperationStatus.UNKNOWN)
    broken = violations(replace(payment, refunded_minor=refunded, operations=(operation,)))
    assert ("I-02" not in {each.split(":")[0] for each in broken}) is holds
