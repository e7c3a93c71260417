"""Callers that wait for a payment to settle."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.domain.state import PaymentState
from aegispay.waiting import Waiters, is_settled
from tests import builders as b


def run(test):
    return asyncio.run(test())


def test_everybody_who_waits_for_a_payment_is_answered_and_nobody_else():
    async def main():
        waiters = Waiters()
        payment = b.succeeded()
        first, second, other = waiters.expect(b.ID), waiters.expect(b.ID), waiters.expect("pay_other")
        waiters.changed(payment)
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
        waiters.changed(b.succeeded())
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


def test_a_caller_is_answered_when_the_payment_has_become_what_this_caller_waits_for():
    async def main():
        waiters = Waiters()
        settled, refunded = waiters.expect(b.ID), waiters.expect(b.ID, lambda payment: payment.refunded_minor > 0)
        waiters.changed(b.processing())
        assert not settled.done()
        waiters.changed(b.succeeded())
        assert (settled.result(), refunded.done()) == (b.succeeded(), False)
        payment = b.in_state(PaymentState.REFUNDED)
        waiters.changed(payment)
        assert refunded.result() == payment
        assert len(waiters) == 0

    run(main)


def test_when_there_is_no_more_to_be_learnt_everybody_is_answered_with_what_is_known():
    async def main():
        waiters = Waiters()
        never, other = waiters.expect(b.ID, lambda _payment: False), waiters.expect("pay_other")
        waiters.looked_at(b.in_doubt())
        assert never.result() == b.in_doubt()
        assert not other.done()

    run(main)


def test_a_doubt_about_a_refund_keeps_no_caller_of_the_charge_waiting():
    doubted = b.after(b.refund(1_000), b.recorded("ref-1", b.unknown()), payment=b.succeeded())
    assert (doubted.in_doubt, doubted.is_charge_in_doubt, is_settled(doubted)) == (True, False, True)
