"""Handlers on threads, and those whose statements commit with the cursor, on a real file."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import pytest

from aegispay import AegisPay, CommitUnknownError, SimulatedGateway, SqliteStore, StoreUnavailableError, ValidationError
from aegispay.delivery_errors import EffectsRefusedError
from aegispay.domain.deliveries.schedule import RetrySchedule
from tests.integration.engine.rig import order

TABLES = ["CREATE TABLE IF NOT EXISTS told (event_id TEXT NOT NULL, payment_id TEXT NOT NULL, seen INTEGER NOT NULL)"]
AT_ONCE = RetrySchedule(delays_s=(0.0, 0.0, 0.0), jitter=0.0)


class Teller:
    """A transactional handler: notes each event, with how many of its payment were noted before."""

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.calls: list[str] = []
        self.is_enough = threading.Event()
        self.before: Callable[[Any, Any], None] = lambda event, transaction: None

    def __call__(self, event, transaction) -> None:
        self.calls.append(event.event_id)
        self.before(event, transaction)
        ((seen,),) = transaction.query("SELECT count(*) FROM told WHERE payment_id = ?", (event.payment_id,))
        transaction.execute("INSERT INTO told VALUES (?, ?, ?)", (event.event_id, event.payment_id, seen))
        if event.event.type == "payment.succeeded":
            self.enough -= 1
            if not self.enough:
                self.is_enough.set()

    async def wait(self) -> None:
        await asyncio.to_thread(self.is_enough.wait, 60)
        assert self.is_enough.is_set()


def told(path) -> list[tuple[str, int]]:
    database = sqlite3.connect(path)
    try:
        return database.execute("SELECT event_id, seen FROM told ORDER BY rowid").fetchall()
    finally:
        database.close()


def run(path, teller: Teller, payments: int = 5, *, bend: Callable[[Any], None] | None = None, **settings: Any) -> None:
    """Make payments while a transactional subscriber listens, until it has heard of every success."""

    async def main() -> None:
        store = SqliteStore(path)
        if bend is not None:
            bend(store)
        async with AegisPay(store, gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.subscribe("*", teller, name="teller", transactional=True, setup=TABLES, **settings)
            await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(payments)))
            await teller.wait()
            await aegis.unsubscribe("teller")

    asyncio.run(main())


def check(path, payments: int = 5) -> None:
    """Each event was noted exactly once, in the order of its payment."""
    database = sqlite3.connect(path)
    try:
        events = database.execute("SELECT payment_id || '-' || version, version - 1 FROM events").fetchall()
    finally:
        database.close()
    assert len(events) == 4 * payments
    assert sorted(told(path)) == sorted(events)


def test_statements_of_a_transactional_handler_take_effect_exactly_once_and_in_order(tmp_path):
    path = tmp_path / "payments.db"
    run(path, Teller(5))
    check(path)


def test_a_commit_that_may_have_happened_is_looked_up_and_not_made_twice(tmp_path):
    path, failures = tmp_path / "payments.db", []

    def bend(store) -> None:
        advance = store.advance

        async def unsure(progress):
            made = await advance(progress)
            if len(failures) < 3 and progress.effects:
                failures.append(progress)
                raise CommitUnknownError("the connection was lost while it committed")
            return made

        store.advance = unsure

    teller = Teller(5)
    run(path, teller, bend=bend)
    assert len(failures) == 3
    assert len(teller.calls) == len(set(teller.calls)) == 20
    check(path)


def test_a_commit_that_did_not_happen_is_made_again(tmp_path):
    path, failures = tmp_path / "payments.db", []

    def bend(store) -> None:
        advance = store.advance

        async def unavailable(progress):
            if len(failures) < 2 and progress.effects:
                failures.append(progress)
                raise StoreUnavailableError("the disk is full")
            return await advance(progress)

        store.advance = unavailable

    run(path, Teller(5), bend=bend)
    assert len(failures) == 2
    check(path)


def test_nothing_of_a_handler_that_raises_is_written(tmp_path):
    path, teller = tmp_path / "payments.db", Teller(5)

    def before(event, transaction) -> None:
        transaction.execute("INSERT INTO told VALUES (?, ?, ?)", ("half", "half", 0))
        if teller.calls.count(event.event_id) == 1 and event.version == 2:
            raise ConnectionError("not now")
        transaction.execute("DELETE FROM told WHERE event_id = ?", ("half",))

    teller.before = before
    run(path, teller, retry=AT_ONCE)
    check(path)


def test_statements_that_fail_when_they_are_executed_make_the_event_come_again(tmp_path):
    path, teller = tmp_path / "payments.db", Teller(5)

    def before(event, transaction) -> None:
        if teller.calls.count(event.event_id) == 1 and event.version == 3:
            transaction.execute("INSERT INTO told VALUES (?, ?, NULL)", ("bad", "bad"))

    teller.before = before
    run(path, teller, retry=AT_ONCE)
    check(path)
    assert len(teller.calls) == 25


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("DELETE FROM events", ()),
        ("UPDATE payments SET state = 'success'", ()),
        ("INSERT INTO nowhere VALUES (1)", ()),
        ("INSERT INTO told VALUES (?, ?, ?)", (1,)),
        ("COMMIT", ()),
        ("ATTACH 'x' AS y", ()),
        ("CREATE TABLE more (x)", ()),
        ("INSERT INTO told VALUES (?, ?, ?)", "abc"),
    ],
)
def test_statements_that_are_not_allowed_are_refused_where_they_are_written(tmp_path, statement, parameters):
    path, teller, refusals = tmp_path / "payments.db", Teller(1), []

    def before(event, transaction) -> None:
        with pytest.raises(EffectsRefusedError) as refused:
            transaction.execute(statement, parameters)
        refusals.append(str(refused.value))
        with pytest.raises(EffectsRefusedError):
            transaction.query("INSERT INTO told VALUES ('a', 'b', 1)")

    teller.before = before
    run(path, teller, payments=1)
    check(path, payments=1)
    assert len(refusals) == 4


def test_a_transaction_takes_nothing_after_its_handler_has_returned(tmp_path):
    path, teller, kept = tmp_path / "payments.db", Teller(1), []
    teller.before = lambda event, transaction: kept.append(transaction)
    run(path, teller, payments=1)
    with pytest.raises(EffectsRefusedError, match="is over"):
        kept[0].execute("DELETE FROM told")
    with pytest.raises(EffectsRefusedError, match="is over"):
        kept[0].query("SELECT 1")
    assert "told" not in repr(kept[0])


def test_a_transactional_handler_is_a_plain_function(tmp_path):
    async def handler(event, transaction) -> None:
        """Would stop the loop with each question."""

    async def main() -> None:
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            with pytest.raises(ValidationError, match="has to be a plain function"):
                await aegis.subscribe("*", handler, name="teller", transactional=True)
            with pytest.raises(ValidationError, match="takes two arguments"):
                await aegis.subscribe("*", lambda event: None, name="teller", transactional=True)
            with pytest.raises(EffectsRefusedError):
                await aegis.subscribe(
                    "*", Teller(1), name="teller", transactional=True, setup=["DROP TABLE IF EXISTS events"]
                )
            assert await aegis.subscriptions() == ()

    asyncio.run(main())


def test_a_plain_handler_runs_beside_the_loop_and_many_at_once(tmp_path):
    barrier, threads = threading.Barrier(4), set()

    def together(event) -> None:
        threads.add(threading.current_thread().name)
        barrier.wait(60)

    async def main() -> None:
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.subscribe("payment.initiated", together, name="mailer", concurrency=4)
            await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(8)))
            await aegis.unsubscribe("mailer")

    asyncio.run(main())
    assert threads == {"aegispay-subscriber-mailer"}


def test_a_plain_handler_that_hangs_delays_neither_payments_nor_closing_for_long(tmp_path):
    let_go, started = threading.Event(), threading.Event()

    def hang(event) -> None:
        started.set()
        let_go.wait(60)

    async def main() -> None:
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.subscribe("*", hang, name="mailer", concurrency=2, timeout_s=0.01, retry=AT_ONCE)
            await aegis.pay(**order("order-1"))
            await asyncio.to_thread(started.wait, 60)
            payment = await aegis.pay(**order("order-2"))
            assert payment.state.value == "success"

    asyncio.run(main())
    let_go.set()


def test_subscriptions_without_an_event_loop(tmp_path):
    from aegispay import BlockingAegisPay

    got, is_enough = [], threading.Event()

    def handler(event) -> None:
        got.append(event.version)
        if len(got) == 4:
            is_enough.set()

    with BlockingAegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
        subscription = aegis.subscribe("*", handler, name="mailer")
        assert (subscription.name, subscription.patterns, subscription.position) == ("mailer", ("*",), 0)
        aegis.pay(**order())
        assert is_enough.wait(60)
        assert [each.name for each in aegis.subscriptions()] == ["mailer"]
        assert aegis.dead_letters() == ()
        aegis.unsubscribe("mailer", forget=True)
        assert aegis.subscriptions() == ()
    assert got == [1, 2, 3, 4]


def test_a_handler_that_ends_while_the_log_is_read_has_its_statements_written_before_the_next_one_reads(tmp_path):
    path, began, reading, calls = tmp_path / "payments.db", threading.Event(), threading.Event(), []

    def handle(event, transaction) -> None:
        ((seen,),) = transaction.query("SELECT count(*) FROM told", ())
        transaction.execute("INSERT INTO told VALUES (?, ?, ?)", (event.event_id, event.payment_id, seen))
        calls.append(event.event_id)
        if len(calls) == 1:
            began.set()
            assert reading.wait(20)

    async def main() -> None:
        store = SqliteStore(path)
        read_all = store.read_all

        async def read(**arguments):
            found = await read_all(**arguments)
            if began.is_set() and not reading.is_set():
                reading.set()
                # As slow as it takes the handler to return, and whoever waits for it to be told so.
                for _ in range(20):
                    await asyncio.to_thread(lambda: None)
            return found

        store.read_all = read
        async with AegisPay(store, gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.subscribe("*", handle, name="teller", transactional=True, setup=TABLES)
            await aegis.create_payment(**order("first"))
            await asyncio.to_thread(began.wait, 20)
            await aegis.pay(**order("second"))
            async with asyncio.timeout(30):
                while (await aegis.subscriptions())[0].lag_events:
                    await asyncio.to_thread(lambda: None)

    asyncio.run(main())
    assert [seen for _, seen in told(path)] == [0, 1, 2, 3, 4]
    assert len(calls) == 5
