"""The engine's process: pays orders while twenty subscribers and five webhook endpoints listen, until it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aegispay import (
    AegisPay,
    AegisPayConfig,
    EffectivelyOnce,
    EventTransaction,
    RetrySchedule,
    SimulatedGateway,
    StoredEvent,
    WebhookEndpoint,
    WebhookPolicy,
)
from aegispay.gateways.ledger import FileLedger
from aegispay.storage.sqlite import SqliteStore
from tests.kill.child import say

PLAIN = tuple(f"plain-{number}" for number in range(14))
SUBSCRIBERS = (*PLAIN, "slow", "flaky", "threaded", "refunds", "booked", "once")
"""Twenty names: fourteen plain ones, a slow one, one that often fails, one in threads, one for refunds only, one whose
effects are in the engine's database, and one whose effects are in a database of its own.
"""
ENDPOINTS = ("fails", "hangs", "gone", "busy", "moved")
RETRY = RetrySchedule(delays_s=(0.05,) * 60)
"""Patient enough for every fault of the run."""
CONFIG = AegisPayConfig(
    check_delays_s=(0.1, 0.2, 0.4), answer_grace_s=0.5, wake_interval_s=0.1, common_cause_max=10_000, shutdown_s=2.0
)
_SLOW_S = 0.05
_FLAKY_SHARE = 0.2
TABLE = "CREATE TABLE IF NOT EXISTS booked (event_id TEXT, payment_id TEXT, version INTEGER, total INTEGER)"
BOOK = "INSERT INTO booked VALUES (?, ?, ?, (SELECT count(*) FROM booked))"


def database(folder: Path) -> Path:
    return folder / "payments.db"


def received(folder: Path, name: str) -> Path:
    """Return the file in which a subscriber notes what it got."""
    return folder / f"{name}.received"


async def trade(folder: Path, task: dict[str, Any]) -> None:
    """Pay the orders of the task; then wait until everybody has got everything, if the task says so."""
    say("start", pid=os.getpid())
    death = _Death(task.get("die"))
    with contextlib.closing(FileLedger(folder / "books.db")) as ledger:
        store = SqliteStore(database(folder), faults=death.at_commit)
        gateway = SimulatedGateway("alpha", ledger=ledger)
        async with AegisPay(store, gateways=[gateway], config=CONFIG) as aegis:
            say("open")
            await _listen(aegis, folder, death, task)
            slots = asyncio.Semaphore(50)
            await asyncio.gather(*(_deal(aegis, number, slots) for number in task["orders"]))
            say("traded", lags={each.name: each.lag_events for each in await aegis.subscriptions()})
            await _until_quiet(aegis, patience_s=task["patience_s"])
            say("end")


class _Death:
    """Kills this process at the nth commit, before or after it, or in the nth handling of an event."""

    def __init__(self, at: dict[str, Any] | None) -> None:
        self._place = "" if at is None else at["place"]
        self._left = 0 if at is None else at["after"]

    def at_commit(self, point: str) -> None:
        self._count(point)

    def in_handler(self) -> None:
        self._count("in_handler")

    def _count(self, place: str) -> None:
        if place == self._place:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def _deal(aegis: AegisPay, number: int, slots: asyncio.Semaphore) -> None:
    async with slots:
        payment = await aegis.pay(
            idempotency_key=f"order-{number}",
            amount="10.00",
            currency="USD",
            payment_method={"type": "card", "token": "tok_visa"},
        )
        if number % 5 == 0:
            for part in ("first", "second"):
                await aegis.refund_payment(payment.id, idempotency_key=part, amount="2.50")
        say("done", number=number)


# --- who listens ------------------------------------------------------------------------------------


async def _listen(aegis: AegisPay, folder: Path, death: _Death, task: dict[str, Any]) -> None:
    source = random.Random(task["seed"])
    note = _Notes(folder, death)

    async def flaky(event: StoredEvent) -> None:
        if source.random() < _FLAKY_SHARE:
            raise RuntimeError("not today")
        note("flaky", event)

    async def slow(event: StoredEvent) -> None:
        await _pause(_SLOW_S)
        note("slow", event)

    def threaded(event: StoredEvent) -> None:
        note("threaded", event)

    async def refunds(event: StoredEvent) -> None:
        note("refunds", event)

    def booked(event: StoredEvent, transaction: EventTransaction) -> None:
        transaction.execute(BOOK, (event.event_id, event.payment_id, event.version))
        death.in_handler()

    plain = {name: ["payment.*"] for name in PLAIN}
    for name, patterns in plain.items():
        await aegis.subscribe(patterns, note.of(name), name=name, from_="start", retry=RETRY)
    await aegis.subscribe("payment.*", slow, name="slow", from_="start", retry=RETRY, concurrency=4)
    await aegis.subscribe("payment.*", flaky, name="flaky", from_="start", retry=RETRY)
    await aegis.subscribe("payment.*", threaded, name="threaded", from_="start", retry=RETRY)
    await aegis.subscribe(["payment.refund_*"], refunds, name="refunds", from_="start", retry=RETRY)
    await aegis.subscribe(
        "payment.*", booked, name="booked", from_="start", retry=RETRY, transactional=True, setup=[TABLE]
    )
    await aegis.subscribe("payment.*", _once(folder, death), name="once", from_="start", retry=RETRY)
    policy = WebhookPolicy(allowed_hosts=frozenset({"127.0.0.1"}))
    for name in ENDPOINTS:
        endpoint = WebhookEndpoint(
            name=f"hook-{name}",
            url=f"{task['receiver']}/{name}",
            secrets=(task["secret"],),
            events=("payment.*",),
            timeout_s=0.5,
            concurrency=16,
            retry=RETRY,
            policy=policy,
        )
        await aegis.add_webhook_endpoint(endpoint, from_="start")


class _Notes:
    """Writes what a subscriber got to its file, at once: one write, so that a kill cannot cut it."""

    def __init__(self, folder: Path, death: _Death) -> None:
        self._folder = folder
        self._death = death
        self._files: dict[str, int] = {}

    def __call__(self, name: str, event: StoredEvent) -> None:
        if name not in self._files:
            self._files[name] = os.open(received(self._folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(self._files[name], f"{event.event_id} {event.payment_id} {event.version}\n".encode())
        self._death.in_handler()

    def of(self, name: str) -> Callable[[StoredEvent], Awaitable[None]]:
        async def handle(event: StoredEvent) -> None:
            self(name, event)

        return handle


def _once(folder: Path, death: _Death) -> Callable[[StoredEvent], None]:
    """Return a consumer with a database of its own, in which each event counts once."""
    once = EffectivelyOnce("once")
    with contextlib.closing(sqlite3.connect(folder / "once.db")) as own:
        own.execute("CREATE TABLE IF NOT EXISTS counted (event_id TEXT, payment_id TEXT, version INTEGER)")
        own.execute("PRAGMA journal_mode=WAL")
        once.make_table(own)

    def handle(event: StoredEvent) -> None:
        def count(cursor: Any) -> None:
            cursor.execute("INSERT INTO counted VALUES (?, ?, ?)", (event.event_id, event.payment_id, event.version))
            death.in_handler()

        with contextlib.closing(sqlite3.connect(folder / "once.db", timeout=30)) as own:
            once.apply(own, event.event_id, count)
        death.in_handler()

    return handle


async def _until_quiet(aegis: AegisPay, *, patience_s: float) -> None:
    """Wait until everybody who can has everything; whoever said that it is gone never will."""
    for look in itertools.count():
        statuses = [each for each in await aegis.subscriptions() if each.name != "hook-gone"]
        restless = [each for each in statuses if each.lag_events or each.waiting or each.dead]
        if not restless:
            say("quiet")
            return
        if look * 0.1 > patience_s:
            say("not_quiet", statuses=[repr(each) for each in restless])
            return
        await _pause(0.1)


async def _pause(seconds: float) -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()
