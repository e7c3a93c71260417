"""How many attempts after the first there may be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay import ValidationError
from aegispay.domain.retry import BudgetBook, RetryBudget

NAMES = ("alpha", "beta")


def filled(firsts, retries=0, *, window_s=60.0, at_s=0.0):
    book = BudgetBook(window_s)
    for _ in range(firsts):
        book.count("alpha", is_retry=False, now_s=at_s)
    for _ in range(retries):
        book.count("beta", is_retry=True, now_s=at_s)
    return book


def test_a_share_of_first_attempts_and_a_floor_are_allowed():
    budget = RetryBudget(share=0.2, floor=3)
    assert filled(50, 12).spent(NAMES, budget, 0.0) == frozenset()
    assert filled(50, 13).spent(NAMES, budget, 0.0) == frozenset(NAMES)


def test_without_any_traffic_the_floor_alone_holds():
    assert filled(0, 2).spent(NAMES, RetryBudget(floor=3), 0.0) == frozenset()
    assert filled(0, 0).spent(NAMES, RetryBudget(floor=0), 0.0) == frozenset(NAMES)


def test_what_is_older_than_the_window_counts_no_more():
    budget = RetryBudget(share=0.0, floor=5)
    book = filled(0, 5)
    assert book.spent(NAMES, budget, 60.9) == frozenset(NAMES)
    assert book.spent(NAMES, budget, 61.1) == frozenset()


def test_one_gateway_may_have_a_smaller_share():
    budget = RetryBudget(share=0.5, floor=0, gateways={"beta": 0.1})
    assert filled(100, 9).spent(NAMES, budget, 0.0) == frozenset()
    assert filled(100, 10).spent(NAMES, budget, 0.0) == frozenset({"beta"})


traffic = st.lists(st.tuples(st.floats(0, 5, width=16), st.booleans(), st.sampled_from(NAMES)), max_size=300)


@settings(max_examples=100, deadline=None)
@given(traffic=traffic, share=st.floats(0, 1), floor=st.integers(0, 10))
def test_at_every_attempt_all_calls_of_the_window_fit_the_budget(traffic, share, floor):
    book, budget, now_s = BudgetBook(60.0), RetryBudget(share=share, floor=floor), 0.0
    made = []
    for pause_s, is_retry, name in traffic:
        now_s += pause_s
        if is_retry and name in book.spent(NAMES, budget, now_s):
            continue
        book.count(name, is_retry=is_retry, now_s=now_s)
        made.append((now_s, is_retry))
        if is_retry:
            # Attempts are counted by sixtieths of the window.
            retries = sum(each for at_s, each in made if at_s > now_s - 60.0)
            firsts = sum(not each for at_s, each in made if at_s > now_s - 61.1)
            assert firsts + retries <= (1 + share) * firsts + floor


def test_first_attempts_are_never_refused():
    book, budget = BudgetBook(60.0), RetryBudget(floor=0, share=0.0)
    for number in range(1_000):
        book.count("alpha", is_retry=False, now_s=number / 100)
    assert repr(book) == "<BudgetBook firsts=1000 retries=0>"
    assert book.spent(NAMES, budget, 10.0) == frozenset(NAMES)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"share": 1.5}, "share"),
        ({"floor": -1}, "floor"),
        ({"floor": True}, "floor"),
        ({"window_s": 0.0}, "window_s"),
        ({"gateways": {"beta": -0.1}}, "gateways.beta"),
        ({"gateways": {"Bad Name": 0.1}}, "gateways"),
        ({"gateways": {5: 0.1}}, "gateways"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(changes, field):
    with pytest.raises(ValidationError) as caught:
        RetryBudget(**changes)
    assert [error.field for error in caught.value.errors] == [f"retry.budget.{field}"]
