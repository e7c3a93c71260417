"""The writing side of the SQLite store: one transaction for everything that waits, on the connection's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aegispay.errors import CommitUnknownError, FencedError, StoreError, StoreUnavailableError
from aegispay.storage.appends import AppendBatch, Write
from aegispay.storage.erasures import Erase
from aegispay.storage.migrations import read_epoch
from aegispay.storage.outbox import Advance, OverrunError, overrun

FaultHook = Callable[[str], None]
"""Called with the name of a point in the commit; what it raises happens there. For tests."""


@dataclass(frozen=True, slots=True, repr=False)
class Statements:
    """SQL that belongs together: all of it is written, or none.

    Attributes:
        statements: each with its parameters; the answer is the rows of each.
    """

    statements: tuple[tuple[str, tuple[Any, ...]], ...]

    def __repr__(self) -> str:
        """Say how much, never what: the driver logs what it is given."""
        return f"<Statements {len(self.statements)}>"


Request = Write | Statements | Advance | Erase

_REFUSALS = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY})
"""Failures of a COMMIT before its last page was written. After any other one, what was written may yet count."""

_UNFIT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    ValueError,
    TypeError,
)
"""The fault of one request's values, which its neighbours do not share."""


class Writer:
    """Commits batches. Every method runs on the connection's own thread.

    Args:
        path: for messages.
        epoch: see there.

    Attributes:
        epoch: ours; when the file says another one, another engine owns it.
    """

    def __init__(self, database: sqlite3.Connection, *, path: str, epoch: int, faults: FaultHook | None) -> None:
        self._database = database
        self._path = path
        self.epoch = epoch
        self._faults = faults if faults is not None else _no_fault

    def commit(self, requests: Sequence[Request], recorded_at_us: int) -> list[Any]:
        """Write all that fit in one transaction; return each one's answer, or why it was not written.

        A `Write` is answered with its stream's new version, `Statements` with the rows of each statement, an `Advance`
        with whether it was made.

        Raises:
            FencedError: another engine owns the file now; nothing was written.
            StoreUnavailableError: nothing was written.
            CommitUnknownError: perhaps written.
        """
        try:
            self._begin()
            answers = self._write_all(requests, recorded_at_us)
            self._faults("before_commit")
        except (sqlite3.Error, OSError) as error:
            self._roll_back()
            raise self._unavailable(error) from error
        except BaseException:
            self._roll_back()
            raise
        self._finish()
        return answers

    def _begin(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._database.execute("BEGIN IMMEDIATE")
        if read_epoch(self._database) != self.epoch:
            raise FencedError(f"{self._path}: another engine has taken this database over; nothing was written")

    def _write_all(self, requests: Sequence[Request], recorded_at_us: int) -> list[Any]:
        try:
            return self._write(requests, recorded_at_us)
        except OverrunError as over:
            self._begin()
            return self._write_without(over.advance, requests, recorded_at_us)
        except _UNFIT:
            self._begin()
            return [self._write_alone(request, recorded_at_us) for request in requests]

    def _write_without(self, refused: Advance, requests: Sequence[Request], recorded_at_us: int) -> list[Any]:
        others = iter(self._write_all([each for each in requests if each is not refused], recorded_at_us))
        return [overrun(refused.progress.subscriber) if each is refused else next(others) for each in requests]

    def _write_alone(self, request: Request, recorded_at_us: int) -> Any:
        self._database.execute("SAVEPOINT alone")
        try:
            return self._write([request], recorded_at_us)[0]
        except _UNFIT as error:
            self._database.execute("ROLLBACK TO alone")
            return unfit(request.append.payment_id if isinstance(request, Write) else self._path, error)
        finally:
            self._database.execute("RELEASE alone")

    def _write(self, requests: Sequence[Request], recorded_at_us: int) -> list[Any]:
        writes = [request for request in requests if isinstance(request, Write)]
        batch = AppendBatch(self._database, writes, recorded_at_us)
        answers = [self._run(request, batch) for request in requests]
        batch.flush()
        return answers

    def _run(self, request: Request, batch: AppendBatch) -> Any:
        if isinstance(request, Write):
            return batch.add(request)
        if isinstance(request, Erase):
            return batch.erase(request)
        if isinstance(request, Advance):
            return request.run(self._database)
        return [self._database.execute(statement, values).fetchall() for statement, values in request.statements]

    def _finish(self) -> None:
        try:
            self._database.execute("COMMIT")
            self._faults("after_commit")
        except (sqlite3.Error, OSError) as error:
            is_refused = self._database.in_transaction and _code(error) in _REFUSALS
            self._roll_back()
            if is_refused:
                raise self._unavailable(error) from error
            raise CommitUnknownError(f"{self._path}: the commit failed half-way: {error}") from error

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            try:
                self._database.execute("ROLLBACK")
            except sqlite3.Error:
                return  # the next transaction begins with another try

    def _unavailable(self, error: Exception) -> StoreError:
        return StoreUnavailableError(f"{self._path}: nothing was written: {error}")


def unfit(what: str, error: Exception) -> StoreError:
    """Return the answer to one request whose values the store refuses."""
    return StoreUnavailableError(
        f"{what}: nothing was written: {error}", hint="Repeating this will not help; other payments are not affected."
    )


def _code(error: Exception) -> int:
    """Return SQLite's primary result code; 0 when the error is not SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _no_fault(_point: str) -> None:
    """Let the commit go on."""
