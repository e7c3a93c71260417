"""Payments as each event made them, whatever the order in which a log mixes them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.evolve import replay
from aegispay.errors import CorruptStoreError
from aegispay.outbox import snapshots
from aegispay.outbox.snapshots import Snapshots
from tests.unit.outbox_contract.published import kept_events

STORIES: dict[str, list] = {}
for name, kept, _ in kept_events():
    STORIES.setdefault(name, []).append(kept)


def mixed_log(seed):
    """Return all stories as one log: each a payment, their events shuffled together in order."""
    draw = random.Random(seed)
    streams = {f"pay_{name}": list(events) for name, events in STORIES.items()}
    log = []
    while streams:
        payment_id = draw.choice(list(streams))
        stored = streams[payment_id].pop(0)
        log.append(replace(stored, payment_id=payment_id, position=len(log) + 1))
        if not streams[payment_id]:
            del streams[payment_id]
    return log


def folded(log, upto):
    """Return the payment of the event at this place, from the whole log before it."""
    payment_id = log[upto].payment_id
    return replay(payment_id, [each.event for each in log[: upto + 1] if each.payment_id == payment_id])


class Store:
    def __init__(self, log):
        self.log = log
        self.asked = []

    async def load_many(self, payment_ids):
        self.asked.append(list(payment_ids))
        return {each: tuple(s for s in self.log if s.payment_id == each) for each in payment_ids}


def read(store, log, size):
    async def main():
        made = Snapshots(store.load_many)
        found = []
        for begin in range(0, len(log), size):
            found += await made.after(log[begin : begin + size])
        return found

    return asyncio.run(main())


@given(seed=st.integers(0, 2**32), size=st.integers(1, 40), start=st.integers(0, 80), kept=st.integers(1, 12))
def test_wherever_reading_begins_each_payment_is_as_the_whole_log_makes_it(seed, size, start, kept):
    log = mixed_log(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "_KEPT_MAX", kept)
        found = read(Store(log), log[start:], size)
    assert found == [folded(log, place) for place in range(start, len(log))]


def test_from_the_beginning_nothing_is_loaded():
    log = mixed_log(1)
    store = Store(log)
    read(store, log, 10)
    assert store.asked == []


def test_from_the_middle_each_payment_is_loaded_once():
    log = mixed_log(1)
    store = Store(log)
    read(store, log[40:], 10)
    asked = [each for page in store.asked for each in page]
    assert sorted(asked) == sorted(set(asked))
    assert asked


def test_what_is_kept_has_a_bound(monkeypatch):
    monkeypatch.setattr(snapshots, "_KEPT_MAX", 3)
    log = mixed_log(2)
    made = Snapshots(Store(log).load_many)
    asyncio.run(made.after(log))
    assert len(made._kept) == 3


def test_a_log_that_lacks_the_events_before_is_damaged():
    log = mixed_log(3)
    late = next(each for each in log if each.version == 3)
    with pytest.raises(CorruptStoreError, match=r"events before its 3\. are missing"):
        read(Store([late]), [late], 1)
