"""Recovery: counted on disk before each attempt, some at a time, parked beyond the limit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from aegispay import StoreUnavailableError
from aegispay.recovery import Recovery

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Counts:
    """The part of a store that recovery uses."""

    def __init__(self, *unfinished, attempts=0):
        self.waiting = unfinished
        self.attempts = dict.fromkeys(unfinished, attempts)
        self.is_broken = False

    async def unfinished(self, *, due_by):
        self.due_by = due_by
        return self.waiting

    async def recoveries(self):
        return {payment_id: count for payment_id, count in self.attempts.items() if count}

    async def begin_recoveries(self, payment_ids):
        if self.is_broken:
            raise StoreUnavailableError("broken")
        for payment_id in payment_ids:
            self.attempts[payment_id] += 1
        return {payment_id: self.attempts[payment_id] for payment_id in payment_ids}

    async def end_recovery(self, payment_id):
        self.attempts[payment_id] = 0


def recovery_of(store, *, attempts_max=3, concurrency=2):
    woken: list[str] = []
    parked: list[tuple[str, str]] = []

    async def park(payment_id, cause):
        parked.append((payment_id, cause))

    made = Recovery(store, wake=woken.append, park=park, attempts_max=attempts_max, concurrency=concurrency)
    return made, woken, parked


def test_only_so_many_are_woken_at_once_and_each_end_lets_the_next_in():
    async def main():
        store = Counts("a", "b", "c", "d")
        recovery, woken, _ = recovery_of(store)
        await recovery.start(NOW)
        assert (woken, len(recovery)) == (["a", "b"], 4)
        await recovery.end("a")
        assert (woken, len(recovery)) == (["a", "b", "c"], 3)
        await recovery.end("a")
        await recovery.end("nobody")
        assert (woken, len(recovery)) == (["a", "b", "c"], 3)

    asyncio.run(main())


def test_an_attempt_is_on_disk_before_the_payment_is_woken():
    async def main():
        store = Counts("a")
        seen: list[int] = []

        async def park(payment_id, cause):
            raise AssertionError

        recovery = Recovery(
            store, wake=lambda each: seen.append(store.attempts[each]), park=park, attempts_max=3, concurrency=2
        )
        await recovery.start(NOW)
        assert seen == [1]
        await recovery.end("a")
        assert store.attempts["a"] == 0

    asyncio.run(main())


def test_beyond_the_limit_a_payment_is_parked_and_does_not_take_a_place():
    async def main():
        store = Counts("a", "b", "c", attempts=3)
        store.attempts["c"] = 0
        recovery, woken, parked = recovery_of(store, concurrency=1)
        await recovery.start(NOW)
        assert (woken, parked) == (["c"], [])
        await recovery.end("c")
        assert woken == ["c"]
        assert parked == [("a", "3 recoveries without success"), ("b", "3 recoveries without success")]
        assert len(recovery) == 0

    asyncio.run(main())


def test_when_attempts_cannot_be_counted_nobody_is_woken_and_nobody_is_lost():
    async def main():
        store = Counts("a", "b", "c")
        store.is_broken = True
        recovery, woken, _ = recovery_of(store)
        with pytest.raises(StoreUnavailableError):
            await recovery.start(NOW)
        assert (woken, len(recovery)) == ([], 3)
        store.is_broken = False
        await recovery.advance()
        assert woken == ["a", "b"]

    asyncio.run(main())


def test_those_that_did_not_survive_come_last_in_ever_smaller_company_and_at_last_alone():
    async def main():
        store = Counts("once-1", "fresh-1", "twice-1", "once-2", "fresh-2", "twice-2")
        store.attempts.update({"once-1": 1, "once-2": 1, "twice-1": 2, "twice-2": 2})
        recovery, woken, parked = recovery_of(store, concurrency=8)
        groups = []
        await recovery.start(NOW)
        while len(recovery):
            groups.append(tuple(woken))
            for payment_id in groups[-1]:
                woken.remove(payment_id)
                await recovery.end(payment_id)
        assert groups == [("fresh-1", "fresh-2"), ("once-1", "once-2"), ("twice-1",), ("twice-2",)]
        assert parked == []

    asyncio.run(main())


def test_whose_timer_is_set_for_later_than_any_call_takes_is_let_be():
    async def main():
        store = Counts("a")
        recovery, _, _ = recovery_of(store)
        await recovery.start(NOW)
        assert store.due_by == NOW + timedelta(minutes=5)

    asyncio.run(main())
