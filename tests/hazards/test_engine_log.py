"""Hazards of the log and of time: E1, E2, E4, E7 and E10 of docs/hazards.md."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from aegispay import AegisPay, GatewayContract, MemoryStore, PaymentState, Reason, SimulatedGateway, StoreOpenError
from aegispay.domain.projection import project
from aegispay.gateways.script import Fault
from aegispay.history import rebuild
from aegispay.ports import PaymentQuery
from aegispay.storage.verify import verify
from tests.hazards.dying import died_at
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual


async def _everything(aegis: Any) -> None:
    """Make each kind of event that a merchant can bring about without trouble."""
    paid = await aegis.pay(**order("paid"))
    await aegis.refund_payment(paid.id, idempotency_key="r", amount="10.00")
    held = await aegis.pay(**order("held", capture="manual"))
    await aegis.capture_payment(held.id, idempotency_key="c", amount="10.00", is_final=False)
    await aegis.cancel_payment(held.id)
    await aegis.pay(**order("declined", token="tok_declined"))


def _streams(log: tuple[Any, ...]) -> dict[str, list[Any]]:
    streams: dict[str, list[Any]] = {}
    for stored in log:
        streams.setdefault(stored.payment_id, []).append(stored)
    return streams


async def _check_log(store: MemoryStore) -> int:
    """Check that what a reader of the log sees is exactly what is committed; return how many events that is."""
    log = await store.read_all(limit=10_000)
    streams = _streams(log)
    rows = {row.payment_id: row for row in (await store.list_payments(PaymentQuery(limit=1_000))).rows}
    assert [stored.position for stored in log] == list(range(1, len(log) + 1))
    assert set(streams) == set(rows)
    for payment_id, stream in streams.items():
        assert tuple(stream) == await store.load(payment_id)
        assert [stored.version for stored in stream] == list(range(1, len(stream) + 1))
        assert project(rebuild(payment_id, tuple(stream))) == rows[payment_id]
    return len(log)


@virtual
async def test_e1_at_every_crash_point_the_log_a_reader_sees_is_exactly_what_is_committed():
    world, places = await died_at(None, _everything)
    whole = await _check_log(world.store)
    seen = [await _log_after_a_death_at(chosen) for chosen in range(len(places))]
    assert len(places) >= 24
    assert (seen[0], seen[-1]) == (0, whole)
    assert seen == sorted(seen)
    assert all(before < after for before, after in zip(seen[::2], seen[1::2], strict=True))


async def _log_after_a_death_at(chosen: int | None) -> int:
    world, _ = await died_at(chosen, _everything)
    return await _check_log(world.store)


@pytest.mark.parametrize("loop_seed", range(3))
@virtual
async def test_e2_every_payments_events_lie_in_the_log_in_their_order_however_many_are_written_at_once(loop_seed):
    world = World("alpha", "beta", latency_s=(0.0, 2.0))
    async with world.engine() as aegis:
        await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(200)))
        seen: list[Any] = []
        while page := await world.store.read_all(after=seen[-1].position if seen else 0, limit=7):
            seen += page
    assert await _check_log(world.store) == len(seen) == 800
    assert len({stored.event_id for stored in seen}) == 800


# --- time -------------------------------------------------------------------------------------------

DOWNTIMES_S = [1_860.0, 86_400.0 * 40, 86_400.0 * 365 * 5]
"""Just beyond a half-hour window, longer than any deadline, and years."""


@pytest.mark.parametrize("downtime_s", DOWNTIMES_S)
@virtual
async def test_e4_every_timer_that_was_due_while_the_engine_was_down_fires_when_it_is_back(downtime_s):
    world = World("alpha", contract=GatewayContract(authorization_validity_s=1_200))
    async with world.engine(payment_expiry_s=1_200) as aegis:
        waiting = await aegis.create_payment(**order("never processed"))
        doubtful = await aegis.pay(**order("in doubt", token="tok_error_after_charge"))
        challenged = await aegis.pay(**order("challenge", token="tok_requires_action"))
        held = await aegis.pay(**order("held", capture="manual"))
        paid = await aegis.pay(**order("paid"))
        world["alpha"].script("refund", Fault.ERROR_AFTER)
        refunded = await aegis.refund_payment(paid.id, idempotency_key="r", amount="10.00")
    assert (doubtful.in_doubt, refunded.in_doubt) == (True, True)
    await elapse(downtime_s)
    async with world.engine() as aegis:
        await elapse(60)
        states = {each.id: (await aegis.get_payment(each.id)).state for each in (waiting, doubtful, challenged, held)}
        paid = await aegis.get_payment(paid.id)
    assert list(states.values()) == [
        PaymentState.CANCELLED,
        PaymentState.SUCCESS,
        PaymentState.FAILURE,
        PaymentState.CANCELLED,
    ]
    assert (paid.state, paid.refunded_minor, paid.in_doubt) == (PaymentState.PARTIALLY_REFUNDED, 1_000, False)
    assert await world.store.due(world.clock.now() + timedelta(days=36_500)) == ()


class JumpingClock:
    """A clock whose date can be set; what counts seconds goes on as before."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind
        self.offset = timedelta()

    def now(self) -> Any:
        return self._behind.now() + self.offset

    def monotonic(self) -> float:
        return self._behind.monotonic()


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1)], ids=["back", "forward"])
@virtual
async def test_e10_a_date_that_jumps_while_a_call_runs_neither_ends_nor_prolongs_it(jump):
    world = World()
    clock: Any = JumpingClock(world.clock)
    world.clock = clock

    async def hang(request):
        await elapse(1_000)

    odd = Adapter(hang, contract=GatewayContract(timeout_s=30), clock=clock)
    async with world.engine(odd) as aegis:
        paying = asyncio.create_task(aegis.pay(**order(gateway="odd")))
        await elapse(10)
        clock.offset = jump
        await elapse(19)
        assert not paying.done()
        await elapse(2)
        assert paying.done()
        payment = await paying
    assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
    assert payment.attempts[0].failure is not None
    assert payment.attempts[0].failure.reason is Reason.TIMEOUT


