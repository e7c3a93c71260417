"""Result lines: about the payment only, so that a second run writes the same."""

from __future__ import annotations

import json

import pytest

from aegispay.cli.results import ResultsFile, accepted, rejected
from aegispay.cli.rows import BadRow, UsageError
from tests import builders as b


def test_an_accepted_row_says_what_became_of_its_payment():
    assert json.loads(accepted(7, b.succeeded())) == {
        "line": 7,
        "idempotency_key": "order-1",
        "payment_id": b.ID,
        "state": "success",
        "in_doubt": False,
        "retry_at": None,
        "amount": "100.00",
        "currency": "USD",
        "gateway": "alpha",
        "attempts": 1,
        "failure": None,
    }


def test_a_declined_payment_says_why():
    declined = b.after(b.outcome(b.hard()), payment=b.processing())

    assert json.loads(accepted(7, declined))["failure"] == {"reason": "do_not_honor", "code": "05"}


def test_a_rejected_row_says_column_and_reason():
    assert json.loads(rejected(BadRow(3, "amount", "is missing"))) == {
        "line": 3,
        "error": {"column": "amount", "reason": "is missing"},
    }


def test_every_result_is_one_line_of_plain_characters():
    text = accepted(1, b.after(b.create(idempotency_key="schlüssel\u00a0"))) + rejected(BadRow(1, "ä", "\n"))

    assert text.isascii()
    assert text.count("\n") == 2


def test_what_the_file_held_is_lost_only_when_the_run_begins(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("precious\n")

    results = ResultsFile(path)
    assert path.read_text() == "precious\n"
    results.begin()
    results.write("new\n")
    results.close()

    assert path.read_text() == "new\n"


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UsageError, match="Is a directory"):
        ResultsFile(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        ResultsFile(tmp_path / "missing" / "out.jsonl")
