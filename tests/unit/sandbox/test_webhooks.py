"""Webhooks: what is told, how it is signed, and everything that can go wrong with it."""

import json
from datetime import UTC, datetime

import pytest
import standardwebhooks

from aegispay.sandbox.outbox import RETRIES_S
from tests.unit.sandbox.rig import SECRET, Rig, virtually


def is_signed(received):
    headers, event = received
    body = json.dumps(event, separators=(",", ":"))
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return headers["webhook-signature"] == standardwebhooks.Webhook(SECRET).sign(headers["webhook-id"], sent_at, body)


def age_s(received):
    headers, event = received
    return int(datetime.fromisoformat(event["created_at"]).timestamp()) - int(headers["webhook-timestamp"])


@virtually
async def test_every_change_is_told_signed_and_with_the_object_as_it_became():
    async with Rig() as rig:
        await rig.subscribe()
        payment = await rig.authorize()
        await rig.later(1)
        await rig.operate("captures", payment, "c1", amount=1000, final=True)
        await rig.later(1)
        await rig.operate("refunds", payment, "f1", amount=10)
        await rig.later(1)
        await rig.admin("POST", f"/payments/{payment}/chargeback", {"amount": 10})
        await rig.later(1)
        assert rig.events() == ["payment.authorized", "capture.succeeded", "refund.succeeded", "chargeback.opened"]
        assert all(is_signed(each) and age_s(each) == 0 for each in rig.received)
        told = [event["data"] for _, event in rig.received]
        assert (told[0]["object"], told[0]["status"], told[0]["capture"]) == ("payment", "authorized", "manual")
        assert [each["payment_reference"] for each in told[1:3]] == ["r1", "r1"]
        assert told[1:3] == [(await rig.find_operation(name))[0] for name in ("c1", "f1")]
        assert (told[3]["reference"], told[3]["amount"], told[3]["currency"]) == ("r1", 10, "USD")
        assert len({event["id"] for _, event in rig.received}) == 4
        assert all(headers["webhook-id"] == event["id"] for headers, event in rig.received)


@pytest.mark.parametrize(
    ("token", "event"),
    [
        ("tok_visa", "payment.captured"),
        ("tok_declined", "payment.declined"),
        ("tok_requires_action", "payment.requires_action"),
    ],
)
@virtually
async def test_a_charge_tells_how_it_ended(token, event):
    async with Rig() as rig:
        await rig.subscribe()
        await rig.charge(payment_method={"type": "card", "token": token})
        await rig.later(1)
        assert rig.events() == [event]


@virtually
async def test_what_time_and_the_operator_do_is_told_too():
    async with Rig() as rig:
        await rig.subscribe()
        first, second, third = [await rig.authorize(name) for name in ("r1", "r2", "r3")]
        await rig.operate("voids", first, "v1")
        await rig.admin("POST", f"/payments/{second}/expire")
        await rig.operate("captures", third, "c3", amount=1000, final=True)
        await rig.admin("POST", f"/payments/{third}/flip")
        await rig.later(1)
        assert sorted(rig.events()[3:]) == sorted(
            ["void.succeeded", "payment.voided", "payment.expired", "capture.succeeded", "capture.failed"]
        )


@virtually
async def test_a_replayed_request_tells_nothing_new():
    async with Rig() as rig:
        await rig.subscribe()
        await rig.charge()
        await rig.charge()
        await rig.later(1)
        assert rig.events() == ["payment.captured"]


@virtually
async def test_a_delivery_is_repeated_with_growing_pauses_until_it_is_taken():
    async with Rig() as rig:
        await rig.subscribe()
        rig.takes_webhooks = lambda number: number == 4
        await rig.charge()
        await rig.later(sum(RETRIES_S[:3]) - 0.1)
        assert len(rig.received) == 3
        await rig.later(10_000)
        assert len(rig.received) == 4
        assert len({headers["webhook-id"] for headers, _ in rig.received}) == 1


@virtually
async def test_a_delivery_that_nobody_takes_is_given_up():
    async with Rig() as rig:
        await rig.subscribe()
        rig.takes_webhooks = lambda _: False
        await rig.charge()
        await rig.later(10 * sum(RETRIES_S))
        assert len(rig.received) == 1 + len(RETRIES_S)


