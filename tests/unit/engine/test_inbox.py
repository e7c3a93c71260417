"""The inbox: kept before it is acknowledged, offered until it is taken in."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from datetime import timedelta

import pytest

from aegispay import MemoryStore
from aegispay.domain.notification import NotificationKind
from aegispay.errors import (
    FencedError,
    OverloadedError,
    PaymentNotFoundError,
    PaymentParkedError,
    PaymentTimeoutError,
    StoreUnavailableError,
)
from aegispay.ports import Receipt
from aegispay.testing import run_virtual
from tests import builders as b
from tests.contracts.webhooks import Host, said
from tests.unit.storage.disk import on_disk

TROUBLE = [
    OverloadedError("full"),
    PaymentNotFoundError("none"),
    PaymentParkedError("parked"),
    PaymentTimeoutError("late"),
    StoreUnavailableError("full disk"),
    RuntimeError("a bug"),
]


def raising(error):
    async def merge(_notification):
        raise error

    return merge


def answering(*answers):
    left = list(answers)

    async def merge(_notification):
        return left.pop(0)

    return merge


def test_a_notification_is_on_disk_before_its_payment_is_told():
    async def main():
        async def merge(_notification):
            seen.append(await host.waiting())
            return True

        seen = []
        host = Host(merge=merge)
        assert await host.hear(said()) is Receipt.STORED
        assert seen == [[("evt_1", 0)]]
        assert await host.waiting() == []

    run_virtual(main())


def test_what_no_payment_took_in_is_acknowledged_and_waits():
    async def main():
        host = Host(merge=answering(False, True))
        assert await host.hear(said()) is Receipt.STORED
        assert await host.waiting() == [("evt_1", 1)]
        await host.later(4.9)
        assert len(host.told) == 1
        await host.later(0.1)
        assert host.told == [("alpha", "evt_1", False)] * 2
        assert await host.waiting() == []

    run_virtual(main())


@pytest.mark.parametrize("error", TROUBLE, ids=lambda error: type(error).__name__)
def test_a_payment_that_cannot_be_told_is_told_later(error):
    async def main():
        host = Host(merge=raising(error))
        assert await host.hear(said()) is Receipt.STORED
        assert await host.waiting() == [("evt_1", 1)]

    run_virtual(main())


def test_tries_are_spaced_until_three_days_have_passed_and_then_it_is_given_up(caplog):
    async def main():
        host = Host(merge=raising(OverloadedError("full")))
        await host.hear(said())
        tried_s = []
        while due := await host.store.inbox_due(b.LATER):
            host.clock.time = due[0].due_at
            tried_s.append((host.clock.time - b.NOW).total_seconds())
            await host.inbox.offer_due()
        return host, tried_s

    host, tried_s = run_virtual(main())
    assert tried_s[:6] == [5, 35, 335, 3_935, 7_535, 11_135]
    assert {later - earlier for earlier, later in itertools.pairwise(tried_s[3:])} == {3_600}
    assert 3 * 86_400 - 3_600 < tried_s[-1] <= 3 * 86_400
    assert len(host.told) == len(tried_s) + 1
    assert host.inbox.given_up == 1
    (given_up,) = [record for record in caplog.records if "notification_given_up" in record.getMessage()]
    assert given_up.levelname == "ERROR"
    assert "evt_1" in given_up.getMessage()


def test_what_waited_while_the_engine_was_down_gets_one_more_try():
    async def main():
        host = Host(merge=answering(False, True))
        await host.hear(said())
        await host.later(30 * 86_400 - 5)
        assert len(host.told) == 2
        assert host.inbox.given_up == 0

    run_virtual(main())


def test_a_writer_that_was_fenced_says_so_and_leaves_it_to_the_next():
    async def main():
        host = Host(merge=raising(FencedError("taken over")))
        with pytest.raises(FencedError):
            await host.hear(said())
        assert await host.waiting() == [("evt_1", 0)]
        with pytest.raises(FencedError):
            await host.later(5)
        assert await host.waiting() == [("evt_1", 0)]

    run_virtual(main())


def test_a_crash_between_keeping_and_telling_loses_nothing(tmp_path):
    async def crash(store):
        host = Host(store=store, merge=raising(asyncio.CancelledError()))
        with pytest.raises(asyncio.CancelledError):
            await host.hear(said())

    async def live_again(store):
        host = Host(store=store)
        await host.later(5)
        assert host.told == [("alpha", "evt_1", False)]
        assert await host.waiting() == []
        assert await host.hear(said()) is Receipt.DUPLICATE

    on_disk(tmp_path / "payments.db", crash)
    on_disk(tmp_path / "payments.db", live_again)


def test_what_was_told_and_not_noted_is_told_again():
    class Forgetful(MemoryStore):
        async def inbox_merged(self, gateway, notification_id):
            if not noted:
                noted.append(notification_id)
                raise StoreUnavailableError("full disk")
            await super().inbox_merged(gateway, notification_id)

    async def main():
        host = Host(store=Forgetful())
        assert await host.hear(said()) is Receipt.STORED
        await host.later(5)
        assert host.told == [("alpha", "evt_1", False)] * 2
        assert await host.waiting() == []

    noted = []
    run_virtual(main())


def test_what_cannot_be_kept_is_not_acknowledged_and_nobody_is_told():
    def full(_point):
        raise OSError("no space")

    async def main():
        host = Host(store=MemoryStore(faults=full))
        with pytest.raises(StoreUnavailableError):
            await host.hear(said())
        assert host.told == []
        host.store.faults = None
        assert await host.hear(said()) is Receipt.STORED

    run_virtual(main())


def held():
    """Return a merge that waits, an event that says it does, and the event that lets it go on."""
    begun, free = asyncio.Event(), asyncio.Event()

    async def merge(_notification):
        begun.set()
        return await free.wait()

    return merge, begun, free


def test_twenty_deliveries_at_once_are_told_once():
    async def main():
        merge, _, free = held()
        host = Host(merge=merge)
        deliveries = [asyncio.ensure_future(host.hear(said())) for _ in range(20)]
        done, going = await asyncio.wait(deliveries, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 19:
            more, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        assert {each.result() for each in done} == {Receipt.DUPLICATE}
        free.set()
        assert Counter(await asyncio.gather(*deliveries)) == {Receipt.STORED: 1, Receipt.DUPLICATE: 19}
        assert host.told == [("alpha", "evt_1", False)]

    run_virtual(main())


def test_what_is_being_told_is_not_offered_beside_however_long_it_takes():
    async def main():
        merge, begun, free = held()
        host = Host(merge=merge)
        first = asyncio.ensure_future(host.hear(said()))
        await begun.wait()
        await host.later(3_600)
        assert len(host.told) == 1
        free.set()
        assert await first is Receipt.STORED
        assert await host.waiting() == []

    run_virtual(main())


def test_a_payment_that_does_not_answer_holds_up_no_other():
    async def main():
        free = asyncio.Event()

        async def merge(notification):
            if notification.id == "evt_0":
                return await free.wait()
            if notification.id == "evt_1":
                raise RuntimeError("a bug")
            return is_open

        is_open = False
        host = Host(merge=merge)
        hung = asyncio.ensure_future(host.hear(said("evt_0")))
        await host.hear(said("evt_1"), said("evt_2"))
        is_open = True
        await host.later(5)
        assert dict(await host.waiting()) == {"evt_0": 0, "evt_1": 2}
        free.set()
        await hung
        assert dict(await host.waiting()) == {"evt_1": 2}

    run_virtual(main())


def test_a_conflict_is_passed_on_as_one_and_nothing_of_it_is_kept():
    async def main():
        host = Host(merge=answering(False, True, True))
        await host.hear(said())
        assert await host.hear(said(outcome=b.hard())) is Receipt.CONFLICT
        assert host.told == [("alpha", "evt_1", False), ("alpha", "evt_1", True)]
        (waiting,) = await host.store.inbox_due(b.LATER)
        assert waiting.notification == said()

    run_virtual(main())


@pytest.mark.parametrize(
    "changed", [{"outcome": b.approved(amount_minor=1)}, {"reference": "other"}, {"kind": NotificationKind.REFUND}]
)
def test_anything_that_differs_under_one_id_is_a_conflict(changed):
    async def main():
        host = Host()
        await host.hear(said())
        assert await host.hear(said(**changed)) is Receipt.CONFLICT

    run_virtual(main())


def test_a_conflict_of_which_the_payment_could_not_be_told_is_not_acknowledged():
    async def main():
        host = Host()
        await host.hear(said())
        for error in (OverloadedError("full"), StoreUnavailableError("full disk"), RuntimeError("a bug")):
            host._merge = raising(error)
            with pytest.raises(type(error)):
                await host.hear(said(outcome=b.hard()))
        host._merge = None
        assert await host.hear(said(outcome=b.hard())) is Receipt.CONFLICT

    run_virtual(main())


def test_a_conflict_about_a_payment_that_is_not_there_or_parked_is_refused_until_it_can_be_told():
    async def main():
        host = Host(merge=answering(True, False, True))
        await host.hear(said())
        other = said(outcome=b.hard())
        told = "^alpha's event contradicts an earlier one with its id, and its payment cannot be told of it now$"
        with pytest.raises(OverloadedError, match=told):
            await host.hear(other)
        assert await host.hear(other) is Receipt.CONFLICT
        host._merge = raising(PaymentParkedError("parked"))
        with pytest.raises(PaymentParkedError, match=r"^parked$"):
            await host.hear(other)
        assert await host.waiting() == []

    run_virtual(main())


def test_what_is_new_beside_a_conflict_that_cannot_be_told_is_told_all_the_same():
    async def main():
        host = Host()
        await host.hear(said("evt_1"))
        host._merge = answering(True, False)
        with pytest.raises(OverloadedError):
            await host.hear(said("evt_1", outcome=b.hard()), said("evt_2"))
        assert host.told[1:] == [("alpha", "evt_2", False), ("alpha", "evt_1", True)]

    run_virtual(main())


def test_one_webhook_may_say_several_things_and_each_counts_alone():
    async def main():
        host = Host()
        assert await host.hear(said("evt_1"), said("evt_2"), said("evt_1")) is Receipt.STORED
        assert await host.hear(said("evt_1"), said("evt_3")) is Receipt.STORED
        assert await host.hear(said("evt_1"), said("evt_3")) is Receipt.DUPLICATE
        assert await host.hear(said("evt_4"), said("evt_1", outcome=b.hard())) is Receipt.CONFLICT
        assert host.told == [
            ("alpha", "evt_1", False),
            ("alpha", "evt_2", False),
            ("alpha", "evt_3", False),
            ("alpha", "evt_4", False),
            ("alpha", "evt_1", True),
        ]

    run_virtual(main())


def test_a_webhook_that_says_nothing_of_interest_is_acknowledged_and_not_kept():
    async def main():
        host = Host()
        assert await host.hear() is Receipt.IGNORED
        assert await host.waiting() == []
        assert host.told == []

    run_virtual(main())


def test_what_is_due_is_taken_in_batches_without_leaving_any_behind():
    async def main():
        host = Host(merge=answering(*[False] * 600, *[True] * 600))
        for number in range(6):
            await host.hear(*(said(f"evt_{number}_{each}") for each in range(100)))
        await host.later(5)
        assert len(await host.store.inbox_due(host.clock.now(), limit=1_000)) == 100
        await host.later(0)
        assert await host.waiting() == []
        assert len(set(host.told)) == 600
        assert len(host.told) == 1_200

    run_virtual(main())


def test_times_are_those_of_the_clock():
    async def main():
        host = Host(merge=answering(False))
        host.clock.time += timedelta(days=1)
        await host.hear(said())
        (entry,) = await host.store.inbox_due(b.LATER)
        assert entry.received_at == b.NOW + timedelta(days=1)
        assert entry.due_at == b.NOW + timedelta(days=1, seconds=5)

    run_virtual(main())
