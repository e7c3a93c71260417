"""The auditor: reads the whole file and names every event, row and invariant that is not as it must be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aegispay.domain.evolve import IllegalEventError, evolve
from aegispay.domain.invariants import violations
from aegispay.domain.payment import Payment
from aegispay.domain.projection import project
from aegispay.errors import CorruptStoreError, StoreOpenError
from aegispay.ports import StoreReport
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.migrations import check_version
from aegispay.storage.rows import EVENT_COLUMNS, ROW_COLUMNS, read_event, row_values

Progress = Callable[[int, int], None]
"""Called now and then with (events read, events in all)."""

_PAGE = 2_000
_PROBLEMS_MAX = 1_000
"""Problems listed: enough to see the extent, few enough to read."""


def verify(path: str | Path, *, progress: Progress | None = None) -> StoreReport:
    """Check a whole database and list what is wrong with it.

    Checked are the hash chain, that versions have no gaps, that every event can be read, is legal and keeps the
    invariants, and that the table of payments says what the events say.

    The file is opened for reading only; an engine may have it open.

    Raises:
        StoreOpenError: there is no such database.
    """
    file = Path(path)
    if not file.is_file():
        raise StoreOpenError(f"{file} does not exist or is no file", hint="Check the path.")
    uri = f"file:{quote(str(file))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as database:
            check_version(database, str(file))
            return _Audit(database, progress).run()
    except sqlite3.Error as error:
        raise StoreOpenError(f"{file} cannot be read: {error}") from error


class _Audit:
    """One pass over the log, payment states in memory, then one pass over the table of payments."""

    def __init__(self, database: sqlite3.Connection, progress: Progress | None) -> None:
        self._database = database
        self._progress = progress
        self._problems: list[str] = []
        self._payments: dict[str, Payment | None] = {}
        self._versions: dict[str, int] = {}
        self._broken: set[str] = set()

    def run(self) -> StoreReport:
        # One read transaction: an engine that writes meanwhile does not disturb the picture.
        self._database.execute("BEGIN")
        total = self._database.execute("SELECT count(*) FROM events").fetchone()[0]
        seen = 0
        previous = GENESIS
        expected = 1
        for row in self._rows():
            seen += 1
            previous = self._check_link(row, previous, expected)
            expected = row[0] + 1
            self._check_event(row)
            if self._progress is not None and seen % _PAGE == 0:
                self._progress(seen, total)
        self._check_table()
        if self._progress is not None:
            self._progress(seen, total)
        return StoreReport(events=seen, payments=len(self._versions), problems=tuple(self._problems))

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        cursor = self._database.execute(f"SELECT {EVENT_COLUMNS} FROM events ORDER BY position")  # noqa: S608
        while rows := cursor.fetchmany(_PAGE):
            yield from rows

    def _problem(self, text: str) -> None:
        if len(self._problems) < _PROBLEMS_MAX:
            self._problems.append(text)

    def _check_link(self, row: tuple[Any, ...], previous: bytes, expected: int) -> bytes:
        position, payment_id, version, event_type, schema_version, data, recorded_at, digest = row
        if position != expected:
            self._problem(f"events {expected} to {position - 1} are missing")
        right = link(
            previous,
            position=position,
            payment_id=payment_id,
            version=version,
            event_type=event_type,
            schema_version=schema_version,
            recorded_at_us=recorded_at,
            data=data,
        )
        if right != digest:
            self._problem(
                f"event {position} ({event_type}, version {version} of {payment_id}) does not match its hash: "
                "it, or the one before it, was changed"
            )
        # Go on from what is stored, so that one change is one problem.
        return bytes(digest)

    def _check_event(self, row: tuple[Any, ...]) -> None:
        position, payment_id, version = row[0], row[1], row[2]
        known = self._versions.get(payment_id, 0)
        self._versions[payment_id] = version
        if version != known + 1:
            self._problem(f"event {position}: version {version} of {payment_id} follows version {known}")
            self._broken.add(payment_id)
        if payment_id in self._broken:
            return
        try:
            stored = read_event(row)
            payment = evolve(self._payments.get(payment_id), stored.event, payment_id=payment_id)
        except (CorruptStoreError, IllegalEventError, IndexError, KeyError) as error:
            self._problem(f"event {position}: {error}")
            self._broken.add(payment_id)
            return
        self._payments[payment_id] = payment

    def _check_table(self) -> None:
        left = dict(self._versions)
        cursor = self._database.execute(f"SELECT {ROW_COLUMNS}, version FROM payments")  # noqa: S608
        for *values, version in cursor:
            payment_id = values[0]
            if left.pop(payment_id, None) is None:
                self._problem(f"{payment_id} is in the table of payments, but has no events")
            else:
                self._check_row(payment_id, tuple(values), version)
        for payment_id in left:
            self._problem(f"{payment_id} has events, but is not in the table of payments")

    def _check_row(self, payment_id: str, values: tuple[Any, ...], version: int) -> None:
        if version != self._versions[payment_id]:
            self._problem(f"{payment_id}: the table says version {version}, the log has {self._versions[payment_id]}")
        payment = self._payments.get(payment_id)
        if payment is None or payment_id in self._broken:
            return
        for broken in violations(payment):
            self._problem(f"{payment_id} breaks {broken}")
        names = ROW_COLUMNS.split(", ")
        for name, stored, right in zip(names, values, row_values(project(payment)), strict=True):
            if stored != right:
                self._problem(f"{payment_id}: the table says {name} = {stored!r}, the events say {right!r}")