@virtually
async def test_deliveries_survive_a_restart(tmp_path):
    ledger = str(tmp_path / "ledger.db")
    async with Rig(ledger=ledger) as rig:
        await rig.subscribe()
        rig.takes_webhooks = lambda _: False
        await rig.charge()
        await rig.later(0.1)
        [(first, _)] = rig.received
    async with Rig(ledger=ledger, seed=2) as rig:
        await rig.later(1)
        [(again, event)] = rig.received
        assert (again["webhook-id"], event["type"]) == (first["webhook-id"], "payment.captured")


@virtually
async def test_the_webhook_arrives_before_the_answer():
    async with Rig() as rig:
        await rig.subscribe()
        await rig.charge(fault="webhook_first")
        assert rig.events() == ["payment.captured"]


@virtually
async def test_an_answer_does_not_wait_for_ever_for_its_webhook():
    async with Rig() as rig:
        assert (await rig.charge(fault="webhook_first")).status_code == 201


@virtually
async def test_a_webhook_arrives_twice():
    async with Rig() as rig:
        await rig.subscribe()
        await rig.charge(fault="webhook_duplicate")
        await rig.later(1)
        first, second = rig.received
        assert first[1] == second[1]


@virtually
async def test_webhooks_arrive_in_the_wrong_order():
    async with Rig() as rig:
        await rig.subscribe()
        payment = await rig.authorize(fault="webhook_reorder")
        await rig.later(0.5)
        assert rig.events() == []
        await rig.operate("captures", payment, "c1", amount=1000, final=True)
        await rig.later(0.5)
        assert rig.events() == ["capture.succeeded", "payment.authorized"]


@virtually
async def test_a_webhook_that_waits_for_a_later_one_does_not_wait_for_ever():
    async with Rig() as rig:
        await rig.subscribe()
        await rig.charge(fault="webhook_reorder")
        await rig.later(2.1)
        assert rig.events() == ["payment.captured"]


@virtually
async def test_a_webhook_arrives_late():
    async with Rig() as rig:
        await rig.subscribe()
        await rig.charge(fault="webhook_delay")
        await rig.later(0.9)
        assert rig.events() == []
        await rig.later(0.2)
        assert rig.events() == ["payment.captured"]


@virtually
async def test_a_webhook_never_arrives():
    async with Rig() as rig:
        await rig.subscribe()
        await rig.charge(fault="webhook_never")
        await rig.later(10_000)
        assert rig.events() == []


@virtually
async def test_only_the_first_try_has_a_wrong_signature():
    async with Rig() as rig:
        await rig.subscribe()
        rig.takes_webhooks = lambda number: number == 2
        await rig.charge(fault="webhook_bad_signature")
        await rig.later(1)
        assert [is_signed(each) for each in rig.received] == [False, True]


@virtually
async def test_only_the_first_try_was_signed_an_hour_ago():
    async with Rig() as rig:
        await rig.subscribe()
        rig.takes_webhooks = lambda number: number == 2
        await rig.charge(fault="webhook_old")
        await rig.later(1)
        assert [(is_signed(each), age_s(each)) for each in rig.received] == [(True, 3600), (True, 0)]


@virtually
async def test_a_webhook_comes_again_under_its_id_with_another_amount():
    async with Rig() as rig:
        await rig.subscribe()
        await rig.charge(fault="webhook_changed")
        await rig.later(1)
        (first, told), (second, changed) = rig.received
        assert (first["webhook-id"], told["data"]["amount"]) == (second["webhook-id"], 1000)
        assert changed["data"]["amount"] == 1001
        assert all(is_signed(each) for each in rig.received)


@virtually
async def test_the_operator_sees_where_webhooks_go_and_how_many_wait():
    async with Rig() as rig:
        await rig.subscribe()
        await rig.authorize()
        await rig.later(1)
        found = (await rig.admin("GET", "/webhooks")).json()
        assert len(found["endpoints"]) == 1
        assert found["waiting"] == 0
        assert SECRET not in str(found)
