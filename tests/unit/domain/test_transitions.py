import dataclasses

import pytest

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.decide import _HANDLERS, decide
from aegispay.domain.evolve import IllegalEventError, evolve
from aegispay.domain.pictures import to_dot, to_mermaid, to_text
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import OperationKind, PaymentState
from aegispay.domain.transitions import TRANSITIONS, arrows, commands, targets
from tests.builders import ID, NOW, authenticate, hard, in_state, processing, unknown
from tests.samples import COMMANDS, EVENTS, INITIATED

STATES = list(PaymentState)


def _all_commands():
    classes = (kind for kind in vars(c).values() if isinstance(kind, type))
    return {kind for kind in classes if issubclass(kind, c.Command) and kind is not c.Command}


def test_there_is_one_beginning_and_every_state_is_reachable():
    assert [row.target for row in TRANSITIONS if row.source is None] == [PaymentState.INITIATED]
    reached = {PaymentState.INITIATED}
    while True:
        more = {row.target for row in TRANSITIONS if row.source in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(PaymentState)


def test_every_state_that_is_not_final_has_an_exit_and_no_final_one_leads_back():
    for state in STATES:
        exits = {row.target for row in TRANSITIONS if row.source is state} - {state}
        if not state.is_final:
            assert exits, state
        else:
            assert all(target.is_final for target in exits), state
    assert not targets(PaymentState.FAILURE, e.EventType.PAYMENT_PROCESSING)
    assert not targets(PaymentState.CANCELLED, e.EventType.PAYMENT_SUCCEEDED)


def test_failure_and_cancelled_and_refunded_are_never_left():
    for state in (PaymentState.FAILURE, PaymentState.CANCELLED, PaymentState.REFUNDED):
        assert {row.target for row in TRANSITIONS if row.source is state} == {state}


@pytest.mark.parametrize("state", STATES)
def test_a_payment_can_be_brought_into_the_state(state):
    assert in_state(state).state is state


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_evolve_accepts_exactly_what_the_table_has(state, event):
    payment = in_state(state)
    possible = targets(state, event.type)
    try:
        after = evolve(payment, event, payment_id=ID)
    except IllegalEventError:
        # A legal arrow may still name an attempt or operation that this payment does not have.
        assert not possible or _names_something_absent(event)
        return
    assert after.state in possible
    assert after.version == payment.version + 1


def _names_something_absent(event):
    return isinstance(event, e.OperationEvent) or hasattr(event, "number")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_decide_never_leaves_the_table(state, command):
    payment = in_state(state)
    decided = decide(payment, command)
    if isinstance(decided, Rejection):
        return
    for event in decided:
        assert targets(payment.state, event.type)
        payment = evolve(payment, event, payment_id=ID)
    if type(command).__name__ not in commands(state):
        assert all(isinstance(event, e.IncidentOpened) for event in decided)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_the_same_command_decides_the_same(state, command):
    assert decide(in_state(state), command) == decide(in_state(state), command)


def test_every_command_has_a_handler_and_a_sample():
    every = {kind for kind in _all_commands() if kind.__name__ != "CreatePayment"}
    assert set(_HANDLERS) == every
    assert {type(command) for command in COMMANDS} >= every


def test_every_command_of_the_table_exists():
    named = {name for row in TRANSITIONS for name in row.commands}
    assert named == {kind.__name__ for kind in _all_commands()}


def test_a_command_before_the_payment_exists_is_refused():
    assert decide(None, authenticate()) is Rejection.PAYMENT_DOES_NOT_EXIST


def test_an_event_before_the_payment_exists_is_illegal():
    with pytest.raises(IllegalEventError, match="before the payment was initiated"):
        evolve(None, e.PaymentAuthenticated(at=NOW), payment_id=ID)


def test_a_payment_is_initiated_once():
    with pytest.raises(IllegalEventError, match="initiated twice"):
        evolve(processing(), INITIATED, payment_id=ID)


@pytest.mark.parametrize("number", [-1, 0, 2])
@pytest.mark.parametrize("make", [
    lambda number: e.AttemptFailed(at=NOW, number=number, outcome=hard()),
    lambda number: e.OutcomeBecameUnknown(at=NOW, number=number, outcome=unknown(), checks=0, next_check_at=NOW),
    lambda number: e.PaymentSucceeded(at=NOW, number=number, reference="r", amount_minor=1),
], ids=["failed", "unknown", "succeeded"])  # fmt: skip
def test_an_event_about_an_attempt_that_does_not_exist_is_illegal(make, number):
    with pytest.raises(IllegalEventError, match=f"there is no attempt {number}$"):
        evolve(processing(), make(number), payment_id=ID)


def test_an_event_about_an_operation_that_does_not_exist_is_illegal():
    done = e.OperationSucceeded(at=NOW, kind=OperationKind.REFUND, operation_id="ref-9", reference="r")
    with pytest.raises(IllegalEventError, match="there is no operation ref-9"):
        evolve(in_state(PaymentState.SUCCESS), done, payment_id=ID)


def test_a_payment_is_immutable_and_a_transition_keeps_who_it_is():
    before = processing()
    after = evolve(before, e.CancelRequested(at=NOW, reason="x"), payment_id=ID)
    assert (before.is_cancel_requested, after.is_cancel_requested) == (False, True)
    assert (after.id, after.request, after.created_at) == (before.id, before.request, before.created_at)
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.state = PaymentState.SUCCESS


def test_time_never_runs_backwards_in_a_payment():
    payment = in_state(PaymentState.AUTHENTICATED)
    late = evolve(
        payment, e.IncidentClosed(at=NOW.replace(year=2020), incident_id="x", operator="o", detail=""), payment_id=ID
    )
    assert late.updated_at == payment.updated_at


def test_the_pictures_show_every_state_and_arrow():
    mermaid, dot, text = to_mermaid(), to_dot(), to_text()
    for state in STATES:
        assert state in mermaid
        assert f"{state} [shape=" in dot
        assert state.upper() in text
    assert dot.startswith("digraph")
    assert dot.count("{") == dot.count("}")
    assert dot.count("doublecircle") == sum(state.is_final for state in STATES)
    assert dot.count("->") == len(arrows())
    assert "INITIATED (initial)" in text
    assert "FAILURE (final)" in text
