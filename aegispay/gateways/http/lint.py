"""Mistakes in a table of outcomes that would cost money or hide a row, found before the table is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

from aegispay.gateways.http.classification import (
    EVERYTHING,
    GatewayOperation,
    OutcomeClass,
    Row,
    Table,
    normalised,
    settles,
)

_OTHER_CODE = "\N{BULLET}other"
_NO_CODE = ""

_Cell = tuple[GatewayOperation, int, str]


def lint(table: Table) -> tuple[str, ...]:
    """Return one sentence for each mistake in the table, naming the row by its place from 1; empty if it is sound."""
    found = [problem for number, row in enumerate(table.rows, 1) for problem in _problems(number, row)]
    if found:
        return tuple(found)
    return (*_duplicates(table), *_unreachable(table), *_missing_defaults(table))


def _problems(number: int, row: Row) -> Iterator[str]:
    where = f"row {number}"
    first, last = row.statuses
    if not 400 <= first <= last <= 599:
        yield f"{where}: statuses {first} to {last} are not refusals; a row is about 400 to 599"
    if not row.operations or (row.codes is not None and not row.codes):
        yield f"{where}: it fits nothing: no operation or no code"
    if not row.needs_code and row.codes is not None:
        yield f"{where}: it names codes, so it cannot fit an answer without one"
    yield from _code_problems(where, row)
    if (row.kind is not None) is not (row.outcome is OutcomeClass.DECLINED):
        yield f"{where}: a decline has a kind, and nothing else has one"
    if row.outcome.is_definite:
        yield from _definite_problems(where, row)


def _code_problems(where: str, row: Row) -> Iterator[str]:
    written = sorted(row.codes or ())
    for code, times in Counter(map(normalised, written)).items():
        if times > 1:
            yield f"{where}: {code!r} is written in several ways that mean the same"
    for code in written:
        if not normalised(code) or code != normalised(code):
            yield f"{where}: {code!r} never fits, codes are compared as {normalised(code)!r}"


def _definite_problems(where: str, row: Row) -> Iterator[str]:
    first, last = row.statuses
    unsettled = next((status for status in range(first, last + 1) if not settles(status)), None)
    if unsettled is None:
        return
    if row.codes is None:
        yield f"{where}: {unsettled} does not say that nothing was executed, so {row.outcome} needs codes that do"
    elif not row.because:
        yield f"{where}: {unsettled} does not say that nothing was executed; state in `because` what proves it"


def _duplicates(table: Table) -> Iterator[str]:
    seen: dict[object, int] = {}
    for number, row in enumerate(table.rows, 1):
        scope = (row.statuses, row.codes, row.operations, row.needs_code)
        if scope in seen:
            yield f"row {number}: fits exactly what row {seen[scope]} fits"
        seen.setdefault(scope, number)


def _unreachable(table: Table) -> Iterator[str]:
    reached = {id(row) for cell in _cells(table) if (row := table.find(*cell)) is not None}
    for number, row in enumerate(table.rows, 1):
        if id(row) not in reached:
            yield f"row {number}: never counts, earlier rows fit everything it fits"


def _missing_defaults(table: Table) -> Iterator[str]:
    """Ask of every status that has codes what an unlisted code means there: providers add codes without notice."""
    named = {
        (operation, status)
        for row in table.rows
        if row.codes is not None
        for operation in row.operations
        for status in set(row.statuses)
        if settles(status)
    }
    for operation, status in sorted(named):
        if table.find(operation, status, _OTHER_CODE) is None:
            yield f"{operation} {status}: no row says what an unlisted code means"


def _cells(table: Table) -> Iterator[_Cell]:
    """Yield one answer for each way in which answers can differ to the table."""
    statuses = {edge for row in table.rows for edge in (row.statuses[0], row.statuses[1], row.statuses[1] + 1)}
    codes = {code for row in table.rows for code in row.codes or ()} | {_OTHER_CODE, _NO_CODE}
    yield from product(sorted(EVERYTHING), sorted(statuses), sorted(codes))
