"""The summary: counted per payment, the same rows give the same text."""

from __future__ import annotations

import dataclasses
import io

from rich.console import Console

from aegispay.cli.summary import Summary
from tests import builders as b


def numbered(payment, number):
    return dataclasses.replace(payment, id=f"pay_{number:026}")


def failed_over():
    return b.after(
        b.outcome(b.not_sent()),
        b.start(2, "beta"),
        b.outcome(b.approved(), 2),
        payment=b.processing(),
    )


def summary_of(*payments):
    summary = Summary()
    for number, payment in enumerate(payments):
        summary.add(numbered(payment, number))
    return summary


def printed(summary):
    out = io.StringIO()
    summary.print(Console(file=out, width=80, highlight=False, markup=False))
    return out.getvalue()


def lines(summary):
    return [line.split() for line in printed(summary).splitlines()]


def test_a_repeated_row_counts_as_a_row_and_not_as_a_payment():
    summary = Summary()
    summary.add(b.succeeded())
    summary.add(b.succeeded())
    summary.reject()

    assert (summary.rows, summary.payments, summary.repeated, summary.rejected) == (3, 1, 1, 1)


def test_states_are_counted_and_doubt_is_told_apart():
    found = lines(summary_of(b.succeeded(), b.succeeded(), b.in_doubt(), b.processing()))

    assert ["success", "2"] in found
    assert ["processing", "(in", "doubt)", "1"] in found
    assert ["processing", "1"] in found


def test_doubt_and_unfinished_are_two_things():
    summary = summary_of(b.in_doubt(), b.processing(), b.succeeded())

    assert (summary.in_doubt, summary.unfinished) == (1, 1)


def test_a_gateway_is_counted_by_its_attempts():
    found = lines(summary_of(b.succeeded(), failed_over(), b.in_doubt()))

    assert ["alpha", "3", "1", "1", "1"] in found
    assert ["beta", "1", "1", "0", "0"] in found


def test_a_payment_that_more_than_one_gateway_was_tried_for_failed_over():
    assert summary_of(b.succeeded(), failed_over()).failed_over == 1


def test_reasons_of_failure_are_counted():
    declined = b.after(b.outcome(b.hard()), payment=b.processing())

    assert ["do_not_honor", "2"] in lines(summary_of(declined, declined, b.succeeded()))


def test_money_is_summed_per_currency_in_its_own_decimals():
    dinars = b.after(b.create(currency="KWD", amount="1.250"), b.authenticate(), b.start())
    paid = b.after(b.outcome(b.approved(amount_minor=1_250, currency="KWD")), payment=dinars)

    found = lines(summary_of(paid, paid, b.succeeded()))

    assert ["KWD", "2", "2", "2.500", "KWD"] in found
    assert ["USD", "1", "1", "100.00", "USD"] in found


def test_a_sum_may_be_larger_than_any_one_amount():
    most = 10**15
    large = b.after(b.create(amount="10000000000000.00"), b.authenticate(), b.start())
    paid = b.after(b.outcome(b.approved(amount_minor=most)), payment=large)

    assert ["USD", "2", "2", "20000000000000.00", "USD"] in lines(summary_of(paid, paid))


def test_nothing_is_printed_about_nothing():
    assert len(printed(Summary()).splitlines()) == 1


def test_the_order_of_the_rows_makes_no_difference():
    payments = [numbered(p, n) for n, p in enumerate([b.succeeded(), failed_over(), b.in_doubt(), b.authorized()])]
    forwards, backwards = Summary(), Summary()
    for payment in payments:
        forwards.add(payment)
    for payment in reversed(payments):
        backwards.add(payment)

    assert printed(forwards) == printed(backwards)


def test_no_line_is_wider_than_a_terminal():
    assert max(map(len, printed(summary_of(b.succeeded(), failed_over())).splitlines())) <= 80