@virtual
async def test_e10_after_a_date_that_went_back_no_payment_goes_back_in_time_and_doubts_are_still_settled():
    world = World()
    clock: Any = JumpingClock(world.clock)
    world.clock = clock
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token="tok_error_after_charge"))
        clock.offset = -timedelta(minutes=10)
        await elapse(1_200)
        settled = await aegis.get_payment(payment.id)
    assert settled.state is PaymentState.SUCCESS
    assert settled.updated_at >= payment.updated_at
    assert world.charges() == [("alpha", 10_000)]


# --- a log that somebody or something has changed --------------------------------------------------

EDITS = {
    "changed": "UPDATE events SET data = replace(data, '10000', '90000') WHERE type = 'payment.succeeded'",
    "removed": "DELETE FROM events WHERE type = 'payment.refund_requested'",
    "swapped": "UPDATE events SET data = (SELECT data FROM events AS other WHERE other.type = events.type"
    " AND other.payment_id <> events.payment_id) WHERE type = 'payment.succeeded'",
    "cut off": "DELETE FROM events WHERE position = (SELECT max(position) FROM events)",
    "hash changed": "UPDATE events SET hash = zeroblob(32) WHERE position = 3",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The file of an engine that was used and closed."""
    path = tmp_path_factory.mktemp("written") / "payments.db"

    async def use():
        async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
            paid = await aegis.pay(**order("one"))
            await aegis.refund_payment(paid.id, idempotency_key="r", amount="1.00")
            await aegis.pay(**order("two", amount="200.00"))

    asyncio.run(use())
    return path.read_bytes()


def test_e7_a_log_that_nobody_touched_is_clean(written, tmp_path):
    (tmp_path / "payments.db").write_bytes(written)
    assert verify(tmp_path / "payments.db").problems == ()


@pytest.mark.parametrize("edit", EDITS)
def test_e7_a_changed_removed_or_reordered_event_is_found(edit, written, tmp_path):
    path = tmp_path / "payments.db"
    path.write_bytes(written)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        assert database.execute(EDITS[edit]).rowcount > 0
    assert verify(path).problems != ()


def test_e7_a_file_whose_last_page_was_never_written_is_found(written, tmp_path):
    path = tmp_path / "payments.db"
    path.write_bytes(written[:-4096])
    try:
        problems = verify(path).problems
    except StoreOpenError as error:
        problems = (str(error),)
    assert problems != ()
