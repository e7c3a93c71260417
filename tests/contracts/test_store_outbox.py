"""The contract of every event store: how far subscribers have got, and what they still owe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from aegispay.ports.outbox import (
    Delivery,
    DeliveryCounts,
    DeliveryState,
    Progress,
    Subscriber,
    SubscriberKind,
    WebhookAttempt,
)
from tests import builders as b
from tests.contracts.stores import CHARGE, Stream, stored, write

MAILER = Subscriber(name="mailer", kind=SubscriberKind.HANDLER, position=0, since=b.NOW)


def owed(position: int = 1, payment: int = 1, **changes) -> Delivery:
    return Delivery(subscriber="mailer", position=position, payment_id=f"pay_{payment}", **changes)


def at(seconds: float):
    return b.NOW + timedelta(seconds=seconds)


async def move(store, to: int, *, frm: int = 0, **changes) -> bool:
    return await store.advance(Progress(subscriber="mailer", expected_position=frm, position=to, **changes))


@stored
async def test_the_log_ends_at_its_last_event(store):
    assert await store.end_position() == 0
    await write(store, Stream(), steps=(CHARGE,))
    assert await store.end_position() == len(await store.read_all())


@stored
async def test_a_subscriber_is_kept_once_and_what_is_kept_is_told(store):
    assert await store.add_subscriber(MAILER) == MAILER
    await move(store, 7)
    again = replace(MAILER, position=99, since=at(5), kind=SubscriberKind.WEBHOOK)
    assert await store.add_subscriber(again) == replace(MAILER, position=7)
    await store.add_subscriber(replace(MAILER, name="audit"))
    assert [each.name for each in await store.subscribers()] == ["audit", "mailer"]


@stored
async def test_a_subscriber_outlives_closing_and_opening(store):
    await store.add_subscriber(MAILER)
    await move(store, 3, put=(owed(due_at=at(9), tries=2, error="no", failed_at=at(1)),))
    await store.close()
    await store.open()
    assert await store.subscribers() == (replace(MAILER, position=3),)
    assert await store.deliveries() == (owed(due_at=at(9), tries=2, error="no", failed_at=at(1)),)


@stored
async def test_progress_from_another_position_changes_nothing(store):
    await store.add_subscriber(MAILER)
    assert await move(store, 5)
    assert not await move(store, 9, put=(owed(),))
    assert await store.subscribers() == (replace(MAILER, position=5),)
    assert await store.deliveries() == ()


@stored
async def test_progress_of_nobody_changes_nothing(store):
    assert not await move(store, 1, put=(owed(),))
    assert await store.deliveries() == ()


@stored
async def test_progress_that_ends_a_delivery_twice_changes_nothing(store):
    await store.add_subscriber(MAILER)
    await move(store, 5, put=(owed(1), owed(2)))
    assert await move(store, 5, frm=5, done=(1,))
    assert not await move(store, 6, frm=5, done=(2, 1))
    assert [each.position for each in await store.deliveries()] == [2]
    assert (await store.subscribers())[0].position == 5


@stored
async def test_a_delivery_is_written_over(store):
    await store.add_subscriber(MAILER)
    await move(store, 1, put=(owed(due_at=at(1)),))
    dead = owed(state=DeliveryState.DEAD, tries=10, error="ValueError: no", failed_at=at(3))
    await move(store, 1, frm=1, put=(dead,))
    assert await store.deliveries(state=DeliveryState.DEAD) == (dead,)
    assert await store.deliveries(state=DeliveryState.WAITING) == ()
    assert await store.next_due("mailer") is None


@stored
async def test_deliveries_are_listed_in_pages_and_by_what_is_asked(store):
    await store.add_subscriber(MAILER)
    await store.add_subscriber(replace(MAILER, name="audit"))
    await move(store, 9, put=tuple(owed(position, position % 2) for position in (5, 2, 9, 3)))
    await store.advance(
        Progress(subscriber="audit", expected_position=0, position=4, put=(replace(owed(4), subscriber="audit"),))
    )
    listed = [(each.subscriber, each.position) for each in await store.deliveries(limit=3)]
    assert listed == [("audit", 4), ("mailer", 2), ("mailer", 3)]
    rest = await store.deliveries(after=listed[-1])
    assert [each.position for each in rest] == [5, 9]
    odd = await store.deliveries(subscriber="mailer", payment_id="pay_1")
    assert [each.position for each in odd] == [3, 5, 9]
    assert await store.count_deliveries() == {
        "audit": DeliveryCounts(waiting=1, dead=0),
        "mailer": DeliveryCounts(waiting=4, dead=0),
    }


@stored
async def test_due_is_what_waits_for_its_time_and_not_what_waits_for_another(store):
    await store.add_subscriber(MAILER)
    put = (owed(1, due_at=at(30)), owed(2, due_at=at(10)), owed(3), owed(4, due_at=at(20)))
    await move(store, 4, put=put)
    assert await store.next_due("mailer") == at(10)
    assert [each.position for each in await store.due_deliveries("mailer", at(20))] == [2, 4]
    assert [each.position for each in await store.due_deliveries("mailer", at(99), limit=1)] == [2]
    assert await store.due_deliveries("audit", at(99)) == ()


@stored
async def test_a_disabled_subscriber_keeps_what_it_owes(store):
    await store.add_subscriber(MAILER)
    await move(store, 2, put=(owed(),))
    await store.disable_subscriber("mailer", "it said 410")
    await store.disable_subscriber("nobody", "there is none")
    assert await store.subscribers() == (replace(MAILER, position=2, disabled="it said 410"),)
    assert len(await store.deliveries()) == 1
    await store.disable_subscriber("mailer", "")
    assert (await store.subscribers())[0].disabled == ""


@stored
async def test_a_removed_subscriber_leaves_nothing_and_takes_nothing_of_others(store):
    await store.add_subscriber(MAILER)
    await store.add_subscriber(replace(MAILER, name="audit"))
    line = WebhookAttempt(endpoint="mailer", position=1, event_id="e", at=b.NOW, status=200, latency_s=0.5)
    await move(store, 1, put=(owed(),), attempts=(line, replace(line, endpoint="audit")))
    await store.remove_subscriber("mailer")
    await store.remove_subscriber("mailer")
    assert [each.name for each in await store.subscribers()] == ["audit"]
    assert await store.deliveries() == ()
    assert await store.webhook_attempts("mailer") == ()
    assert len(await store.webhook_attempts("audit")) == 1


@stored
async def test_the_delivery_log_is_read_backwards_in_pages_and_pruned_by_age(store):
    await store.add_subscriber(MAILER)
    lines = tuple(
        WebhookAttempt(
            endpoint="shop",
            position=n,
            event_id=f"pay_1-{n}",
            at=at(n),
            status=None if n == 2 else 200 + n,
            latency_s=0.25 * n,
            error="timed out" if n == 2 else "",
        )
        for n in (1, 2, 3)
    )
    await move(store, 3, attempts=lines)
    newest = await store.webhook_attempts("shop", limit=2)
    assert [line for _, line in newest] == [lines[2], lines[1]]
    assert [line for _, line in await store.webhook_attempts("shop", before=newest[-1][0])] == [lines[0]]
    await store.prune_webhook_attempts(at(3))
    assert [line for _, line in await store.webhook_attempts("shop")] == [lines[2]]
