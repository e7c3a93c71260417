"""The auditor's pass over the log, or over a share of it: the chain, the order, every fold, every row of the table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aegispay.domain.event_type import EventType
from aegispay.domain.evolve import evolve
from aegispay.domain.invariants import InvariantError, check
from aegispay.domain.payment import Payment
from aegispay.domain.projection import project
from aegispay.errors import CorruptStoreError
from aegispay.storage.chain import GENESIS, link_stored
from aegispay.storage.connection import uri
from aegispay.storage.key_audit import KeyAudit
from aegispay.storage.rows import ROW_COLUMNS, decode_event, row_values
from aegispay.storage.sealing import Place

PROBLEMS_MAX = 1_000
"""Problems listed: enough to see the extent, few enough to read."""

_PAGE = 2_000
_LOOK_UP = 250
"""Payments looked up per statement."""
_POSITION_MIN, _POSITION_MAX = -(2**63), 2**63 - 1

_KEY = "coalesce(unicode(substr(payment_id, -1)), 0)"
"""A number that a payment's events share: its share of the log is this one modulo the number of shares."""
# As bytes: damaged text would end the reading, and the hash is over bytes anyway.
_COLUMNS = (
    "position, CAST(payment_id AS BLOB), version, CAST(type AS BLOB), schema_version, CAST(data AS BLOB), "
    "recorded_at, hash"
)
_EVENTS = (
    f"SELECT {_COLUMNS}, {_KEY} % :shares = :number FROM events "  # noqa: S608 - constant
    f"WHERE position BETWEEN :first AND :last OR {_KEY} % :shares = :number ORDER BY position"
)
_EVENT_BEFORE = "SELECT position, hash FROM events WHERE position < ? ORDER BY position DESC LIMIT 1"
_ENDS = "SELECT min(position), max(position) FROM events"

_NAMES = {name.value.encode(): name.value for name in EventType}

Problem = tuple[int, int, str]
"""The event's position, 0 if it is about the chain and 1 if it is about the payment, and a sentence."""

Row = tuple[Any, ...]
"""An event as `_EVENTS` selects it; the last column says whether its payment belongs to the share."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one pass answers for: the chain of one stretch of the log, and all events of its own payments.

    Attributes:
        number, shares: it is this one of so many, counted from 0; a payment belongs to one of them.
        first, last: the stretch of positions whose chain it checks, both inclusive.
    """

    number: int = 0
    shares: int = 1
    first: int = _POSITION_MIN
    last: int = _POSITION_MAX


@dataclass(frozen=True, slots=True)
class Findings:
    """What a pass found.

    Attributes:
        events: in its stretch. payments: of its own.
        damage: why reading ended too early; empty when it did not.
    """

    events: int
    payments: int
    problems: tuple[Problem, ...]
    damage: str = ""


def open_for_audit(file: Path) -> sqlite3.Connection:
    """Open the file for reading only; text that is no UTF-8 is shown as far as it is, and does not end the reading."""
    database = sqlite3.connect(uri(file, read_only=True), uri=True, isolation_level=None)
    database.text_factory = _text
    return database


