"""The contract of every event store: notifications, kept once and offered until they are merged."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from aegispay.domain.notification import NotificationKind
from aegispay.errors import ValidationError
from aegispay.ports import Receipt
from tests import builders as b
from tests.contracts.stores import entry, stored

DAY = timedelta(days=1)


def ids(entries):
    return [(each.gateway, each.notification.id) for each in entries]


@pytest.mark.parametrize(
    "outcome",
    [b.approved(), b.hard(), b.soft(), b.not_sent(), b.unknown(), b.wants_payer()],
    ids=lambda outcome: outcome.type,
)
@stored
async def test_a_notification_comes_back_as_it_was_received(store, outcome):
    kept = entry(kind=NotificationKind.REFUND, reference="r-1", outcome=outcome)
    assert await store.receive(kept) is Receipt.STORED
    await store.close()
    await store.open()
    assert await store.inbox_due(b.NOW) == (kept,)


@stored
async def test_the_same_notification_again_is_a_duplicate_and_changes_nothing(store):
    first = entry()
    await store.receive(first)
    await store.inbox_postpone("alpha", "evt_1", due_at=b.NOW + timedelta(seconds=5))
    assert await store.receive(entry(after_s=60)) is Receipt.DUPLICATE
    (kept,) = await store.inbox_due(b.LATER)
    assert kept == replace(first, tries=1, due_at=b.NOW + timedelta(seconds=5))


@stored
async def test_other_content_under_a_known_id_is_a_conflict_and_changes_nothing(store):
    first = entry()
    await store.receive(first)
    assert await store.receive(entry(digest="e", outcome=b.hard())) is Receipt.CONFLICT
    assert await store.inbox_due(b.LATER) == (first,)
    assert await store.receive(entry()) is Receipt.DUPLICATE


@stored
async def test_one_id_at_two_gateways_is_two_notifications(store):
    assert await store.receive(entry("alpha")) is Receipt.STORED
    assert await store.receive(entry("beta", digest="e")) is Receipt.STORED
    assert ids(await store.inbox_due(b.NOW)) == [("alpha", "evt_1"), ("beta", "evt_1")]


@stored
async def test_of_many_equal_deliveries_in_one_moment_one_is_stored(store):
    receipts = await asyncio.gather(*(store.receive(entry()) for _ in range(20)))
    assert Counter(receipts) == {Receipt.STORED: 1, Receipt.DUPLICATE: 19}


@stored
async def test_of_two_that_differ_in_one_moment_the_second_is_the_conflict(store):
    receipts = await asyncio.gather(store.receive(entry()), store.receive(entry(digest="e")))
    assert receipts == [Receipt.STORED, Receipt.CONFLICT]


@stored
async def test_what_is_due_comes_oldest_first_and_only_until_then(store):
    for number, after_s in ((1, 3), (2, 1), (3, 2), (4, 9)):
        await store.receive(entry(notification_id=f"evt_{number}", after_s=after_s))
    at = b.NOW + timedelta(seconds=3)
    assert [name for _, name in ids(await store.inbox_due(at))] == ["evt_2", "evt_3", "evt_1"]
    assert [name for _, name in ids(await store.inbox_due(at, limit=2))] == ["evt_2", "evt_3"]
    assert await store.inbox_due(b.NOW) == ()


@pytest.mark.parametrize("limit", [0, -1, True])
@stored
async def test_a_limit_below_one_is_refused(store, limit):
    with pytest.raises(ValidationError, match="limit"):
        await store.inbox_due(b.NOW, limit=limit)


@stored
async def test_what_was_merged_is_due_no_more_and_is_still_known(store):
    await store.receive(entry())
    await store.inbox_merged("alpha", "evt_1")
    await store.inbox_merged("alpha", "evt_1")
    await store.inbox_merged("alpha", "never seen")
    assert await store.inbox_due(b.LATER) == ()
    assert await store.receive(entry()) is Receipt.DUPLICATE
    assert await store.receive(entry(digest="e")) is Receipt.CONFLICT


@stored
async def test_a_try_in_vain_is_counted_and_it_is_due_later(store):
    await store.receive(entry())
    for count in (1, 2, 3):
        due_at = b.NOW + count * DAY
        await store.inbox_postpone("alpha", "evt_1", due_at=due_at)
        assert await store.inbox_due(due_at - timedelta(seconds=1)) == ()
        (kept,) = await store.inbox_due(due_at)
        assert (kept.tries, kept.due_at, kept.received_at) == (count, due_at, b.NOW)


@stored
async def test_what_was_given_up_is_due_no_more_and_is_still_known(store):
    await store.receive(entry())
    await store.inbox_postpone("alpha", "evt_1", due_at=None)
    assert await store.inbox_due(b.LATER) == ()
    assert await store.receive(entry()) is Receipt.DUPLICATE


@stored
async def test_a_late_postponement_does_not_bring_back_what_was_merged(store):
    await store.receive(entry())
    await store.inbox_merged("alpha", "evt_1")
    await store.inbox_postpone("alpha", "evt_1", due_at=b.NOW)
    await store.inbox_postpone("alpha", "never seen", due_at=b.NOW)
    assert await store.inbox_due(b.LATER) == ()


@stored
async def test_notifications_that_wait_are_still_there_after_a_restart(store):
    for number in range(3):
        await store.receive(entry(notification_id=f"evt_{number}"))
    await store.inbox_merged("alpha", "evt_0")
    await store.inbox_postpone("alpha", "evt_1", due_at=b.NOW + DAY)
    await store.close()
    await store.open()
    assert [(each.notification.id, each.tries) for each in await store.inbox_due(b.LATER)] == [
        ("evt_2", 0),
        ("evt_1", 1),
    ]
