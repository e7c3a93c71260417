"""Setting a payment aside, and the incidents that a person has to close."""

import pytest

from aegispay.domain import commands as c
from aegispay.domain.decide import decide
from aegispay.domain.outcome import Reason
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import PaymentState
from aegispay.domain.timers import wake_at
from tests import builders as b
from tests.samples import COMMANDS

PARK = c.ParkPayment(at=b.NOW, cause="crashed too often")
UNPARK = c.UnparkPayment(at=b.NOW, operator="olga")
OPEN = c.OpenIncident(at=b.NOW, incident_id="i-1", reason=Reason.AMOUNT_MISMATCH, detail="d")
CLOSE = c.CloseIncident(at=b.NOW, incident_id="i-1", operator="olga", detail="refunded by hand")
TAKEN_WHILE_PARKED = (
    c.RecordOutcome,
    c.RecordOperation,
    c.ReportChargeback,
    c.OpenIncident,
    c.CloseIncident,
    c.UnparkPayment,
)


@pytest.mark.parametrize("state", PaymentState)
def test_a_payment_can_be_parked_and_unparked_in_every_state_and_keeps_it(state):
    parked = b.after(PARK, payment=b.in_state(state))
    assert (parked.is_parked, parked.state, parked.is_settled) == (True, state, True)
    back = b.after(UNPARK, payment=parked)
    assert (back.is_parked, back.state) == (False, state)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_parked_payment_refuses_every_command_but_news_and_the_operators(command):
    decision = decide(b.after(PARK, payment=b.processing()), command)
    if isinstance(command, c.CreatePayment | c.ParkPayment):
        assert decision == ()
    else:
        assert (decision is Rejection.PAYMENT_IS_PARKED) is not isinstance(command, TAKEN_WHILE_PARKED)


def test_an_outcome_that_arrives_while_parked_is_taken_in_and_starts_nothing():
    parked = b.after(PARK, payment=b.processing())
    failed = b.after(b.outcome(b.not_sent()), payment=parked)
    assert (failed.is_parked, failed.open_attempt) == (True, None)
    assert decide(failed, b.start(2, "beta")) is Rejection.PAYMENT_IS_PARKED
    assert b.after(UNPARK, b.start(2, "beta"), payment=failed).gateway == "beta"


@pytest.mark.parametrize("state", PaymentState)
def test_a_parked_payment_is_not_woken(state):
    assert wake_at(b.after(PARK, payment=b.in_state(state))) is None


def test_parking_twice_is_once_and_only_a_parked_payment_is_unparked():
    assert decide(b.after(PARK, payment=b.processing()), PARK) == ()
    assert decide(b.processing(), UNPARK) is Rejection.PAYMENT_IS_NOT_PARKED


@pytest.mark.parametrize("state", PaymentState)
def test_an_incident_is_opened_once_and_closed_once_in_every_state(state):
    opened = b.after(OPEN, payment=b.in_state(state))
    assert [(incident.id, incident.is_open) for incident in opened.incidents] == [("i-1", True)]
    assert decide(opened, OPEN) == ()
    closed = b.after(CLOSE, payment=opened)
    assert [(incident.id, incident.is_open) for incident in closed.incidents] == [("i-1", False)]
    assert decide(closed, CLOSE) is Rejection.NO_SUCH_OPEN_INCIDENT
    assert decide(closed, OPEN) == ()


def test_an_incident_that_was_never_opened_cannot_be_closed():
    assert decide(b.succeeded(), CLOSE) is Rejection.NO_SUCH_OPEN_INCIDENT
