"""The auditor: reads the whole file and names every event, row and invariant that is not as it must be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aegispay.domain.evolve import evolve
from aegispay.domain.invariants import violations
from aegispay.domain.payment import Payment
from aegispay.domain.projection import project
from aegispay.errors import CorruptStoreError, StoreOpenError
from aegispay.ports import StoreReport
from aegispay.storage import configurations
from aegispay.storage import statements as sql
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.connection import uri
from aegispay.storage.inbox_rows import read_entry
from aegispay.storage.location import locate
from aegispay.storage.migrations import check_version
from aegispay.storage.rows import ROW_COLUMNS, decode_event, row_values

Progress = Callable[[int, int], None]
"""Called now and then with (events read, events in all)."""

_PAGE = 2_000
_PROBLEMS_MAX = 1_000
"""Problems listed: enough to see the extent, few enough to read."""

_EVENTS = (
    # As bytes: damaged text would end the reading, and the hash is over bytes anyway.
    "SELECT position, CAST(payment_id AS BLOB), version, CAST(type AS BLOB), schema_version, CAST(data AS BLOB), "
    "recorded_at, hash FROM events ORDER BY position"
)
_LAST_VERSION_AND_ROW = (
    f"SELECT (SELECT max(version) FROM events WHERE payment_id = wanted), version, {ROW_COLUMNS} "  # noqa: S608
    "FROM (SELECT ? AS wanted) LEFT JOIN payments ON payment_id = wanted"
)
_ROWS_WITHOUT_EVENTS = (
    "SELECT payment_id FROM payments "
    "WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.payment_id = payments.payment_id)"
)


def verify(path: str | Path, *, progress: Progress | None = None) -> StoreReport:
    """Check a whole database and list what is wrong with it.

    Checked are the structure of the file, the hash chain, that versions have no gaps, that every event can be read,
    is legal and keeps the invariants, that the table of payments says what the events say, and that no revision of the
    configuration was changed.

    The file is opened for reading only; an engine may have it open.

    Raises:
        StoreOpenError: there is no such database.
    """
    file = locate(path, must_exist=True)
    try:
        with closing(sqlite3.connect(uri(file, read_only=True), uri=True)) as database:
            check_version(database, str(file))
            return _Audit(database, progress).run()
    except sqlite3.Error as error:
        raise StoreOpenError(f"{file} cannot be read: {error}") from error


@dataclass(slots=True)
class _Unread:
    """A payment of which there are more events to come.

    Attributes:
        last: version of its last event in the log.
        row: its version and columns in the table of payments.
    """

    last: int
    row: tuple[Any, ...] | None
    version: int = 0
    payment: Payment | None = None
    is_broken: bool = False


class _Audit:
    """One pass over the log. In memory are only payments between their first and their last event."""

    def __init__(self, database: sqlite3.Connection, progress: Progress | None) -> None:
        self._database = database
        self._progress = progress
        self._problems: list[str] = []
        self._unread: dict[str, _Unread] = {}
        self._payments = 0
        self._events = 0

    def run(self) -> StoreReport:
        # One read transaction: an engine that writes meanwhile does not disturb the picture.
        self._database.execute("BEGIN")
        try:
            self._check_structure()
            self._check_log()
            for (payment_id,) in self._database.execute(_ROWS_WITHOUT_EVENTS):
                self._problem(f"{payment_id} is in the table of payments, but has no events")
            self._check_inbox()
            for problem in configurations.audit(self._database):
                self._problem(problem)
        except sqlite3.DatabaseError as error:
            self._problem(f"the file is damaged: {error}; reading ended after event {self._events}")
        return StoreReport(events=self._events, payments=self._payments, problems=tuple(self._problems))

    def _problem(self, text: str) -> None:
        if len(self._problems) < _PROBLEMS_MAX:
            self._problems.append(text)

    def _check_structure(self) -> None:
        for (found,) in self._database.execute(f"PRAGMA integrity_check({_PROBLEMS_MAX})"):
            if found != "ok":
                self._problem(f"the file is damaged: {found}")

    def _check_log(self) -> None:
        total = self._database.execute("SELECT count(*) FROM events").fetchone()[0]
        previous, expected = GENESIS, 1
        for row in self._rows():
            position, digest = row[0], row[7]
            if position != expected:
                self._problem(f"events {expected} to {position - 1} are missing")
            self._check_hash(row, previous)
            self._check_event(row)
            # Go on from what is stored, so that one change is one problem.
            previous, expected = digest, position + 1
            self._events += 1
            if self._progress is not None and self._events % _PAGE == 0:
                self._progress(self._events, total)
        if self._progress is not None:
            self._progress(self._events, total)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        cursor = self._database.execute(_EVENTS)
        while rows := cursor.fetchmany(_PAGE):
            for position, payment_id, version, event_type, *others in rows:
                yield (
                    position,
                    payment_id.decode(errors="replace"),
                    version,
                    event_type.decode(errors="replace"),
                    *others,
                )

    def _check_hash(self, row: tuple[Any, ...], previous: bytes) -> None:
        position, payment_id, version, event_type, schema_version, data, recorded_at, digest = row
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

    def _check_event(self, row: tuple[Any, ...]) -> None:
        position, payment_id, version = row[0], row[1], row[2]
        unread = self._unread.get(payment_id) or self._meet(payment_id)
        if version != unread.version + 1:
            self._problem(f"event {position}: version {version} of {payment_id} follows version {unread.version}")
            unread.is_broken = True
        unread.version = version
        if not unread.is_broken:
            try:
                unread.payment = evolve(unread.payment, decode_event(row), payment_id=payment_id)
            except CorruptStoreError as error:
                self._problem(str(error))
                unread.is_broken = True
            except Exception as error:  # noqa: BLE001 - whatever an impossible event does, the audit goes on
                self._problem(f"event {position}: {error}")
                unread.is_broken = True
        if version >= unread.last:
            del self._unread[payment_id]
            self._check_row(payment_id, unread)

    def _meet(self, payment_id: str) -> _Unread:
        last, *row = self._database.execute(_LAST_VERSION_AND_ROW, (payment_id,)).fetchone()
        is_listed = row[0] is not None
        if not is_listed:
            self._problem(f"{payment_id} has events, but is not in the table of payments")
        self._payments += 1
        unread = self._unread[payment_id] = _Unread(last or 0, tuple(row) if is_listed else None)
        return unread

    def _check_row(self, payment_id: str, unread: _Unread) -> None:
        if unread.row is not None and unread.row[0] != unread.version:
            self._problem(f"{payment_id}: the table says version {unread.row[0]}, the log has {unread.version}")
        if unread.is_broken or unread.payment is None:
            return
        for broken in violations(unread.payment):
            self._problem(f"{payment_id} breaks {broken}")
        if unread.row is None:
            return
        right = row_values(project(unread.payment))
        if unread.row[1:] != right:
            for name, stored, said in zip(ROW_COLUMNS.split(", "), unread.row[1:], right, strict=True):
                if stored != said:
                    self._problem(f"{payment_id}: the table says {name} = {stored!r}, the events say {said!r}")

    def _check_inbox(self) -> None:
        for row in self._database.execute(sql.INBOX):
            try:
                read_entry(row)
            except CorruptStoreError as error:
                self._problem(str(error))
