"""Verdicts check themselves when they are made."""

from __future__ import annotations

import pytest

from aegispay.errors import CardDataError, ValidationError
from aegispay.hooks import Allow, Block, Cancel, Count, Enrich, ManualReview, Prefer, Refund, Refuse, RetryAfter, Review

PAN = "4242 4242 4242 4242"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Allow(score=-0.1), "score: use a number from 0 to 1"),
        (lambda: Allow(score=float("nan")), "score: use a number from 0 to 1"),
        (lambda: Allow(score="0.5"), "score: use a number from 0 to 1"),
        (lambda: Allow(counts=[Count("a", "b", 1, 1)]), "counts: use a tuple of at most 8 Count"),
        (lambda: Allow(counts=(1,)), "counts: use a tuple of at most 8 Count"),
        (lambda: Allow(counts=(Count("a", "b", 1, 1),) * 9), "counts: use a tuple of at most 8 Count"),
        (lambda: Refuse(""), "reason: must not be empty"),
        (lambda: Refuse("x", ["amount"]), "fields: use a mapping"),
        (lambda: Refuse("x", {"amount": None}), "fields: must be a text"),  # type: ignore[dict-item]
        (lambda: Refuse("x", {str(n): "y" for n in range(51)}), "fields: use a mapping of at most 50 fields"),
        (lambda: Block("x" * 301), "reason: must have at most 300 characters"),
        (lambda: Block("a\nb"), "reason: must have no control characters"),
        (lambda: Block("x", 2), "score: use a number from 0 to 1"),
        (lambda: Review(5), "reason: must be a text"),
        (lambda: Prefer("alpha"), "gateways: use a list"),
        (lambda: Prefer(("a",) * 101), "gateways: use a list of at most 100 texts"),
        (lambda: Prefer((1,)), r"gateways\[0\]: must be a text"),
        (lambda: Enrich("x"), "metadata: must be a JSON object"),
        (lambda: Enrich({"a": object()}), r"metadata\.a: is not a JSON value"),
        (lambda: RetryAfter(-1), "seconds: use a number from 0 to 2.592e"),
        (lambda: RetryAfter(31 * 86_400), "seconds: use a number from 0 to 2.592e"),
        (lambda: RetryAfter(True), "seconds: use a number"),
        (lambda: Refund(5), "reason: must be a text"),
        (lambda: Cancel(None), "reason: must be a text"),
        (lambda: ManualReview(""), "reason: must not be empty"),
        (lambda: Count("", "v", 1, 1), "count.name: must not be empty"),
        (lambda: Count("n", "v", -1, 1), "count.most: use a whole number from 0"),
        (lambda: Count("n", "v", True, 1), "count.most: use a whole number from 0"),
        (lambda: Count("n", "v", 1, 0), "count.window_s: use more than 0"),
        (lambda: Count("n", "v", 1, float("nan")), "count.window_s: use more than 0"),
        (lambda: Count("n", "v", 1, "1"), "count.window_s: use a number of seconds"),
    ],
)  # fmt: skip
def test_a_verdict_that_makes_no_sense_cannot_be_made(made, said):
    with pytest.raises(ValidationError, match=said):
        made()


@pytest.mark.parametrize(
    "made",
    [
        lambda: Allow(PAN), lambda: Refuse(PAN), lambda: Refuse("x", {PAN: "y"}), lambda: Refuse("x", {"a": PAN}),
        lambda: Block(PAN), lambda: Review(PAN), lambda: Prefer((PAN,)), lambda: Enrich({"a": [PAN]}),
        lambda: Enrich({"cvv": "123"}), lambda: RetryAfter(1, PAN), lambda: Refund(PAN), lambda: ManualReview(PAN),
        lambda: Cancel(PAN), lambda: Count("card", PAN, 1, 1),
    ],
)  # fmt: skip
def test_g4_card_data_in_a_verdict_is_refused_and_not_repeated(made):
    with pytest.raises(CardDataError) as refused:
        made()
    assert "4242" not in str(refused.value)


def test_what_a_verdict_was_made_of_can_change_afterwards_without_changing_it():
    metadata, fields = {"a": [1]}, {"amount": "too much"}
    enrich, refuse = Enrich(metadata), Refuse("no", fields)
    metadata["a"].append(2)
    fields.clear()
    assert enrich.metadata == {"a": [1]}
    assert refuse.fields == {"amount": "too much"}
