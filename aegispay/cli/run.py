"""``aegispay run``: a file of orders, paid; safe to repeat, safe to kill."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from aegispay.cli.feed import Feed
from aegispay.cli.gateways import make_gateway, read_gateways, secret_variables
from aegispay.cli.interrupt import on_interrupt
from aegispay.cli.paths import Paths, check_paths, count_rows, open_ledger, open_orders
from aegispay.cli.progress import RunProgress, gateway_table
from aegispay.cli.results import ResultsFile, accepted, rejected
from aegispay.cli.rows import CARD_DATA, BadRow, Row, UsageError, explain, read_rows
from aegispay.cli.summary import Summary
from aegispay.config import AegisPayConfig
from aegispay.config_sources import PYTHON, gather
from aegispay.domain.card_data import contains_card_number
from aegispay.domain.payment import Payment
from aegispay.domain.request import parse_request
from aegispay.domain.routing import RoutingStrategy
from aegispay.engine import AegisPay
from aegispay.errors import (
    AegisPayError,
    CorruptStoreError,
    OverloadedError,
    PaymentNotFoundError,
    PaymentParkedError,
    PaymentTimeoutError,
    RequestError,
    UnknownGatewayError,
)
from aegispay.ports import Gateway

_WINDOW = 10
"""Rows read ahead per row at work: one slow payment must not hold up the rest, nor may the whole file be in memory."""
_POLL_S = 0.1
_SHUTDOWN_S = 5.0
"""At the end only questions about outcomes in doubt are left; the next run asks them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line said."""

    paths: Paths
    gateways: str
    routing: RoutingStrategy | None
    merchant: str
    concurrency: int
    settle_s: float
    is_json: bool


_Done = tuple[int, Payment | BadRow | None]
"""A row's line and what came of it; nothing when the run was stopped before its turn."""
_Task = asyncio.Task[_Done]


@dataclass(slots=True)
class RunEnd:
    """How a run ended."""

    summary: Summary
    was_interrupted: bool = False


def run_file(options: RunOptions, *, out: Console, err: Console) -> RunEnd:
    """Pay every row of the file and print what came of it.

    Raises:
        UsageError: a file, the header or the gateways cannot be used.
        ValidationError: the merchant's name cannot be used.
        StoreError: the database cannot.
    """
    paths = options.paths
    with contextlib.ExitStack() as stack:
        # Whatever is wrong with the command comes to light before anything is written.
        _check_merchant(options.merchant)
        check_paths(paths)
        feed = stack.enter_context(contextlib.closing(_open_feed(options)))
        entries = read_gateways(options.gateways)
        config = _config(options, ignored=secret_variables(entries))
        ledger = stack.enter_context(contextlib.closing(open_ledger(paths.ledger)))
        gateways = [make_gateway(entry, ledger, os.environ) for entry in entries]
        results = None if paths.out is None else stack.enter_context(contextlib.closing(ResultsFile(paths.out)))
        progress = RunProgress(err, total=count_rows(paths.orders, is_json=options.is_json))
        started = time.perf_counter()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            end = runner.run(_Run(options, feed, results, err, progress).run(gateways, config))
        elapsed_s = time.perf_counter() - started
    end.summary.print(out)
    err.print(f"{end.summary.rows} rows in {elapsed_s:.1f} s")
    return end


def _config(options: RunOptions, *, ignored: frozenset[str]) -> AegisPayConfig:
    """Return the settings of the file and the environment; ``--routing`` overrules both.

    Raises:
        ConfigurationError: naming each setting that is wrong, and where it stands.
    """
    gathered = gather(options.paths.config, environ=os.environ, overrides={}, ignored=ignored)
    if options.routing is not None:
        gathered.lay_over("routing", options.routing, at=(), origin=lambda _: PYTHON)
    if not gathered.source(("shutdown_s",)):
        gathered.lay_over("shutdown_s", _SHUTDOWN_S, at=(), origin=lambda _: PYTHON)
    return AegisPayConfig.from_sources(gathered)


def _check_merchant(merchant: str) -> None:
    """Refuse a name that would make every row a bad one."""
    if contains_card_number(merchant):
        raise UsageError(f"--merchant {CARD_DATA}")
    sample = {"type": "card", "token": "tok"}
    parse_request(idempotency_key="key", amount=1, currency="USD", payment_method=sample, merchant=merchant)


def _open_feed(options: RunOptions) -> Feed[Row | BadRow]:
    stream = open_orders(options.paths.orders)
    try:
        return Feed(read_rows(stream, is_json=options.is_json), source=stream)
    except UsageError as error:
        stream.close()
        raise UsageError(f"{options.paths.orders}: {error}") from error


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return uvloop.new_event_loop


