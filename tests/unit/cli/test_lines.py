"""Lines: decoded one by one, a bad one costs itself only."""

from __future__ import annotations

import io

import pytest

from aegispay.cli.lines import LINE_BYTES_MAX, BadLineError, Lines


def read(data: bytes):
    lines = Lines(io.BytesIO(data))
    found = []
    while True:
        try:
            found.append(next(lines))
        except StopIteration:
            return found
        except BadLineError as error:
            found.append((error.line, str(error)))


def test_lines_keep_their_ends():
    assert read(b"a\nb\r\nc") == ["a\n", "b\r\n", "c"]


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert read(b"\xef\xbb\xbfa\n") == ["a\n"]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_named_as_such(codec):
    data = "\ufeffidempotency_key\n".encode(codec)

    assert read(data)[0] == (1, "is UTF-16; save the file as UTF-8")


def test_a_line_that_is_not_utf_8_is_named_and_the_next_one_read():
    assert read(b"a\n\xff\xfe\nc\n") == ["a\n", (2, "is not UTF-8: byte 1 cannot be decoded"), "c\n"]


def test_a_line_far_too_long_is_named_and_the_next_one_read():
    data = b"x" * (LINE_BYTES_MAX * 2 + 5) + b"\nnext\n"

    assert read(data) == [(1, "is longer than 1,048,576 bytes"), "next\n"]


def test_a_line_of_just_the_limit_is_read():
    data = b"x" * (LINE_BYTES_MAX - 1) + b"\n"

    assert len(read(data)[0]) == LINE_BYTES_MAX


def test_rewinding_hands_lines_out_again_with_their_numbers():
    lines = Lines(io.BytesIO(b"a\nb\nc\n"))
    next(lines)
    lines.begin_record()
    next(lines), next(lines)

    lines.rewind(keep=1)

    assert (next(lines), lines.number) == ("c\n", 3)
