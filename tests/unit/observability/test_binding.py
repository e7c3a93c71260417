"""What a line about a payment is bound to: its id and, as far as known, attempt, gateway, operation and trace."""

from __future__ import annotations

import types

import pytest

from aegispay.domain.ids import derive_payment_id
from aegispay.domain.keys import attempt_id, operation_id
from aegispay.domain.state import OperationKind
from aegispay.observability.binding import of_operation, of_payment, of_reference, of_request
from tests.unit.gateways.requests import charge_request

ID = derive_payment_id(b"s" * 16, "m", "k")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def payment(**fields):
    return types.SimpleNamespace(**({"id": ID, "attempts": (), "trace": None} | fields))


def test_a_payment_without_attempts_is_bound_by_its_id():
    assert of_payment(payment()) == {"payment_id": ID}


def test_a_payment_is_bound_to_its_latest_attempt_and_its_trace():
    attempts = tuple(types.SimpleNamespace(number=n, gateway=g) for n, g in ((1, "alpha"), (2, "beta")))
    bound = of_payment(payment(attempts=attempts, trace=f"00-{TRACE}-00f067aa0ba902b7-01"))
    assert bound == {"payment_id": ID, "trace_id": TRACE, "attempt": 2, "gateway": "beta"}


@pytest.mark.parametrize("trace", ["", "nonsense", f"00-{TRACE}", 7])
def test_what_is_no_trace_is_not_bound(trace):
    assert of_payment(payment(trace=trace)) == {"payment_id": ID}


def test_an_attempt_is_bound_with_its_number():
    reference = attempt_id(ID, 12)
    assert of_operation(ID, reference) == {"payment_id": ID, "operation_id": reference, "attempt": 12}


def test_an_operation_is_bound_without_one():
    reference = operation_id(ID, OperationKind.REFUND, "key")
    assert of_reference(reference) == {"payment_id": ID, "operation_id": reference}


def test_a_request_is_bound_to_what_it_is_about():
    assert of_request(charge_request(3)) == {"payment_id": "pay_3", "operation_id": "pay_3-a1", "attempt": 1}


def test_a_reference_that_is_not_ours_binds_nothing():
    assert of_reference("ch_123") == {}