def split(database: sqlite3.Connection, shares: int) -> tuple[Share, ...]:
    """Return shares that together check the whole log once."""
    start, end = database.execute(_ENDS).fetchone()
    if start is None or shares == 1:
        return (Share(),)
    # What is appended after this belongs to the last one, and damage before the first event to the first one.
    cuts = [start + (end - start + 1) * number // shares for number in range(1, shares)]
    firsts, lasts = [_POSITION_MIN, *cuts], [*(cut - 1 for cut in cuts), _POSITION_MAX]
    return tuple(Share(number, shares, firsts[number], lasts[number]) for number in range(shares))


@dataclass(slots=True)
class _Unread:
    """A payment of which there are more events to come.

    Attributes:
        last: version of its last event in the log.
        row: its version and columns in the table of payments.
    """

    payment_id: str
    last: int
    row: tuple[Any, ...] | None
    version: int = 0
    payment: Payment | None = None
    is_broken: bool = False


class LogAudit:
    """One pass over the log. In memory are only payments between their first and their last event.

    Args:
        database: with a read transaction begun.
        share: what to check.
        progress: called now and then with the number of events read so far.
    """

    def __init__(
        self, database: sqlite3.Connection, share: Share, progress: Callable[[int], None] | None = None
    ) -> None:
        self._database = database
        self._keys = KeyAudit(database)
        self._share = share
        self._progress = progress
        self._problems: tuple[list[Problem], list[Problem]] = ([], [])
        self._known: dict[bytes, tuple[Any, ...]] = {}
        self._unread: dict[bytes, _Unread] = {}
        self._previous, self._expected = GENESIS, 1
        self._payments = 0
        self._events = 0

    def run(self) -> Findings:
        """Read the share to its end, or to where the file cannot be read any more."""
        damage = ""
        try:
            self._read()
        except sqlite3.DatabaseError as error:
            damage = str(error)
        of_chain, of_payments = self._problems
        return Findings(self._events, self._payments, in_order([*of_chain, *of_payments]), damage)

    def _read(self) -> None:
        before = self._database.execute(_EVENT_BEFORE, (self._share.first,)).fetchone()
        if before is not None:
            self._previous, self._expected = before[1], before[0] + 1
        for page in self._pages():
            self._check_chain(page)
            self._known = self._look_up({row[1] for row in page if row[8]} - self._unread.keys())
            for row in page:
                if row[8]:
                    self._check_event(row)
            if self._progress is not None:
                self._progress(self._events)

    def _pages(self) -> Iterator[list[Row]]:
        share = self._share
        wanted = {"number": share.number, "shares": share.shares, "first": share.first, "last": share.last}
        cursor = self._database.execute(_EVENTS, wanted)
        while rows := cursor.fetchmany(_PAGE):
            yield rows

    def _problem(self, position: int, text: str, *, of_chain: bool = False) -> None:
        kind = 0 if of_chain else 1
        if len(self._problems[kind]) < PROBLEMS_MAX:
            self._problems[kind].append((position, kind, text))

    def _check_chain(self, page: list[Row]) -> None:
        first, last = self._share.first, self._share.last
        previous, expected = self._previous, self._expected
        for row in page:
            position = row[0]
            if not first <= position <= last:
                continue
            if position != expected:
                self._problem(position, f"events {expected} to {position - 1} are missing", of_chain=True)
            if link_stored(previous, row) != row[7]:
                named = f"event {position} ({_text(row[3])}, version {row[2]} of {_text(row[1])})"
                told = f"{named} does not match its hash: it, or the one before it, was changed"
                self._problem(position, told, of_chain=True)
            # Go on from what is stored, so that one change is one problem.
            previous, expected = row[7], position + 1
            self._events += 1
        self._previous, self._expected = previous, expected

    def _check_event(self, row: Row) -> None:
        position, key, version, event_type, schema_version, data, _, _, _ = row
        unread = self._unread.get(key) or self._meet(position, key)
        payment_id = unread.payment_id
        if version != unread.version + 1:
            said = f"event {position}: version {version} of {payment_id} follows version {unread.version}"
            self._problem(position, said)
            unread.is_broken = True
        unread.version = version
        if not unread.is_broken:
            name = _NAMES.get(event_type) or _text(event_type)
            try:
                event = decode_event((position, payment_id, version, name, schema_version, data))
                unread.payment = evolve(unread.payment, event, payment_id=payment_id)
            except CorruptStoreError as error:
                self._problem(position, str(error))
                unread.is_broken = True
            except Exception as error:  # noqa: BLE001 - whatever an impossible event does, the audit goes on
                self._problem(position, f"event {position}: {error}")
                unread.is_broken = True
            else:
                closed = self._keys.problem(Place(payment_id, version, name), data)
                if closed is not None:
                    self._problem(position, f"event {position} of {payment_id}: {closed}")
        if version >= unread.last:
            del self._unread[key]
            self._check_row(position, unread)

    def _meet(self, position: int, key: bytes) -> _Unread:
        # A payment that goes on after what seemed to be its end is looked up once more.
        last, *row = self._known.pop(key, None) or self._look_up({key})[key]
        payment_id = _text(key)
        is_listed = row[0] is not None
        if not is_listed:
            self._problem(position, f"{payment_id} has events, but is not in the table of payments")
        self._payments += 1
        unread = self._unread[key] = _Unread(payment_id, last or 0, tuple(row) if is_listed else None)
        return unread

    def _look_up(self, keys: Collection[bytes]) -> dict[bytes, tuple[Any, ...]]:
        """Return the last version in the log, and version and columns in the table, of each payment."""
        wanted, found = list(keys), {}
        for start in range(0, len(wanted), _LOOK_UP):
            part = wanted[start : start + _LOOK_UP]
            rows = self._database.execute(_last_versions_and_rows(len(part)), [_text(key) for key in part])
            for index, *row in rows:
                found[part[index]] = tuple(row)
        return found

    def _check_row(self, position: int, unread: _Unread) -> None:
        payment_id, row = unread.payment_id, unread.row
        if row is not None and row[0] != unread.version:
            self._problem(position, f"{payment_id}: the table says version {row[0]}, the log has {unread.version}")
        if unread.is_broken or unread.payment is None:
            return
        try:
            check(unread.payment)
        except InvariantError as error:
            for broken in error.broken:
                self._problem(position, f"{payment_id} breaks {broken}")
        if row is None:
            return
        right = row_values(project(unread.payment))
        if row[1:] == right:
            return
        for name, stored, said in zip(ROW_COLUMNS.split(", "), row[1:], right, strict=True):
            if stored != said:
                self._problem(position, f"{payment_id}: the table says {name} = {stored!r}, the events say {said!r}")


@cache
def _last_versions_and_rows(payments: int) -> str:
    wanted = ", ".join(f"({number}, ?)" for number in range(payments))
    return (
        f"WITH wanted (number, id) AS (VALUES {wanted}) "  # noqa: S608 - constant columns
        f"SELECT number, (SELECT max(version) FROM events WHERE payment_id = id), version, {ROW_COLUMNS} "
        "FROM wanted LEFT JOIN payments ON payment_id = id"
    )


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the first problems of several passes in the order of the log."""
    return tuple(sorted(problems, key=lambda problem: problem[:2])[:PROBLEMS_MAX])


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
