"""What an adapter gives back, as an outcome that can be kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from aegispay import (
    Approved,
    Declined,
    DeclineKind,
    Duplicate,
    GatewayContract,
    NotFound,
    NotProcessed,
    NotSentError,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.actors.answers import answer_of
from aegispay.domain.outcome import ActionKind, NextAction
from tests.unit.gateways.requests import charge_request

REQUEST = charge_request()
GOOD = Approved(reference="r-1", amount_minor=1, currency="USD")


def answer_to(what, *, may_be_absent=False):
    async def ask(_request):
        if isinstance(what, BaseException):
            raise what
        return what

    return asyncio.run(answer_of(ask, REQUEST, contract=GatewayContract(), gateway="odd", may_be_absent=may_be_absent))


def test_an_outcome_passes_unchanged():
    declined = Declined(kind=DeclineKind.SOFT, reason=Reason.ISSUER_UNAVAILABLE, code="91", message="try later")
    assert answer_to(GOOD) == GOOD
    assert answer_to(declined) == declined


def test_not_found_is_an_answer_to_a_look_up_only():
    assert answer_to(NotFound(), may_be_absent=True) == NotFound()
    assert answer_to(NotFound()).reason is Reason.UNREADABLE_ANSWER


def test_only_not_sent_says_that_nothing_happened():
    assert answer_to(NotSentError("no route")) == NotProcessed(reason=Reason.NOT_SENT, message="no route")
    for error in (OSError("no route"), ConnectionRefusedError(), NotImplementedError(), KeyError("x")):
        assert isinstance(answer_to(error), OutcomeUnknown)


def test_an_exceptions_own_words_are_not_kept():
    assert answer_to(ValueError("secret")).message == "the adapter raised ValueError"


def test_our_own_cancellation_is_not_an_answer():
    async def main():
        never = asyncio.Event()
        waiting = answer_of(
            lambda _request: never.wait(), REQUEST, contract=GatewayContract(), gateway="odd", may_be_absent=False
        )
        task = asyncio.create_task(waiting)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_plain_value_of_a_right_shape_is_coerced_into_a_sound_outcome():
    loose = Declined(kind="soft", reason="issuer_unavailable")
    assert answer_to(loose) == Declined(kind=DeclineKind.SOFT, reason=Reason.ISSUER_UNAVAILABLE)


def challenge(reference="r-1", **texts):
    action = NextAction(kind=ActionKind.REDIRECT, expires_at=datetime(2026, 1, 1, tzinfo=UTC), **texts)
    return RequiresAction(reference=reference, action=action)


def pending(reference):
    return Pending(reference=reference)


def duplicate(reference):
    return Duplicate(reference=reference)


def approved(reference):
    return Approved(reference=reference, amount_minor=1, currency="USD")


def label(text):
    return f"{text[:3]!r} of {len(text)}"


def is_unreadable(answer):
    return isinstance(answer, OutcomeUnknown) and answer.reason is Reason.UNREADABLE_ANSWER


@pytest.mark.parametrize("outcome", [approved, challenge, pending, duplicate])
@pytest.mark.parametrize(
    "reference", ["", "r" * 256, "r" * 3_000_000, "r\n1", "r\x001"], ids=lambda text: repr(text)[:9]
)
def test_a_reference_that_no_provider_gives_is_not_kept(outcome, reference):
    assert is_unreadable(answer_to(outcome(reference)))


@pytest.mark.parametrize("outcome", [approved, challenge, pending, duplicate])
@pytest.mark.parametrize("reference", ["r", "r" * 255, "pi_3Nx 1/é"], ids=label)
def test_a_reference_as_providers_give_them_is_kept_as_it_is(outcome, reference):
    assert answer_to(outcome(reference)) == outcome(reference)


def test_a_duplicate_need_not_say_of_what():
    assert answer_to(Duplicate()) == Duplicate()


@pytest.mark.parametrize(("text", "length_max"), [("url", 8_192), ("payload", 65_536)])
def test_what_the_payer_is_given_is_kept_up_to_its_limit_and_not_beyond(text, length_max):
    longest, longer = (challenge(**{text: "x" * length}) for length in (length_max, length_max + 1))
    assert answer_to(longest) == longest
    assert is_unreadable(answer_to(longer))
