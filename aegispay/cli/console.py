"""Where the commands write: plain text as it is, and a reader that goes away is no error."""

from __future__ import annotations

import os
import sys

from rich import box
from rich.console import Console
from rich.table import Table


class QuietPipeConsole(Console):
    """A console that says nothing more once its reader has gone, so that ``| head`` changes no exit code."""

    def on_broken_pipe(self) -> None:
        """Drop the rest of the output."""
        self.quiet = True
        discard_standard_output()


def make_console(*, is_error: bool) -> Console:
    """Return the console for standard output or standard error; nothing in a text is taken for markup."""
    return QuietPipeConsole(stderr=is_error, highlight=False, markup=False, emoji=False)


def discard_standard_output() -> None:
    """Send what is still in the buffer of standard output nowhere: at exit Python would try to write it again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def make_table(*columns: str, left: int = 1) -> Table:
    """Return a table without frame; its first `left` columns are texts, the others numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for index, column in enumerate(columns):
        is_text = index < left
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True, overflow="ellipsis")
    return table


def printable(text: str, *, longest: int = 200) -> str:
    """Return `text` safe for a terminal: shortened, and control characters written as escapes."""
    shown = text if text.isprintable() else repr(text)[1:-1]
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
