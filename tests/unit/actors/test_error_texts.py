"""Errors name the message's type and the target, never the content."""

import pytest

from aegispay.actors import (
    ActorCrashedError,
    AskCycleError,
    AskTimeoutError,
    MailboxFullError,
    UnknownMessageError,
)
from aegispay.actors.envelope import Envelope
from tests.unit.actors.rig import BoomError, Say

SECRET = Say("4111 1111 1111 1111")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UnknownMessageError(SECRET, "a"), "a does not understand Say"),
        (MailboxFullError(SECRET, "a", 5), "Say was not accepted: a has 5 messages waiting"),
        (AskTimeoutError(SECRET, "a"), "a did not answer Say in time"),
        (AskTimeoutError(Say, "a"), "a did not answer Say in time"),
        (AskCycleError(SECRET, ("a", "b", "a")), "Say would deadlock: a asks b asks a"),
        (ActorCrashedError(SECRET, "a", BoomError(SECRET)), "a crashed with BoomError while handling Say"),
    ],
)
def test_an_error_says_who_and_what_and_nothing_private(error, text):
    assert str(error) == text


def test_an_envelope_shows_the_type_only():
    assert repr(Envelope(SECRET)) == "<Envelope Say>"
