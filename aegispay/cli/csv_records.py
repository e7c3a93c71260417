"""Records of a CSV file, one at a time; a broken one costs its own first line and nothing after it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from aegispay.cli.lines import BadLineError, Lines

RECORD_LINES_MAX = 100
"""A quoted cell may span lines, but one that never ends must not swallow the rest of the file."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        line: where it starts in the file, from 1.
        broken: why it cannot be read; empty when it can.
    """

    line: int
    cells: list[str]
    broken: str = ""


def read_records(lines: Lines) -> Iterator[Record]:
    """Read the records; blank lines are skipped."""
    while True:
        lines.begin_record()
        try:
            cells = next(csv.reader(_Source(lines), strict=True))
        except StopIteration:
            return
        except (csv.Error, BadLineError) as error:
            first = lines.number - lines.record_lines + 1
            # A stray quote joins lines that do not belong together: only the one it stands in is lost.
            lines.rewind(keep=1)
            yield Record(first, [], _explain(error, is_first=lines.number == first))
        else:
            if cells:
                yield Record(lines.number - lines.record_lines + 1, cells)


class _Source:
    """The lines of one record, as `csv.reader` asks for them."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __iter__(self) -> _Source:
        return self

    def __next__(self) -> str:
        if self._lines.record_lines >= RECORD_LINES_MAX:
            raise csv.Error(f"a quoted cell does not end within {RECORD_LINES_MAX} lines")
        return next(self._lines)


def _explain(error: csv.Error | BadLineError, *, is_first: bool) -> str:
    if isinstance(error, BadLineError):
        return str(error) if is_first else f"is not CSV: a quoted cell runs into line {error.line}, which {error}"
    message = str(error)
    return f"is not CSV: {'a quoted cell does not end' if message == 'unexpected end of data' else message}"
