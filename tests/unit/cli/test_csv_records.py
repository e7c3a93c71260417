"""Records: a broken one costs its first line, nothing after it."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from aegispay.cli.csv_records import RECORD_LINES_MAX, Record, read_records
from aegispay.cli.lines import Lines


def records(text: str):
    return list(read_records(Lines(io.BytesIO(text.encode()))))


def test_a_record_knows_the_line_it_starts_on():
    assert records('a,b\n"c\nd",e\nf,g\n') == [
        Record(1, ["a", "b"]),
        Record(2, ["c\nd", "e"]),
        Record(4, ["f", "g"]),
    ]


def test_blank_lines_are_no_records():
    assert records("a\n\n\nb\n") == [Record(1, ["a"]), Record(4, ["b"])]


def test_windows_line_ends_are_line_ends():
    assert records("a,b\r\nc,d\r\n") == [Record(1, ["a", "b"]), Record(2, ["c", "d"])]


def test_a_quote_that_never_ends_costs_only_its_line():
    assert records('a\n"b\nc\nd\n') == [
        Record(1, ["a"]),
        Record(2, [], "is not CSV: a quoted cell does not end"),
        Record(3, ["c"]),
        Record(4, ["d"]),
    ]


def test_a_quote_does_not_swallow_a_long_file():
    text = '"a\n' + "b\n" * (RECORD_LINES_MAX + 50)

    found = records(text)

    assert found[0] == Record(1, [], "is not CSV: a quoted cell does not end within 100 lines")
    assert found[1:] == [Record(line, ["b"]) for line in range(2, RECORD_LINES_MAX + 52)]


def test_text_after_a_closing_quote_is_no_csv():
    assert records('"a"b,c\nd,e\n') == [Record(1, [], "is not CSV: ',' expected after '\"'"), Record(2, ["d", "e"])]


def test_a_line_that_is_no_text_costs_only_itself():
    lines = Lines(io.BytesIO(b"a\n\xff\nb\n"))

    assert list(read_records(lines)) == [
        Record(1, ["a"]),
        Record(2, [], "is not UTF-8: byte 1 cannot be decoded"),
        Record(3, ["b"]),
    ]


def test_a_quoted_cell_that_runs_into_a_bad_line_is_reported_and_so_is_that_line():
    lines = Lines(io.BytesIO(b'"a\nb\n\xff\nc\n'))

    assert list(read_records(lines)) == [
        Record(1, [], "is not CSV: a quoted cell runs into line 3, which is not UTF-8: byte 1 cannot be decoded"),
        Record(2, ["b"]),
        Record(3, [], "is not UTF-8: byte 1 cannot be decoded"),
        Record(4, ["c"]),
    ]


@given(st.lists(st.sampled_from([b"a,b", b'"a', b'a"', b'"a\nb",c', b"\xff", b"", b'""', b'"x"y']), max_size=12))
def test_no_line_of_any_file_is_lost_without_a_word(parts):
    data = b"".join(part + b"\n" for part in parts)
    lines = data.split(b"\n")

    starts = [record.line for record in read_records(Lines(io.BytesIO(data)))]

    covered = set(starts)
    for record in read_records(Lines(io.BytesIO(data))):
        covered.update(range(record.line, record.line + sum(cell.count("\n") for cell in record.cells) + 1))
    assert starts == sorted(set(starts))
    assert {number for number, line in enumerate(lines, start=1) if line} <= covered
