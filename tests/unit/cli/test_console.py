"""What reaches the terminal is text, never markup or control sequences."""

from __future__ import annotations

import io

import pytest

from aegispay.cli.console import make_console, printable


@pytest.mark.parametrize("text", ["[red]x[/red]", ":bug:", "[/]", "1234567"])
def test_text_is_printed_as_it_is(text):
    console = make_console(is_error=False)
    console.file = io.StringIO()

    console.print(text)

    assert console.file.getvalue() == f"{text}\n"


def test_control_characters_are_escaped():
    assert printable("a\x1b[31m\nb") == r"a\x1b[31m\nb"


def test_a_long_text_is_shortened():
    assert printable("x" * 50, longest=10) == "x" * 9 + "…"