def _first(group: BaseExceptionGroup[AegisPayError | UsageError]) -> AegisPayError | UsageError:
    """Return one of the errors that ended a run; they have one cause, and a person reads one."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class _Run:
    """One pass over the rows, results in their order."""

    def __init__(
        self,
        options: RunOptions,
        feed: Feed[Row | BadRow],
        results: ResultsFile | None,
        err: Console,
        progress: RunProgress,
    ) -> None:
        self._options = options
        self._feed = feed
        self._results = results
        self._err = err
        self._progress = progress
        self._summary = Summary()
        self._at_work = asyncio.Semaphore(options.concurrency)
        self._is_stopping = False

    async def run(self, gateways: list[Gateway], config: AegisPayConfig) -> RunEnd:
        async with AegisPay(self._options.paths.database, gateways=gateways, config=config) as aegis:
            if self._results is not None:
                self._results.begin()
            async with self._progress.shown(aegis):
                try:
                    await self._pay_all(aegis)
                except* (AegisPayError, UsageError) as failed:
                    raise _first(failed) from None
            self._err.print()
            self._err.print(gateway_table(await aegis.gateway_metrics()))
            self._err.print()
        return RunEnd(self._summary, self._is_stopping)

    async def _pay_all(self, aegis: AegisPay) -> None:
        started: asyncio.Queue[_Task | None] = asyncio.Queue(self._options.concurrency * _WINDOW)
        with on_interrupt(self._stop):
            self._feed.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._emit_all(started))
                while rows := await self._feed.take():
                    for row in rows:
                        await started.put(group.create_task(self._pay(aegis, row)))
                await started.put(None)

    def _stop(self) -> None:
        self._is_stopping = True
        self._feed.stop()
        self._err.print("interrupted: payments at work are finished; Ctrl-C again stops at once")

    async def _pay(self, aegis: AegisPay, row: Row | BadRow) -> _Done:
        result: Payment | BadRow | None = None
        if isinstance(row, BadRow):
            result = row
        else:
            async with self._at_work:
                if not self._is_stopping:
                    result = await self._pay_row(aegis, row)
            if isinstance(result, Payment) and result.in_doubt:
                result = await self._settle(aegis, result)
        if result is not None:
            self._progress.advance(result.gateway if isinstance(result, Payment) else None)
        return row.line, result

    async def _pay_row(self, aegis: AegisPay, row: Row) -> Payment | BadRow:
        fields = {"merchant": self._options.merchant, **row.fields}
        while True:
            try:
                return await aegis.pay(**fields)
            except OverloadedError:
                await asyncio.sleep(_POLL_S)  # noqa: TID251 - back-pressure of this command, not of the engine
            except (PaymentParkedError, PaymentTimeoutError) as error:
                return await self._as_it_is(aegis, fields) or BadRow(row.line, "", str(error))
            except (RequestError, UnknownGatewayError, CorruptStoreError) as error:
                return explain(error, row.line)

    async def _as_it_is(self, aegis: AegisPay, fields: dict[str, Any]) -> Payment | None:
        """Return the payment of an accepted row that came to no end."""
        with contextlib.suppress(PaymentNotFoundError):
            return await aegis.get_payment_by_idempotency_key(fields["idempotency_key"], merchant=fields["merchant"])
        return None

    async def _settle(self, aegis: AegisPay, payment: Payment) -> Payment:
        """Give an outcome in doubt some time to be resolved; the engine asks, this only looks."""
        looks = int(self._options.settle_s / _POLL_S)
        while payment.in_doubt and looks > 0 and not self._is_stopping:
            looks -= 1
            await asyncio.sleep(_POLL_S)  # noqa: TID251 - a person waits for the summary
            payment = await aegis.get_payment(payment.id)
        return payment

    async def _emit_all(self, started: asyncio.Queue[_Task | None]) -> None:
        """Write results in the order of the rows; after a stop, up to the first row that had no turn."""
        is_complete = True
        while (task := await started.get()) is not None:
            line, result = await task
            if result is None:
                is_complete = False
            elif is_complete:
                self._emit(line, result)

    def _emit(self, line: int, result: Payment | BadRow) -> None:
        if isinstance(result, BadRow):
            self._summary.reject()
            self._err.print(f"rejected: {result}", soft_wrap=True)
            text = rejected(result)
        else:
            self._summary.add(result)
            text = accepted(line, result)
        if self._results is not None:
            self._results.write(text)
