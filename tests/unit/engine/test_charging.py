"""Commands applied to a draft: what is refused says why, and leaves the draft as it was."""

from __future__ import annotations

import pytest

from aegispay import IllegalTransitionError
from aegispay.actors.services import apply
from aegispay.domain.draft import Draft
from aegispay.domain.rejection import Rejection
from tests import builders as b


def test_an_illegal_command_names_state_command_and_reason():
    with pytest.raises(IllegalTransitionError) as caught:
        apply(Draft(b.ID, b.succeeded()), b.authenticate())
    assert (caught.value.state, caught.value.command) == ("success", "AuthenticatePayment")
    assert caught.value.reason == "not_allowed_in_this_state"
    assert str(caught.value) == (
        "AuthenticatePayment is not possible while the payment is success: not allowed in this state"
    )


def test_a_command_on_nothing_says_that_there_is_nothing():
    with pytest.raises(IllegalTransitionError, match="while the payment is nothing: payment does not exist"):
        apply(Draft(b.ID, None), b.authenticate())


def test_a_refused_command_adds_nothing_to_what_was_decided_before():
    draft = Draft(b.ID, None)
    for command in (b.create(), b.authenticate(), b.start()):
        assert draft.apply(command) is None
    before, events = draft.payment, list(draft.events)
    assert draft.apply(b.start(2, "beta")) is Rejection.ATTEMPT_STILL_OPEN
    assert (draft.payment, draft.events, draft.version) == (before, events, 0)


def test_events_decided_together_are_written_together():
    draft = Draft(b.ID, None)
    for command in (b.create(), b.authenticate(), b.start()):
        assert draft.apply(command) is None
    assert [event.type.value for event in draft.events] == [
        "payment.initiated",
        "payment.authenticated",
        "payment.processing",
    ]
    assert draft.payment == b.processing()
