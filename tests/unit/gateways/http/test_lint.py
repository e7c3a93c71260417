"""Tables with one mistake each, and the sentence that names it."""

from __future__ import annotations

import pytest

from aegispay.domain.outcome import DeclineKind, Reason
from aegispay.gateways.http.classification import GatewayOperation, OutcomeClass, Row, Table
from aegispay.gateways.http.lint import lint
from aegispay.gateways.sandbox_table import SANDBOX


def declined(status=402, *codes, **changes):
    fields = {
        "status": status,
        "codes": frozenset(codes) or None,
        "outcome": OutcomeClass.DECLINED,
        "reason": Reason.DO_NOT_HONOR,
        "kind": DeclineKind.HARD,
    }
    return Row(**(fields | changes))


def unknown(status, *codes, **changes):
    return declined(status, *codes, outcome=OutcomeClass.UNKNOWN, kind=None, **changes)


@pytest.mark.parametrize("table", [SANDBOX], ids=lambda table: table.name)
def test_every_shipped_table_is_sound(table):
    assert lint(table) == ()


def test_a_table_may_be_empty_for_then_everything_is_unknown():
    assert lint(Table("empty", ())) == ()


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ((declined(402), declined(402, "lost")), "row 2: never counts, earlier rows fit everything it fits"),
        ((declined((400, 402)), declined((402, 404)), declined(403)), "row 3: never counts"),
        ((declined(402, "lost"), declined(402, "lost"), declined()), "row 2: fits exactly what row 1 fits"),
        ((declined(402, "lost"), declined(402, "lost", kind=DeclineKind.SOFT), declined()), "row 2: fits exactly"),
        ((declined(402, "Lost"), declined()), "row 1: 'Lost' never fits, codes are compared as 'lost'"),
        ((declined(402, "Lost", "lost"), declined()), "row 1: 'lost' is written in several ways that mean the same"),
        ((declined(402, " "), declined()), "row 1: ' ' never fits"),
        ((declined(402, "lost"),), "charge 402: no row says what an unlisted code means"),
        ((declined(500),), "row 1: 500 does not say that nothing was executed, so declined needs codes that do"),
        ((declined((400, 499)),), "row 1: 408 does not say that nothing was executed"),
        ((declined(409, "over"),), "row 1: 409 does not say that nothing was executed; state in `because`"),
        ((declined(429),), "row 1: 429 does not say that nothing was executed"),
        ((declined(200, "no", because="it says so"),), "row 1: statuses 200 to 200 are not refusals"),
        ((declined((403, 401)),), "row 1: statuses 403 to 401 are not refusals"),
        ((declined((599, 600)),), "row 1: statuses 599 to 600 are not refusals"),
        ((declined(402, kind=None),), "row 1: a decline has a kind, and nothing else has one"),
        ((declined(402, outcome=OutcomeClass.UNKNOWN),),
         "row 1: a decline has a kind, and nothing else has one"),
        ((declined(402, codes=frozenset()),), "row 1: it fits nothing: no operation or no code"),
        ((declined(402, operations=frozenset()),), "row 1: it fits nothing: no operation or no code"),
        ((declined(402, "lost", needs_code=False), declined()), "row 1: it names codes, so it cannot fit"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_row(rows, problem):
    assert any(found.startswith(problem) for found in lint(Table("test", rows))), lint(Table("test", rows))


def test_a_definite_row_on_an_open_status_is_sound_with_a_code_and_a_proof():
    assert lint(Table("test", (declined(409, "over", because="keys are compared first"),))) == ()


def test_rows_for_different_operations_do_not_hide_each_other():
    charges = declined(402, operations=frozenset({GatewayOperation.CHARGE}))
    captures = declined(402, operations=frozenset({GatewayOperation.CAPTURE}))
    assert lint(Table("test", (charges, captures))) == ()


def test_a_row_that_only_fits_answers_without_a_code_is_not_hidden_by_one_that_needs_one():
    assert lint(Table("test", (declined(402), unknown(402, needs_code=False)))) == ()
