"""The results file: one JSON object per row, in the order of the rows."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from aegispay.cli.rows import BadRow, UsageError
from aegispay.domain.payment import Payment


class ResultsFile:
    """The file of ``--out``. What it held before is lost only once a run begins.

    Raises:
        UsageError: it cannot be written; so do the methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise self._failed(error) from error

    def begin(self) -> None:
        """Empty the file."""
        with contextlib.suppress(OSError):  # a pipe has no length
            self._file.truncate(0)

    def write(self, line: str) -> None:
        """Add a line."""
        try:
            self._file.write(line)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Write out what is buffered, and close."""
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> UsageError:
        return UsageError(f"--out {self._path}: {error.strerror}")


def accepted(line: int, payment: Payment) -> str:
    """Return the line for an accepted row: what the payment says, nothing about the run."""
    failure = payment.failure
    return _dump(
        {
            "line": line,
            "idempotency_key": payment.idempotency_key,
            "payment_id": payment.id,
            "state": payment.state.value,
            "in_doubt": payment.in_doubt,
            "retry_at": None if payment.retry_at is None else payment.retry_at.isoformat(),
            "amount": f"{payment.money.to_decimal():f}",
            "currency": payment.currency,
            "gateway": payment.gateway,
            "attempts": len(payment.attempts),
            "failure": None if failure is None else {"reason": failure.reason.value, "code": failure.code},
        }
    )


def rejected(bad: BadRow) -> str:
    """Return the line for a row that was not accepted."""
    return _dump({"line": bad.line, "error": {"column": bad.column, "reason": bad.reason}})


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True) + "\n"
