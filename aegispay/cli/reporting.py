"""How every command ends: its output, its errors with their way out, and its exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

from aegispay.cli.console import discard_standard_output, make_console
from aegispay.cli.rows import UsageError
from aegispay.errors import AegisPayError, RequestError, ValidationError

out = make_console(is_error=False)
err = make_console(is_error=True)

EXIT_REJECTED = 1
EXIT_USAGE = 2
EXIT_STORE = 3
EXIT_INTERRUPTED = 130

_PROBLEMS_MAX = 100
"""Lines of one error; more than anybody mends at once."""


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turn an error of the block into its message, its way out and its exit code."""
    try:
        yield
    except (AegisPayError, UsageError) as error:
        for problem in _problems(error):
            err.print(f"aegispay: {problem}", soft_wrap=True)
        if isinstance(error, AegisPayError):
            err.print(f"          {error.hint}", soft_wrap=True)
        is_usage = isinstance(error, UsageError | RequestError)
        raise typer.Exit(EXIT_USAGE if is_usage else EXIT_STORE) from None
    except OSError as error:
        err.print(f"aegispay: standard output: {error.strerror or error}", soft_wrap=True)
        discard_standard_output()
        raise typer.Exit(EXIT_USAGE) from None


def _problems(error: Exception) -> Iterator[str]:
    """Yield what is wrong, one problem at a time."""
    if not isinstance(error, ValidationError):
        yield str(error)
        return
    yield from map(str, error.errors[:_PROBLEMS_MAX])
    if len(error.errors) > _PROBLEMS_MAX:
        yield f"and {len(error.errors) - _PROBLEMS_MAX} more"
