"""One log, checked by several processes, each with its share of it; what they find is put in order again."""

from __future__ import annotations

import gc
import multiprocessing
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path

from aegispay.storage.log_audit import Findings, LogAudit, Share, in_order, open_for_audit, split

PARALLEL_MIN = 200_000
"""Events from which several processes are worth the second that they take to start."""

_PICTURE_S = 0.2
"""How often the caller hears how far the processes are."""

_events_read: SynchronizedArray[int] | None = None
"""In a process that has a share: where it tells how far it is."""


def audit_log(
    database: sqlite3.Connection,
    file: Path,
    *,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> Findings:
    """Check the whole log.

    Args:
        database: with a read transaction begun; read by this process.
        file: what it is a connection to.
        workers: how many processes share a log that is long enough.
        progress: called with (events read, events in all).
    """
    try:
        total = database.execute("SELECT count(*) FROM events").fetchone()[0]
        shares = split(database, workers if total >= PARALLEL_MIN else 1)
    except sqlite3.DatabaseError as error:
        return Findings(0, 0, (), str(error))
    tell = _teller(progress, total)
    findings = _in_processes(file, shares, tell) if len(shares) > 1 else None
    if findings is None or any(each.damage for each in findings):
        # Where the file cannot be read to its end, what is found depends on who reads what: one reader says it.
        findings = [LogAudit(database, Share(), tell).run()]
    merged = _merged(findings)
    tell(merged.events)
    return merged


def _teller(progress: Callable[[int, int], None] | None, total: int) -> Callable[[int], None]:
    def tell(read: int) -> None:
        if progress is not None:
            # Of a log that grows meanwhile, the end moves.
            progress(read, max(read, total))

    return tell


def _in_processes(file: Path, shares: tuple[Share, ...], tell: Callable[[int], None]) -> list[Findings] | None:
    """Return what each share's process found; ``None`` if one of them ended without a word."""
    # Not forked: the host may have threads.
    context = multiprocessing.get_context("spawn")
    counts: SynchronizedArray[int] = context.Array("q", len(shares))
    with ProcessPoolExecutor(len(shares), context, initializer=_begin, initargs=(counts,)) as pool:
        waiting: set[Future[Findings]] = set()
        futures = [pool.submit(_audit_share, file, share) for share in shares]
        waiting.update(futures)
        while waiting:
            _, waiting = wait(waiting, timeout=_PICTURE_S)
            tell(sum(counts[:]))
        try:
            return [future.result() for future in futures]
        except BrokenProcessPool:
            return None


def _begin(counts: SynchronizedArray[int]) -> None:
    global _events_read  # noqa: PLW0603 - the process has no other purpose
    _events_read = counts
    # What a fold makes is freed by counting references.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _audit_share(file: Path, share: Share) -> Findings:
    def tell(read: int) -> None:
        if _events_read is not None:
            _events_read[share.number] = read

    try:
        with closing(open_for_audit(file)) as database:
            database.execute("BEGIN")
            return LogAudit(database, share, tell).run()
    except sqlite3.Error as error:
        return Findings(0, 0, (), str(error))


def _merged(findings: list[Findings]) -> Findings:
    # Each kept its first thousand, so the first thousand of all are among them.
    return Findings(
        events=sum(each.events for each in findings),
        payments=sum(each.payments for each in findings),
        problems=in_order(problem for each in findings for problem in each.problems),
        damage=next((each.damage for each in findings if each.damage), ""),
    )
