"""What an adapter gives back, as an outcome that can be kept."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    Approved,
    Declined,
    DeclineKind,
    GatewayContract,
    NotFound,
    NotProcessed,
    NotSentError,
    OutcomeUnknown,
    Reason,
)
from aegispay.actors.answers import answer_of

GOOD = Approved(reference="r-1", amount_minor=1, currency="USD")


def answer_to(what, *, may_be_absent=False):
    async def ask(_request):
        if isinstance(what, BaseException):
            raise what
        return what

    return asyncio.run(answer_of(ask, None, contract=GatewayContract(), gateway="odd", may_be_absent=may_be_absent))


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
            lambda _request: never.wait(), None, contract=GatewayContract(), gateway="odd", may_be_absent=False
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
