"""Random histories: the store in memory and the store on disk give the same answers to the same operations."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aegispay import MemoryStore, SqliteStore
from aegispay.domain.state import PaymentState
from aegispay.errors import StoreError, ValidationError, VersionConflictError
from aegispay.ports import Parking, PaymentQuery
from aegispay.storage.sealing import repeatable_entropy
from aegispay.storage.verify import verify
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, DOUBT, StillClock, Stream, entry

Call = tuple[str, tuple[Any, ...], dict[str, Any]]


class History:
    """Makes operations up: mostly sensible, sometimes stale, repeated or out of bounds."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.streams: list[Stream] = []
        self.left: dict[str, list[tuple[Any, ...]]] = {}
        self.cursors: list[str] = []

    def call(self) -> Call:
        kinds = (
            *(self._new, self._next, self._next, self._stale),
            *(self._list, self._list, self._read, self._other, self._notify),
        )
        return self.source.choice(kinds)()

    def _new(self) -> Call:
        number = len(self.streams) + 1
        stream = Stream(
            number,
            after_s=self.source.randrange(20),
            merchant=self.source.choice(["default", "shop"]),
            customer=self.source.choice([None, {"id": "cust-1"}]),
            idempotency_key=f"order-{self.source.choice([number, number, number, 1])}",
        )
        self.left[stream.id] = list(self.source.choice([(CHARGE, APPROVE), (CHARGE, DOUBT), ((b.cancel(),),), ()]))
        append = stream.create()
        self.streams.append(stream)
        return "append", (append,), {}

    def _next(self) -> Call:
        going = [stream for stream in self.streams if self.left[stream.id]]
        if not going:
            return self._new()
        stream = self.source.choice(going)
        return "append", (stream.then(*self.left[stream.id].pop(0)),), {}

    def _stale(self) -> Call:
        stream = Stream(self.source.randint(1, 30))
        return "append", (replace(stream.create(), expected_version=self.source.choice([5, 9])),), {}

    def _id(self) -> str:
        return Stream(self.source.randint(1, 30)).id

    def _list(self) -> Call:
        choices = {
            "merchant": ["default", "shop", "none"],
            "state": list(PaymentState),
            "customer_id": ["cust-1", "none"],
            "gateway": ["alpha", "none"],
            "currency": ["USD", "JPY"],
            "in_doubt": [True, False],
            "has_incident": [True, False],
            "parked": [True, False],
            "created_after": [b.NOW + timedelta(seconds=5)],
            "created_before": [b.NOW + timedelta(seconds=15)],
            "after": [*self.cursors, None],
        }
        chosen = self.source.sample(sorted(choices), self.source.randrange(4))
        filters = {name: self.source.choice(choices[name]) for name in chosen}
        return "list_payments", (PaymentQuery(**filters, limit=self.source.choice([0, 1, 3, 1_000])),), {}

    def _read(self) -> Call:
        at = b.NOW + timedelta(seconds=self.source.choice([0, 1, 40, 10**6]))
        limit = self.source.choice([0, 1, 5, 500])
        calls: list[Call] = [
            ("load", (self._id(),), {"after_version": self.source.randrange(4)}),
            ("load_many", ([self._id() for _ in range(3)],), {}),
            ("read_all", (), {"after": self.source.randrange(30), "limit": limit}),
            ("due", (at,), {"limit": limit}),
            ("unfinished", (), {}),
            ("count_states", (), {}),
            ("doubts", (), {}),
            ("inbox_due", (at,), {"limit": limit}),
            ("parked", (), {}),
            ("load_gateways", (), {}),
        ]
        return self.source.choice(calls)

    def _notify(self) -> Call:
        known = (self.source.choice(["alpha", "beta"]), f"evt_{self.source.randrange(12)}")
        after_s = self.source.choice([0, 5, 30, None])
        due_at = None if after_s is None else b.NOW + timedelta(seconds=after_s)
        calls: list[Call] = [
            ("receive", (entry(*known, digest=self.source.choice("dde")),), {}),
            ("receive", (entry(*known, after_s=self.source.randrange(9)),), {}),
            ("inbox_postpone", known, {"due_at": due_at}),
            ("inbox_merged", known, {}),
        ]
        return self.source.choice(calls)

    def _other(self) -> Call:
        parked_at = b.NOW + timedelta(seconds=self.source.randrange(3))
        calls: list[Call] = [
            ("park", (Parking(payment_id=self._id(), cause="c", parked_at=parked_at),), {}),
            ("unpark", (self._id(),), {}),
            ("begin_recoveries", ([self._id() for _ in range(self.source.randrange(4))],), {}),
            ("end_recovery", (self._id(),), {}),
            ("save_gateway", (self.source.choice(["alpha", "beta"]), str(self.source.random())), {}),
            ("close", (), {}),
        ]
        return self.source.choice(calls)


async def answer(store: Any, call: Call) -> Any:
    name, arguments, keywords = call
    try:
        result = await getattr(store, name)(*arguments, **keywords)
    except (VersionConflictError, ValidationError) as error:
        return type(error), str(error)
    except StoreError as error:
        return type(error), error.hint
    if name == "close":
        await store.open()
    return result


async def compare(memory: Any, disk: Any, seed: int) -> int:
    """Return how many kinds of operations gave equal answers."""
    history = History(seed)
    kinds = set()
    for step in range(150):
        call = history.call()
        in_memory, on_disk = await answer(memory, call), await answer(disk, call)
        assert in_memory == on_disk, f"seed {seed}, step {step}: {call}"
        kinds.add(call[0])
        if getattr(in_memory, "next_cursor", None):
            history.cursors.append(in_memory.next_cursor)
    assert await memory.inbox_due(b.LATER) == await disk.inbox_due(b.LATER)
    assert await memory.read_all(limit=10_000) == await disk.read_all(limit=10_000)
    return len(kinds)


@pytest.mark.parametrize("seed", range(10))
def test_both_stores_answer_every_operation_of_a_random_history_alike(tmp_path, seed):
    path = tmp_path / "payments.db"

    async def main() -> int:
        memory = MemoryStore(clock=StillClock(), entropy=repeatable_entropy(b"both"))
        disk = SqliteStore(path, clock=StillClock(), entropy=repeatable_entropy(b"both"))
        await disk.open()
        try:
            return await compare(memory, disk, seed)
        finally:
            await disk.close()

    assert asyncio.run(main()) > 11
    assert verify(path).problems == ()
