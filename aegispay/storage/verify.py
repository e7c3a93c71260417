"""The auditor: reads the whole file and names every event, row and invariant that is not as it must be."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

from aegispay.errors import CorruptStoreError, FieldError, StoreOpenError, ValidationError
from aegispay.ports import StoreReport
from aegispay.storage import configurations, key_audit
from aegispay.storage import statements as sql
from aegispay.storage.audit_processes import audit_log
from aegispay.storage.inbox_rows import read_entry
from aegispay.storage.location import locate
from aegispay.storage.log_audit import PROBLEMS_MAX, open_for_audit
from aegispay.storage.migrations import check_version

Progress = Callable[[int, int], None]
"""Called now and then with (events read, events in all)."""

_HEAD = "SELECT lower(hex(hash)) FROM events ORDER BY position DESC LIMIT 1"
_WITH_HASH = "SELECT max(position) FROM events WHERE hash = ?"
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_ROWS_WITHOUT_EVENTS = (
    "SELECT payment_id FROM payments "
    "WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.payment_id = payments.payment_id)"
)


def verify(
    path: str | Path, *, progress: Progress | None = None, workers: int = 1, expect_head: str | None = None
) -> StoreReport:
    """Check a whole database and list what is wrong with it.

    Checked are the structure of the file, the hash chain, that versions have no gaps, that every event can be read,
    is legal and keeps the invariants, that the table of payments says what the events say, and that no revision of the
    configuration was changed.

    The file is opened for reading only; an engine may have it open.

    Args:
        path: of the file.
        progress: called on the calling thread.
        workers: processes that share a long log; the report is the same for any number. With more than one, a script
            that calls this needs the ``if __name__ == "__main__":`` that `multiprocessing` asks for.
        expect_head: an earlier report's `head`: that event must still be in the log. Only so does it show that the
            last events, with their rows, were cut off, or the whole file was written anew.

    Raises:
        StoreOpenError: there is no such database.
        ValidationError: `expect_head` is no hash.
    """
    if expect_head is not None and not _HASH.fullmatch(expect_head):
        raise ValidationError([FieldError("expect_head", "use the 64 hexadecimal digits of an earlier report's head")])
    file = locate(path, must_exist=True)
    try:
        with closing(open_for_audit(file)) as database:
            check_version(database, str(file))
            return _audit(database, file, progress, workers, expect_head)
    except sqlite3.Error as error:
        raise StoreOpenError(f"{file} cannot be read: {error}") from error


def _audit(
    database: sqlite3.Connection, file: Path, progress: Progress | None, workers: int, expect_head: str | None
) -> StoreReport:
    # SQLite reads its own structures on a thread meanwhile, with Python's lock let go.
    with ThreadPoolExecutor(1) as pool:
        structure = pool.submit(_structure_problems, file)
        database.execute("BEGIN")
        log = audit_log(database, file, workers=workers, progress=progress)
        problems = [*structure.result(), *(text for _, _, text in log.problems)]
    head, damage = "", log.damage
    if not damage:
        try:
            head = next((each for (each,) in database.execute(_HEAD)), "")
            problems.extend(islice(_other_problems(database, expect_head), PROBLEMS_MAX))
        except sqlite3.DatabaseError as error:
            damage = str(error)
    if damage:
        problems.append(f"the file is damaged: {damage}; reading ended after event {log.events}")
    return StoreReport(events=log.events, payments=log.payments, problems=tuple(problems[:PROBLEMS_MAX]), head=head)


def _structure_problems(file: Path) -> list[str]:
    try:
        with closing(open_for_audit(file)) as database:
            found = [text for (text,) in database.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})")]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    return [f"the file is damaged: {text}" for text in found if text != "ok"]


def _other_problems(database: sqlite3.Connection, expect_head: str | None) -> Iterator[str]:
    for (payment_id,) in database.execute(_ROWS_WITHOUT_EVENTS):
        yield f"{payment_id} is in the table of payments, but has no events"
    if expect_head is not None and database.execute(_WITH_HASH, (bytes.fromhex(expect_head),)).fetchone()[0] is None:
        yield f"no event has the expected hash {expect_head.lower()}: the log was cut back, or is another one"
    yield from key_audit.audit(database)
    for row in database.execute(sql.INBOX):
        try:
            read_entry(row)
        except CorruptStoreError as error:
            yield str(error)
    yield from configurations.audit(database)
