"""Hazards of webhooks, at the inbox and through it: C3, C5, C7 and G5 of docs/hazards.md."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from aegispay import GatewayContract, MemoryStore, PaymentState, SqliteStore
from aegispay.domain.contract import LookupAuthority
from aegispay.domain.ids import derive_payment_id
from aegispay.errors import (
    OverloadedError,
    PaymentNotFoundError,
    PaymentParkedError,
    RefusedWebhook,
    WebhookRefusedError,
)
from aegispay.ports import Receipt
from tests import builders as b
from tests.contracts.webhooks import TOLERANCE_S, Host, payload, said, signed
from tests.integration.engine.rig import World, elapse, order, virtual

MUTE = GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None)
"""Nothing can be asked again, so that only a webhook ends a doubt."""


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "payments.db")


def on(store, scenario):
    """Run the scenario with a host on the store."""

    async def main():
        await store.open()
        try:
            await scenario(Host(store=store))
        finally:
            await store.close()

    asyncio.run(main())


async def deliver(host, body, **signing):
    return await host.receive_webhook("alpha", signed(body, **signing), body)


async def refused(host, headers, body):
    """Return why it was refused, after checking that it left no trace."""
    before = (list(host.told), await host.waiting())
    with pytest.raises(WebhookRefusedError) as caught:
        await host.receive_webhook("alpha", headers, body)
    assert (host.told, await host.waiting()) == before
    return caught.value.reason


def test_c3_a_webhook_delivered_many_times_reaches_its_payment_once(store):
    async def scenario(host):
        body = payload(("evt_1", b.AMOUNT))
        receipts = [await deliver(host, body) for _ in range(5)]
        receipts += await asyncio.gather(*(deliver(host, body) for _ in range(5)))
        assert receipts == [Receipt.STORED, *[Receipt.DUPLICATE] * 9]
        await host.later(3 * 86_400)
        assert host.told == [("alpha", "evt_1", False)]

    on(store, scenario)


def test_c3_a_duplicate_is_known_after_a_restart_and_merged_once(store):
    async def scenario(host):
        body = payload(("evt_1", b.AMOUNT))
        await deliver(host, body)
        await store.close()
        await store.open()
        restarted = Host(store=store)
        assert await deliver(restarted, body) is Receipt.DUPLICATE
        await restarted.later(86_400)
        assert restarted.told == []

    on(store, scenario)


def test_c3_a_duplicate_of_what_still_waits_does_not_tell_the_payment_beside_its_schedule(store):
    async def scenario(host):
        async def merge(_notification):
            return False

        host._merge = merge
        body = payload(("evt_1", b.AMOUNT))
        await deliver(host, body)
        assert [await deliver(host, body) for _ in range(3)] == [Receipt.DUPLICATE] * 3
        assert len(host.told) == 1
        assert await host.waiting() == [("evt_1", 1)]

    on(store, scenario)


def test_c7_other_content_under_a_known_id_is_flagged_and_changes_nothing(store):
    async def scenario(host):
        await deliver(host, payload(("evt_1", b.AMOUNT)))
        other = payload(("evt_1", 1))
        assert [await deliver(host, other) for _ in range(2)] == [Receipt.CONFLICT] * 2
        assert host.told == [("alpha", "evt_1", False), ("alpha", "evt_1", True), ("alpha", "evt_1", True)]
        assert await host.waiting() == []
        assert await deliver(host, payload(("evt_1", b.AMOUNT))) is Receipt.DUPLICATE

    on(store, scenario)


def test_c7_the_first_of_two_contradicting_webhooks_is_the_one_that_is_merged_later(store):
    async def scenario(host):
        async def merge(notification):
            merged.append(notification)
            return is_open

        merged, is_open = [], False
        host._merge = merge
        await deliver(host, payload(("evt_1", b.AMOUNT)))
        with pytest.raises(OverloadedError):
            await deliver(host, payload(("evt_1", 1)))
        merged.clear()
        is_open = True
        await host.later(5)
        assert merged == [said()]
        assert await host.waiting() == []
        assert await deliver(host, payload(("evt_1", 1))) is Receipt.CONFLICT

    on(store, scenario)


def test_c7_the_same_id_at_another_gateway_is_another_event(store):
    async def scenario(host):
        first, second = payload(("evt_1", b.AMOUNT)), payload(("evt_1", 1))
        assert await deliver(host, first) is Receipt.STORED
        assert await host.receive_webhook("beta", signed(second), second) is Receipt.STORED
        assert host.told == [("alpha", "evt_1", False), ("beta", "evt_1", False)]

    on(store, scenario)


def test_g5_an_unsigned_or_forged_webhook_leaves_no_trace(store):
    async def scenario(host):
        body = payload(("evt_1", b.AMOUNT))
        right = signed(body)
        forged = [
            {},
            signed(body, secret=b"guessed"),
            right | {"X-Signature": ""},
            right | {"X-Signature": right["X-Signature"][:-1] + "0g"},
            right | {"X-Timestamp": "0"},
            signed(payload(("evt_2", b.AMOUNT))),
        ]
        reasons = [await refused(host, headers, body) for headers in forged]
        assert reasons == [RefusedWebhook.SIGNATURE] * len(forged)
        assert await deliver(host, body) is Receipt.STORED

    on(store, scenario)


def test_g5_a_body_changed_by_one_byte_anywhere_is_refused(store):
    async def scenario(host):
        body = payload(("evt_1", b.AMOUNT))
        headers = signed(body)
        for place, flip in itertools.product(range(0, len(body), 7), (1, 0x20)):
            changed = bytearray(body)
            changed[place] ^= flip
            assert await refused(host, headers, bytes(changed)) is RefusedWebhook.SIGNATURE
        assert await refused(host, headers, body[:-1]) is RefusedWebhook.SIGNATURE
        assert await refused(host, headers, body + b"\n") is RefusedWebhook.SIGNATURE

    on(store, scenario)


@pytest.mark.parametrize("off_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1, -86_400])
def test_g5_a_stale_webhook_is_refused_although_its_signature_is_right(store, off_s):
    async def scenario(host):
        body = payload(("evt_1", b.AMOUNT))
        at_s = host.clock.now().timestamp() + off_s
        assert await refused(host, signed(body, at_s=at_s), body) is RefusedWebhook.TIMESTAMP

    on(store, scenario)


def test_g5_a_recorded_webhook_that_is_played_again_changes_nothing(store):
    async def scenario(host):
        body = payload(("evt_1", b.AMOUNT))
        recorded = signed(body)
        await host.receive_webhook("alpha", recorded, body)
        assert await host.receive_webhook("alpha", recorded, body) is Receipt.DUPLICATE
        await host.later(TOLERANCE_S + 1)
        assert await refused(host, recorded, body) is RefusedWebhook.TIMESTAMP
        assert host.told == [("alpha", "evt_1", False)]

    on(store, scenario)


async def in_doubt(engine, world):
    """Return a payment whose answer was lost, and the webhook that tells what became of it."""
    payment = await engine.pay(**order(token="tok_hang_after_charge"))
    assert payment.in_doubt
    (notification,) = world["alpha"].notifications(payment.id)
    return payment, notification


@virtual
async def test_c3_equal_webhooks_at_once_end_a_doubt_with_one_success():
    world = World(contract=MUTE)
    async with world.engine() as engine:
        payment, notification = await in_doubt(engine, world)
        webhook = world["alpha"].webhook(notification)
        receipts = await asyncio.gather(*(engine.receive_webhook("alpha", *webhook) for _ in range(20)))
        assert sorted(receipts) == [Receipt.DUPLICATE] * 19 + [Receipt.STORED]
        types = await world.types(payment.id)
        assert types[-2:] == ["payment.outcome_resolved", "payment.succeeded"]
        assert types.count("payment.succeeded") == 1
        assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_c7_a_contradicting_webhook_opens_an_incident_and_moves_nothing():
    world = World(contract=MUTE)
    async with world.engine() as engine:
        payment, notification = await in_doubt(engine, world)
        await engine.receive_webhook("alpha", *world["alpha"].webhook(notification))
        before = await engine.get_payment(payment.id)
        other = replace(notification, outcome=replace(notification.outcome, amount_minor=1))
        for _ in range(2):
            assert await engine.receive_webhook("alpha", *world["alpha"].webhook(other)) is Receipt.CONFLICT
        after = await engine.get_payment(payment.id)
        assert (after.state, after.captured_minor) == (before.state, before.captured_minor)
        assert (after.state, after.captured_minor) == (PaymentState.SUCCESS, 10_000)
        assert [incident.is_open for incident in after.incidents] == [True]
        assert (await world.store.doubts()).incidents == 1


@virtual
async def test_c7_a_contradiction_about_a_parked_payment_is_sent_again_until_there_is_an_incident():
    world = World(contract=MUTE)
    async with world.engine() as engine:
        payment, notification = await in_doubt(engine, world)
        await engine.receive_webhook("alpha", *world["alpha"].webhook(notification))
        await engine._assembly.parking.park(payment.id, cause="a bug")
        other = replace(notification, outcome=replace(notification.outcome, amount_minor=1))
        webhook = world["alpha"].webhook(other)
        with pytest.raises((OverloadedError, PaymentParkedError)):
            await engine.receive_webhook("alpha", *webhook)
        await engine.unpark_payment(payment.id, operator="mira")
        assert await engine.receive_webhook("alpha", *webhook) is Receipt.CONFLICT
        assert len((await engine.get_payment(payment.id)).incidents) == 1


@virtual
async def test_g5_a_forged_or_stale_webhook_leaves_a_doubt_as_it_is():
    world = World(contract=MUTE)
    async with world.engine() as engine:
        payment, notification = await in_doubt(engine, world)
        alpha = world["alpha"]
        stale = alpha.webhook(notification, sent_at=world.clock.now() - timedelta(hours=1))
        for webhook in (alpha.webhook(notification, secret="guessed"), stale):
            with pytest.raises(WebhookRefusedError):
                await engine.receive_webhook("alpha", *webhook)
        assert (await engine.get_payment(payment.id)).in_doubt
        assert await world.store.inbox_due(b.LATER) == ()
        await engine.receive_webhook("alpha", *alpha.webhook(notification))
        assert (await engine.get_payment(payment.id)).state is PaymentState.SUCCESS


@virtual
async def test_c5_a_webhook_before_its_payment_exists_waits_and_makes_no_payment():
    world = World(contract=MUTE)
    async with world.engine() as engine:
        payment_id = derive_payment_id(world.store.salt, "default", "order-1")
        early = said(reference=f"{payment_id}-a1", outcome=b.approved())
        assert await engine.receive_webhook("alpha", *world["alpha"].webhook(early)) is Receipt.STORED
        with pytest.raises(PaymentNotFoundError):
            await engine.get_payment(payment_id)
        payment = await engine.pay(**order(token="tok_hang_after_charge"))
        assert (payment.id, payment.state, payment.captured_minor) == (payment_id, PaymentState.SUCCESS, 10_000)
        await elapse(1)
        assert await world.store.inbox_due(b.LATER) == ()
        assert world.charges() == [("alpha", 10_000)]
