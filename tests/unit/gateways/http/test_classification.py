"""Every answer lands in a class, and only what says so is definite (hazards A4 and A5)."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.outcome import Declined, DeclineKind, Duplicate, Executed, Outcome, OutcomeUnknown, Reason
from aegispay.gateways.http.classification import (
    GatewayOperation,
    OutcomeClass,
    Refusal,
    Row,
    Table,
    classify,
    settles,
)
from aegispay.gateways.sandbox_table import SANDBOX

TABLES = [SANDBOX]
OPERATIONS = st.sampled_from(list(GatewayOperation))
CODES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(sorted({code for table in TABLES for row in table.rows for code in row.codes or ()})),
)
BROKEN = [*range(500, 600), 408, 409, 425, 429]


def refusal(status, code="", operation=GatewayOperation.CHARGE, **more):
    return Refusal(operation=operation, status=status, code=code, **more)


def table(**row):
    fields = {"status": 402, "outcome": OutcomeClass.DECLINED, "reason": Reason.DO_NOT_HONOR, "kind": DeclineKind.HARD}
    return Table("test", (Row(**(fields | row)),))


@pytest.mark.parametrize("shipped", TABLES, ids=lambda each: each.name)
@given(operation=OPERATIONS, status=st.integers(-1_000, 10_000), code=CODES)
def test_every_operation_status_and_code_has_an_outcome(shipped, operation, status, code):
    outcome = classify(shipped, refusal(status, code, operation))
    assert isinstance(outcome, get_args(Outcome))
    assert outcome.executed is not Executed.YES


@pytest.mark.parametrize("shipped", TABLES, ids=lambda each: each.name)
@given(operation=OPERATIONS, status=st.integers(-1_000, 10_000), code=CODES)
def test_a4_whatever_is_definite_was_named_by_a_row_for_that_code_or_by_the_status_itself(
    shipped, operation, status, code
):
    outcome = classify(shipped, refusal(status, code, operation))
    if outcome.executed is Executed.NO and not settles(status):
        row = shipped.find(operation, status, code)
        assert row is not None
        assert row.codes is not None
        assert row.because


@pytest.mark.parametrize("shipped", TABLES, ids=lambda each: each.name)
@pytest.mark.parametrize("code", ["", "a_code_that_nobody_has_documented"])
@pytest.mark.parametrize("operation", list(GatewayOperation))
def test_a4_statuses_that_leave_open_what_happened_are_unknown(shipped, operation, code):
    outcomes = [classify(shipped, refusal(status, code, operation)) for status in BROKEN]
    assert {type(outcome) for outcome in outcomes} == {OutcomeUnknown}


@pytest.mark.parametrize("shipped", TABLES, ids=lambda each: each.name)
@pytest.mark.parametrize("status", [100, 200, 201, 202, 204, 299, 301, 302, 307, 399, 600, 999, 0])
def test_a4_a_status_that_is_no_refusal_is_never_taken_for_one(shipped, status):
    for code in ("", "insufficient_funds", "already_captured"):
        assert isinstance(classify(shipped, refusal(status, code)), OutcomeUnknown)


def test_a4_no_row_can_make_a_success_definite():
    outcome = classify(table(status=(100, 599)), refusal(200, "declined"))
    assert isinstance(outcome, OutcomeUnknown)


@pytest.mark.parametrize("status", [400, 402, 404, 422])
def test_a4_a_refusal_without_a_readable_code_may_come_from_anybody_and_is_unknown(status):
    assert isinstance(classify(SANDBOX, refusal(status)), OutcomeUnknown)


@pytest.mark.parametrize(
    ("operation", "code"),
    [(GatewayOperation.CAPTURE, "already_captured"), (GatewayOperation.VOID, "already_voided")],
)
def test_a5_already_done_is_looked_up(operation, code):
    assert classify(SANDBOX, refusal(409, code, operation)) == Duplicate()


@pytest.mark.parametrize("code", ["in_progress", "request_in_progress", "in_other_operation"])
@pytest.mark.parametrize("operation", sorted(set(GatewayOperation) - {GatewayOperation.LOOKUP}))
def test_a5_in_progress_is_unknown(operation, code):
    outcome = classify(SANDBOX, refusal(409, code, operation))
    assert (type(outcome), outcome.reason) == (OutcomeUnknown, Reason.IN_PROGRESS)


def test_a11_a_key_that_was_used_for_something_else_is_unknown():
    outcome = classify(SANDBOX, refusal(400, "idempotency_mismatch"))
    assert (type(outcome), outcome.reason) == (OutcomeUnknown, Reason.DUPLICATE_REFERENCE)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (408, Reason.TIMEOUT),
        (504, Reason.TIMEOUT),
        (409, Reason.IN_PROGRESS),
        (429, Reason.RATE_LIMITED),
        (500, Reason.GATEWAY_FAULT),
        (520, Reason.GATEWAY_FAULT),
        (599, Reason.GATEWAY_FAULT),
        (200, Reason.UNREADABLE_ANSWER),
        (418, Reason.UNREADABLE_ANSWER),
    ],
)
def test_what_is_unknown_says_why(status, reason):
    assert classify(SANDBOX, refusal(status)).reason is reason


@pytest.mark.parametrize("code", ["insufficient_funds", "INSUFFICIENT_FUNDS", " Insufficient_Funds "])
def test_codes_fit_in_whatever_case_they_come(code):
    outcome = classify(SANDBOX, refusal(402, code))
    assert (outcome.reason, outcome.kind) == (Reason.INSUFFICIENT_FUNDS, DeclineKind.CUSTOMER_FIXABLE)
    assert outcome.code == code


@given(message=st.text())
def test_the_message_decides_nothing(message):
    with_message = classify(SANDBOX, refusal(402, "lost_card", message=message))
    assert (type(with_message), with_message.kind, with_message.reason) == (
        Declined,
        DeclineKind.HARD,
        Reason.LOST_CARD,
    )


def test_an_unlisted_decline_is_final_so_that_no_other_gateway_is_tried():
    outcome = classify(SANDBOX, refusal(402, "a_new_code", message="No.", retry_after_s=5.0))
    assert outcome == Declined(
        kind=DeclineKind.HARD, reason=Reason.DECLINED_OTHER, code="a_new_code", message="No.", retry_after_s=5.0
    )


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_for_an_operator(status):
    outcome = classify(SANDBOX, refusal(status))
    assert (outcome.type, outcome.reason, outcome.code) == ("misconfigured", Reason.BAD_CREDENTIALS, str(status))


def test_a_row_counts_for_its_operations_only():
    captures = table(operations=frozenset({GatewayOperation.CAPTURE}))
    assert isinstance(classify(captures, refusal(402, "x", GatewayOperation.CAPTURE)), Declined)
    assert isinstance(classify(captures, refusal(402, "x", GatewayOperation.REFUND)), OutcomeUnknown)


def test_the_first_row_that_fits_counts():
    first = table(codes=frozenset({"x"}), kind=DeclineKind.SOFT)
    both = Table("test", (*first.rows, *table().rows))
    assert classify(both, refusal(402, "x")).kind is DeclineKind.SOFT
    assert classify(both, refusal(402, "y")).kind is DeclineKind.HARD
