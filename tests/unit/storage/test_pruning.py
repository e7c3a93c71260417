"""What is removed from the delivery log and of subscribers goes in slices, and payments commit in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from aegispay.ports.outbox import Delivery, Progress, Subscriber, SubscriberKind, WebhookAttempt
from aegispay.storage import outbox
from aegispay.storage.erasures import _BLANK_ERRORS
from tests import builders as b
from tests.contracts.stores import Stream
from tests.unit.storage.disk import on_disk, on_writer
from tests.unit.storage.test_plans import database, plan

__all__ = ["database"]

LINES = 2 * outbox.SLICE + 1


def attempts(count):
    return tuple(
        WebhookAttempt(endpoint="shop", position=each, event_id="e", at=b.NOW, status=500, latency_s=0.1)
        for each in range(1, count + 1)
    )


def deliveries(count):
    return tuple(Delivery(subscriber="shop", position=each, payment_id=b.ID) for each in range(1, count + 1))


async def filled(store):
    await store.add_subscriber(Subscriber(name="shop", kind=SubscriberKind.WEBHOOK, position=0, since=b.NOW))
    progress = Progress(
        subscriber="shop", expected_position=0, position=LINES, put=deliveries(LINES), attempts=attempts(LINES)
    )
    assert await store.advance(progress)


@pytest.mark.parametrize(
    ("remove", "slices"),
    [
        (lambda store: store.prune_webhook_attempts(b.NOW + timedelta(days=1)), 3),
        (lambda store: store.remove_subscriber("shop"), 7),
    ],
    ids=["pruning", "removing"],
)
def test_a_payment_that_commits_meanwhile_waits_for_one_slice_at_most(tmp_path, remove, slices):
    removed, begun = [], asyncio.Event()

    async def scenario(store):
        await filled(store)
        commits, loop = store.commits, asyncio.get_running_loop()

        def count(statement):
            if statement.startswith("DELETE"):
                removed.append(statement)
                loop.call_soon_threadsafe(begun.set)

        await on_writer(store, lambda database: database.set_trace_callback(count))
        removing = asyncio.ensure_future(remove(store))
        await begun.wait()
        await store.append(Stream(1).create())
        assert not removing.done(), "the append had to wait until all was removed"
        await removing
        assert len(removed) == slices
        assert store.commits - commits >= slices
        assert await store.webhook_attempts("shop") == ()

    on_disk(tmp_path / "payments.db", scenario)


def test_a_subscriber_is_forgotten_with_all_its_slices(tmp_path):
    async def scenario(store):
        await filled(store)
        await store.remove_subscriber("shop")
        assert await store.subscribers() == ()
        assert await store.deliveries(subscriber="shop") == ()

    on_disk(tmp_path / "payments.db", scenario)


@pytest.mark.parametrize("statement", [outbox.PRUNE, outbox.REMOVE_ATTEMPTS, outbox.REMOVE_DELIVERIES, _BLANK_ERRORS])
def test_no_removal_and_no_erasure_scans_deliveries_or_their_log(database, statement):
    steps = plan(database, statement, ["x"] * statement.count("?"))
    assert [step for step in steps if step.startswith("SCAN") and step != "SCAN subscribers"] == []
