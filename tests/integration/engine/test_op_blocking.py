"""The blocking face: the same methods, usable from any thread."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest

from aegispay import AegisPay, BlockingAegisPay, MemoryStore, OperationRefusedError, PaymentState, SimulatedGateway
from aegispay.ports import Receipt
from tests.integration.engine.rig import order

METHODS = sorted(name for name in dir(AegisPay) if not name.startswith("_") and callable(getattr(AegisPay, name)))


@pytest.fixture
def alpha():
    return SimulatedGateway("alpha")


@pytest.fixture
def aegis(alpha):
    with BlockingAegisPay(MemoryStore(), gateways=[alpha]) as opened:
        yield opened


def moved(alpha):
    return [(entry.kind.value, entry.amount_minor) for entry in alpha.ledger.entries() if entry.is_done]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_the_same_parameters_and_result(name):
    ours = inspect.signature(getattr(AegisPay, name))
    blocking = inspect.signature(getattr(BlockingAegisPay, name))
    assert blocking.parameters == ours.parameters
    assert blocking.return_annotation == ours.return_annotation


@pytest.mark.parametrize("name", METHODS)
def test_no_method_has_to_be_awaited(name):
    assert not inspect.iscoroutinefunction(getattr(BlockingAegisPay, name))


def test_a_payment_is_captured_in_pieces_and_refunded(aegis, alpha):
    payment = aegis.pay(**order(capture="manual"))
    aegis.capture_payment(payment.id, idempotency_key="c1", amount="30.00", is_final=False)
    payment = aegis.capture_payment(payment.id, idempotency_key="c2", amount="20.00")
    assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 5_000)
    payment = aegis.refund_payment(payment.id, idempotency_key="r1", amount="10.00", reason="broken")
    assert (payment.state, payment.refunded_minor) == (PaymentState.PARTIALLY_REFUNDED, 1_000)
    assert moved(alpha) == [("authorize", 10_000), ("capture", 3_000), ("capture", 2_000), ("refund", 1_000)]


def test_a_payment_is_cancelled(aegis, alpha):
    payment = aegis.pay(**order(capture="manual"))
    assert aegis.cancel_payment(payment.id, reason="enough", idempotency_key="k").state is PaymentState.CANCELLED
    assert moved(alpha) == [("authorize", 10_000), ("void", 10_000)]


def test_a_challenge_is_completed(aegis, alpha):
    payment = aegis.pay(**order(token="tok_requires_action"))
    alpha.pass_challenge(payment.attempts[0].id)
    assert aegis.complete_action(payment.id, parameters={"cres": "x"}).state is PaymentState.SUCCESS
    assert moved(alpha) == [("charge", 10_000)]


def test_a_doubt_is_resolved_and_its_incident_closed(aegis, alpha):
    payment = aegis.pay(**order(token="tok_wrong_amount"))
    assert aegis.metrics().doubts.payments == 1
    payment = aegis.resolve_payment(payment.id, "executed", evidence="seen", operator="mira", gateway_reference="x")
    payment = aegis.close_incident(payment.id, payment.incidents[0].id, operator="mira", detail="theirs")
    assert (payment.state, aegis.metrics().incidents) == (PaymentState.SUCCESS, 0)
    assert moved(alpha) == [("charge", 10_000)]


def test_a_webhook_is_taken_in(aegis, alpha):
    payment = aegis.pay(**order())
    (said,) = alpha.notifications()
    headers, body = alpha.webhook(said)
    assert [aegis.receive_webhook("alpha", headers, body) for _ in range(2)] == [Receipt.STORED, Receipt.DUPLICATE]
    assert aegis.get_payment(payment.id) == payment


def test_refunds_from_many_threads_at_once_return_exactly_what_fits(aegis, alpha):
    payment = aegis.pay(**order())

    def refund(number):
        try:
            return aegis.refund_payment(payment.id, idempotency_key=f"r{number}", amount="3.00").id
        except OperationRefusedError as error:
            return error.reason

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(refund, range(50)))
    assert sorted(answers) == [payment.id] * 33 + ["refund_exceeds_captured"] * 17
    assert aegis.get_payment(payment.id).refunded_minor == 9_900
    assert moved(alpha)[1:] == [("refund", 300)] * 33
