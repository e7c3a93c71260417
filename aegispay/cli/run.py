"""``aegispay run``: a file of orders, paid; safe to repeat, safe to kill."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from rich.console import Console

from aegispay.cli.feed import Feed
from aegispay.cli.gateways import load_gateways
from aegispay.cli.progress import RunProgress, gateway_table
from aegispay.cli.results import accepted, rejected
from aegispay.cli.rows import BadRow, Row, UsageError, explain, read_rows
from aegispay.cli.summary import Summary
from aegispay.config import AegisConfig
from aegispay.domain.payment import Payment
from aegispay.domain.routing import RoutingStrategy
from aegispay.engine import AegisPay
from aegispay.errors import (
    AegisPayError,
    OverloadedError,
    PaymentParkedError,
    PaymentTimeoutError,
    RequestError,
    UnknownGatewayError,
)
from aegispay.gateways.ledger import FileLedger

_WINDOW = 10
"""Rows read ahead per row at work: one slow payment must not hold up the rest, nor may the whole file be in memory."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line said."""

    file: str
    database: Path
    gateways: str
    ledger: Path
    out: Path | None
    routing: RoutingStrategy
    merchant: str
    concurrency: int
    settle_s: float
    is_json: bool


@dataclass(slots=True)
class RunEnd:
    """How a run ended."""

    summary: Summary
    was_interrupted: bool = False


def run_file(options: RunOptions, *, out: Console, err: Console) -> RunEnd:
    """Pay every row of the file and print what came of it.

    Raises:
        UsageError: file, header or gateways cannot be used.
        StoreError: the database cannot.
    """
    with contextlib.ExitStack() as stack:
        stream: BinaryIO = _standard_input() if options.file == "-" else stack.enter_context(_open(options.file))
        # Whatever is wrong with the command comes to light before anything is written.
        rows = read_rows(stream, is_json=options.is_json)
        total = None if options.file == "-" else _count(Path(options.file), is_json=options.is_json)
        ledger = stack.enter_context(contextlib.closing(_open_ledger(options.ledger)))
        gateways = load_gateways(options.gateways, ledger)
        results = None if options.out is None else stack.enter_context(_create(options.out))
        run = _Run(options, rows, results, err, RunProgress(err, total=total))
        started = time.perf_counter()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            end = runner.run(run.run(gateways))
        elapsed_s = time.perf_counter() - started
    end.summary.print(out)
    err.print(f"{elapsed_s:.1f} s, {end.summary.rows / max(elapsed_s, 1e-9):.0f} rows/s", highlight=False)
    return end


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _standard_input() -> BinaryIO:
    try:
        # A reader of its own: at exit the interpreter takes the lock of sys.stdin, which a blocked read would hold.
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError):
        return sys.stdin.buffer


def _open_ledger(path: Path) -> FileLedger:
    try:
        return FileLedger(path)
    except sqlite3.Error as error:
        raise UsageError(f"--ledger {path}: {error}") from error


def _create(path: Path) -> TextIO:
    try:
        return open(path, "w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {path}: {error.strerror}") from error


def _count(path: Path, *, is_json: bool) -> int:
    with open(path, "rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return max(0, lines if is_json else lines - 1)


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return uvloop.new_event_loop


def _first(group: BaseExceptionGroup[AegisPayError]) -> AegisPayError:
    """Return one of the errors that ended a run; they have one cause, and a person reads one."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class _Run:
    """One pass over the rows, results in their order."""

    def __init__(
        self,
        options: RunOptions,
        rows: Iterator[Row | BadRow],
        results: TextIO | None,
        err: Console,
        progress: RunProgress,
    ) -> None:
        self._options = options
        self._rows = rows
        self._results = results
        self._err = err
        self._progress = progress
        self._summary = Summary()
        self._is_stopping = False
        self._feed: Feed[Row | BadRow] | None = None

    async def run(self, gateways: list[Any]) -> RunEnd:
        config = AegisConfig(routing=self._options.routing)
        async with AegisPay(self._options.database, gateways=gateways, config=config) as aegis:
            loop = asyncio.get_running_loop()
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(signal.SIGINT, self._stop)
            async with self._progress.shown(aegis):
                try:
                    await self._pay_all(aegis)
                except* AegisPayError as failed:
                    raise _first(failed) from None
            self._err.print(gateway_table(await aegis.gateway_metrics()))
        return RunEnd(self._summary, self._is_stopping)

    def _stop(self) -> None:
        self._is_stopping = True
        if self._feed is not None:
            self._feed.stop()

    async def _pay_all(self, aegis: AegisPay) -> None:
        at_work = asyncio.Semaphore(self._options.concurrency)
        ahead: deque[asyncio.Task[tuple[int, Payment | BadRow]]] = deque()
        self._feed = feed = Feed(self._rows)
        feed.start()
        async with asyncio.TaskGroup() as group:
            while not self._is_stopping and (rows := await feed.take()):
                for row in rows:
                    ahead.append(group.create_task(self._pay(aegis, row, at_work)))
                while len(ahead) > self._options.concurrency * _WINDOW or (ahead and ahead[0].done()):
                    self._emit(*await ahead.popleft())
            while ahead:
                self._emit(*await ahead.popleft())

    async def _pay(
        self, aegis: AegisPay, row: Row | BadRow, at_work: asyncio.Semaphore
    ) -> tuple[int, Payment | BadRow]:
        if isinstance(row, BadRow):
            return row.line, row
        async with at_work:
            result = await self._pay_row(aegis, row)
        if isinstance(result, Payment) and result.in_doubt:
            result = await self._settle(aegis, result)
        self._progress.advance()
        return row.line, result

    async def _pay_row(self, aegis: AegisPay, row: Row) -> Payment | BadRow:
        while True:
            try:
                return await aegis.pay(**{"merchant": self._options.merchant, **row.fields})
            except OverloadedError:
                await asyncio.sleep(_POLL_S)  # noqa: TID251 - back-pressure of this command, not of the engine
            except (RequestError, UnknownGatewayError) as error:
                return explain(error, row.line)
            except (PaymentParkedError, PaymentTimeoutError) as error:
                return BadRow(row.line, "", str(error))

    async def _settle(self, aegis: AegisPay, payment: Payment) -> Payment:
        """Give an outcome in doubt some time to be resolved; the engine asks, this only looks."""
        looks = int(self._options.settle_s / _POLL_S)
        while payment.in_doubt and looks > 0 and not self._is_stopping:
            looks -= 1
            await asyncio.sleep(_POLL_S)  # noqa: TID251 - a person waits for the summary
            payment = await aegis.get_payment(payment.id)
        return payment

    def _emit(self, line: int, result: Payment | BadRow) -> None:
        if isinstance(result, BadRow):
            self._summary.reject()
            self._err.print(f"rejected: {result}", highlight=False, markup=False, soft_wrap=True)
            text = rejected(result)
        else:
            self._summary.add(result)
            text = accepted(line, result)
        if self._results is not None:
            self._results.write(text)
