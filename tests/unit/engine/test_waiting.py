"""Callers that wait for a payment to settle."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.waiting import Waiters
from tests import builders as b


def run(test):
    return asyncio.run(test())


def test_everybody_who_waits_for_a_payment_is_answered_and_nobody_else():
    async def main():
        waiters = Waiters()
        payment = b.succeeded()
        first, second, other = waiters.expect(b.ID), waiters.expect(b.ID), waiters.expect("pay_other")
        waiters.settled(payment)
        assert (first.result(), second.result()) == (payment, payment)
        assert not other.done()
        assert len(waiters) == 1

    run(main)


def test_a_forgotten_waiter_takes_its_payment_off_the_list_only_with_the_last():
    async def main():
        waiters = Waiters()
        first, second = waiters.expect(b.ID), waiters.expect(b.ID)
        waiters.forget(b.ID, first)
        assert waiters.futures() == (second,)
        waiters.forget(b.ID, second)
        waiters.forget(b.ID, second)
        assert (len(waiters), waiters.futures()) == (0, ())

    run(main)


def test_a_caller_that_went_away_does_not_disturb_the_others():
    async def main():
        waiters = Waiters()
        gone, here = waiters.expect(b.ID), waiters.expect(b.ID)
        gone.cancel()
        waiters.settled(b.succeeded())
        assert here.result() == b.succeeded()

    run(main)


def test_an_error_reaches_everybody_and_is_not_reported_as_lost():
    async def main():
        waiters = Waiters()
        futures = [waiters.expect(b.ID), waiters.expect("pay_other")]
        waiters.fail_all(ValueError("closed"))
        for future in futures:
            with pytest.raises(ValueError, match="closed"):
                future.result()
        assert len(waiters) == 0

    run(main)
