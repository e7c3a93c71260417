"""A whole engine and real servers: every event arrives, whatever the server does, and nobody waits for another."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
import standardwebhooks
import svix.webhooks

from aegispay import EventType, SimulatedGateway
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.outbox.statuses import SubscriptionState
from aegispay.outbox.webhooks.endpoint import new_webhook_secret
from tests.integration.engine.rig import order
from tests.integration.webhooks_out.receiver import answers, closes_early, hangs, receiving, response
from tests.integration.webhooks_out.rig import (
    PAID,
    SECRET,
    endpoint,
    engine,
    event_ids,
    is_settled,
    pay,
    run,
    status,
    until,
)


def sent(receiver):
    return [json.loads(request.body) for request in receiver.requests]


def test_every_event_of_a_payment_arrives_signed_and_with_the_payment_as_it_left_it():
    async def scenario():
        async with receiving(answers(204)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            (payment,) = await pay(aegis, "order-1")
            await receiver.until(4)
            return payment, receiver

    payment, receiver = run(scenario)
    for request in receiver.requests:
        body = standardwebhooks.Webhook(SECRET).verify(request.body, request.headers)
        svix.webhooks.Webhook(SECRET).verify(request.body, request.headers)
        data = body["data"]
        assert set(body) == {"type", "timestamp", "data"}
        assert (body["type"], body["timestamp"]) == (data["type"], data["occurred_at"])
        assert request.event_id == data["id"] == f"{payment.id}-{data['sequence']}"
        assert (data["payment"]["id"], data["payment"]["version"]) == (payment.id, data["sequence"])
    assert sorted(body["type"] for body in sent(receiver)) == sorted(PAID)
    last = max(sent(receiver), key=lambda body: body["data"]["sequence"])
    assert last["data"]["payment"]["state"] == "success"


def test_two_refunds_of_one_payment_are_two_events_and_every_event_between_them_arrives():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            (payment,) = await pay(aegis, "order-1")
            for key in ("first", "second"):
                await aegis.refund_payment(payment.id, idempotency_key=key, amount="10.00")
            wanted = await event_ids(aegis, payment.id)
            await receiver.until(len(wanted))
            found = await until(aegis, is_settled)
            return wanted, receiver, found

    wanted, receiver, found = run(scenario)
    assert receiver.ids == wanted
    assert (found.subscription.failed, found.subscription.dead) == (0, 0)
    refunds = [body["data"] for body in sent(receiver) if body["type"] == "payment.refund_succeeded"]
    assert len({refund["id"] for refund in refunds}) == len({str(refund["data"]) for refund in refunds}) == 2
    states = [body["data"]["payment"]["refunded_minor"] for body in sent(receiver)]
    assert (states[-1], sorted(states)) == (2_000, states)


def test_first_tries_of_a_payment_come_in_order():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            payments = await pay(aegis, *(f"order-{number}" for number in range(8)))
            await receiver.until(32)
            return payments, receiver

    payments, receiver = run(scenario)
    for payment in payments:
        sequences = [body["data"]["sequence"] for body in sent(receiver) if body["data"]["payment_id"] == payment.id]
        assert sequences == [1, 2, 3, 4]


def test_only_what_an_endpoint_wants_is_sent():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver, events=(EventType.PAYMENT_SUCCEEDED, "payment.ref*")))
            await pay(aegis, "order-1", "order-2")
            await until(aegis, lambda found: is_settled(found) and found.subscription.delivered == 2)
            return receiver

    assert [body["type"] for body in sent(run(scenario))] == ["payment.succeeded"] * 2


def test_nothing_personal_is_sent():
    customer = {"id": "cust_1", "name": "Ada Lovelace", "email": "ada@example.com", "phone": "+15550001"}

    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            await aegis.pay(**order(customer=customer, metadata={"note": "for the birthday"}))
            await receiver.until(4)
            return receiver

    everything = b"".join(request.body for request in run(scenario).requests)
    assert b"cust_1" in everything
    for text in ("Ada", "ada@", "+1555", "birthday", "tok_visa"):
        assert text.encode() not in everything


def test_what_is_posted_about_a_customer_is_the_same_after_he_was_erased():
    customer = {"id": "cust_1", "name": "Ada Lovelace", "email": "ada@example.com"}

    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            await aegis.pay(**order(customer=customer))
            await until(aegis, lambda found: is_settled(found) and found.subscription.delivered == 4)
            before = {request.event_id: request.body for request in receiver.requests}
            receiver.requests.clear()
            await aegis.erase_customer("cust_1", operator="mira", reason="asked to be forgotten")
            aegis._webhooks._letters._kept.clear()
            await aegis.replay_webhook("shop", since=0, operator="mira")
            await receiver.until(4)
            return before, {request.event_id: request.body for request in receiver.requests}

    before, after = run(scenario)
    assert len(before) == 4
    assert after == before


def test_every_try_of_an_event_has_the_same_id_and_the_same_body():
    async def scenario():
        conduct = answers(500, 503, 200, body=b"so sorry")
        async with receiving(conduct) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver, events="payment.succeeded"))
            await pay(aegis, "order-1")
            await until(aegis, lambda found: is_settled(found) and found.subscription.delivered == 1)
            return receiver, (await aegis.webhook_log("shop")).attempts

    receiver, log = run(scenario)
    assert len({(request.event_id, request.body) for request in receiver.requests}) == 1
    assert [(line.status, line.error) for line in reversed(log)] == [
        (500, "answered 500: so sorry"),
        (503, "answered 503: so sorry"),
        (200, ""),
    ]
    assert {line.event_id for line in log} == {receiver.requests[0].event_id}


@pytest.mark.parametrize(
    ("conduct", "error"),
    [
        (answers(302, headers="location: /elsewhere\r\n"), "answered 302, and redirects are not followed"),
        (answers(404), "answered 404"),
        (closes_early, "no answer: RemoteProtocolError"),
    ],
    ids=["redirects", "404", "closes early"],
)
def test_what_is_tried_in_vain_becomes_a_dead_letter_that_can_be_posted_again(conduct, error):
    async def scenario():
        async with receiving(conduct) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver, events="payment.succeeded"))
            (payment,) = await pay(aegis, "order-1")
            dead = await until(aegis, lambda found: found.subscription.dead == 1)
            receiver.conduct = answers(200)
            event_id = f"{payment.id}-4"
            replay = await aegis.replay_webhook("shop", event_ids=[event_id], operator="mira")
            await until(aegis, lambda found: is_settled(found) and found.subscription.dead == 0)
            return receiver, event_id, dead, replay

    receiver, event_id, dead, replay = run(scenario)
    assert receiver.ids == [event_id] * 10
    assert error in dead.subscription.last_error
    assert replay.events == 1


def test_410_disables_an_endpoint_until_an_operator_enables_it():
    async def scenario():
        async with receiving(answers(410)) as receiver:
            aegis = engine()
            store = aegis._store
            async with aegis:
                await aegis.add_webhook_endpoint(endpoint(receiver, concurrency=1))
                (first,) = await pay(aegis, "order-1")
                gone = await until(aegis, lambda found: found.subscription.disabled)
            async with engine(store, webhooks=[endpoint(receiver)]) as aegis:
                (second,) = await pay(aegis, "order-2")
                still = await status(aegis)
                count = len(receiver.requests)
                receiver.conduct = answers(200)
                await aegis.enable_webhook_endpoint("shop", operator="mira")
                await until(aegis, is_settled)
                return receiver, count, gone, still, await event_ids(aegis, first.id), await event_ids(aegis, second.id)

    receiver, count, gone, still, first, second = run(scenario)
    assert gone.subscription.state is SubscriptionState.DISABLED
    assert "410" in gone.subscription.disabled
    assert still.subscription.state is SubscriptionState.DISABLED
    assert count == 1
    assert sorted(set(receiver.ids)) == sorted(first + second)
    assert receiver.ids.count(first[0]) == 2


@pytest.mark.parametrize("status_code", [429, 503])
def test_an_endpoint_is_left_alone_for_as_long_as_it_says(status_code):
    async def scenario():
        conduct = answers(status_code, headers="retry-after: 3600\r\n")
        async with receiving(conduct) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver, events="payment.succeeded"))
            await pay(aegis, "order-1")
            await until(aegis, lambda found: found.subscription.waiting == 1)
            return await aegis._store.deliveries(subscriber="shop")

    (delivery,) = run(scenario)
    assert (delivery.due_at - delivery.failed_at).total_seconds() == 3600


def test_an_endpoint_that_says_soon_does_not_use_up_the_tries_of_three_days():
    async def scenario():
        conduct = answers(429, headers="retry-after: 0\r\n")
        async with receiving(conduct) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver, retry=RetrySchedule(delays_s=(300,), jitter=0)))
            await pay(aegis, "order-1")
            await until(aegis, lambda found: found.subscription.waiting > 0)
            return await aegis._store.deliveries(subscriber="shop")

    delivery, *_ = run(scenario)
    assert (delivery.due_at - delivery.failed_at).total_seconds() == 300


def test_five_endpoints_do_not_wait_for_each_other():
    conducts = {
        "good": answers(200),
        "hanging": hangs,
        "failing": answers(500),
        "gone": answers(410),
        "busy": answers(429, headers="retry-after: 60\r\n"),
        "moved": answers(307, headers="location: http://127.0.0.1:1/\r\n"),
    }

    async def scenario():
        async with engine() as aegis, asyncio.TaskGroup() as servers:
            done = asyncio.Event()
            receivers = {}

            async def serve(name):
                async with receiving(conducts[name]) as receivers[name]:
                    await aegis.add_webhook_endpoint(endpoint(receivers[name], name))
                    await done.wait()

            for name in conducts:
                servers.create_task(serve(name))
            while len(await aegis.webhook_endpoints()) < len(conducts):  # noqa: ASYNC110 - the engine tells nobody
                await asyncio.sleep(0)
            payments = await pay(aegis, *(f"order-{number}" for number in range(20)))
            await receivers["good"].until(80)
            good = await until(aegis, is_settled, "good")
            hanging = await status(aegis, "hanging")
            ids = {name: list(receiver.ids) for name, receiver in receivers.items()}
            done.set()
            wanted = {event_id for payment in payments for event_id in await event_ids(aegis, payment.id)}
            return wanted, ids, good, hanging

    wanted, ids, good, hanging = run(scenario)
    assert (set(ids["good"]), len(ids["good"])) == (wanted, 80)
    assert (good.subscription.delivered, good.subscription.failed) == (80, 0)
    assert (hanging.subscription.delivered, len(ids["hanging"])) == (0, 4)
    assert ids["gone"]


def test_while_secrets_change_a_receiver_with_the_old_or_the_new_one_can_verify():
    new = new_webhook_secret()

    async def scenario():
        async with receiving(answers(200)) as receiver:
            store = None
            for key, secrets in [("a", (SECRET,)), ("b", (new, SECRET)), ("c", (new,))]:
                aegis = engine(store, webhooks=[endpoint(receiver, secrets=secrets, events="payment.succeeded")])
                store = aegis._store
                async with aegis:
                    await pay(aegis, key)
                    await until(aegis, is_settled)
            return receiver

    def verifies(secret, request):
        try:
            svix.webhooks.Webhook(secret).verify(request.body, request.headers)
        except svix.webhooks.WebhookVerificationError:
            return False
        return True

    receiver = run(scenario)
    assert [[verifies(secret, request) for request in receiver.requests] for secret in (SECRET, new)] == [
        [True, True, False],
        [False, True, True],
    ]


def test_neither_the_address_nor_a_secret_is_ever_written_down(caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    database = tmp_path / "payments.db"

    async def scenario():
        async def conduct(writer, request):
            writer.write(response(404, request.line.encode() + SECRET.encode()))
            await writer.drain()

        async with receiving(conduct) as receiver:
            url = receiver.url(path="/T0KEN-in-path/hooks?key=s3cret-in-query")
            async with engine(database, webhooks=[endpoint(url)]) as aegis:
                await pay(aegis, "order-1")
                await until(aegis, lambda found: found.subscription.dead > 0)
                return repr(await aegis.webhook_endpoints()), await aegis.webhook_log("shop")

    shown, log = run(scenario)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    everything = caplog.text + shown + repr(log) + files.decode("latin-1")
    assert "[removed]" in log.attempts[0].error
    for secret in ("T0KEN-in-path", "s3cret-in-query", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in everything


def test_a_gateway_that_says_nothing_keeps_no_webhook_waiting():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.register_gateway(SimulatedGateway("beta"))
            await aegis.add_webhook_endpoint(endpoint(receiver), from_="start")
            created = await aegis.create_payment(**order("order-1"))
            await receiver.until(1)
            return created, receiver

    created, receiver = run(scenario)
    assert receiver.ids == [f"{created.id}-1"]
