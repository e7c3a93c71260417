"""No endpoint decides whether the engine opens and payments are processed."""

from __future__ import annotations

import asyncio
import logging

import pytest

from aegispay import AegisPay, SimulatedGateway
from aegispay.clock import SystemClock
from aegispay.domain.state import PaymentState
from aegispay.errors import StoreUnavailableError, ValidationError
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint, WebhookPolicy, new_webhook_secret
from aegispay.storage.memory import MemoryStore
from tests.integration.engine.rig import order
from tests.integration.webhooks_out.receiver import answers, receiving
from tests.integration.webhooks_out.rig import SOON, endpoint, engine, pay, run, status, until


def hostile(resolve, name="merchant", **changes):
    return WebhookEndpoint(
        name=name,
        url="https://merchant.example.com/",
        secrets=(new_webhook_secret(),),
        policy=WebhookPolicy(resolve=resolve),
        retry=SOON,
        **changes,
    )


async def inside(host, port):
    return ["10.0.0.7"]


def lines(caplog, event):
    return [record.getMessage() for record in caplog.records if event in record.getMessage()]


def test_an_endpoint_whose_host_leads_inside_now_keeps_no_payment_from_going_through(caplog):
    caplog.set_level(logging.INFO, "aegispay")

    async def scenario():
        async with receiving(answers(200)) as receiver, engine(webhooks=[hostile(inside), endpoint(receiver)]) as aegis:
            (paid,) = await pay(aegis, "order-1")
            assert paid.state is PaymentState.SUCCESS
            await receiver.until(4)
            await until(aegis, lambda found: "private" in found.subscription.last_error, "merchant")
            assert (await status(aegis, "merchant")).subscription.delivered == 0

    run(scenario)
    (line,) = lines(caplog, "webhook_endpoint_unsafe")
    assert "merchant" in line
    assert "10.0.0.7" in line


def test_an_endpoint_whose_name_was_used_otherwise_is_left_out_and_logged(caplog):
    caplog.set_level(logging.INFO, "aegispay")

    async def scenario():
        store = MemoryStore(clock=SystemClock())
        async with engine(store) as aegis:
            await aegis.subscribe("payment.*", lambda event: None, name="merchant")
        given = engine(store, webhooks=[hostile(inside), endpoint("https://shop.example.com/")])
        async with given as aegis:
            (paid,) = await pay(aegis, "order-1")
            assert paid.state is PaymentState.SUCCESS
            assert [each.name for each in await aegis.webhook_endpoints()] == ["shop"]

    run(scenario)
    (line,) = lines(caplog, "webhook_endpoint_not_started")
    assert "merchant" in line


def test_no_payment_waits_for_names_that_are_looked_up_and_they_are_looked_up_beside_each_other(caplog):
    caplog.set_level(logging.INFO, "aegispay")

    async def scenario():
        asked, all_asked, answer = [], asyncio.Event(), asyncio.Event()

        async def dead(host, port):
            asked.append(host)
            if len(asked) == 3:
                all_asked.set()
            await answer.wait()
            raise RuntimeError("a resolver of the host's own")

        many = [hostile(dead, f"m{number}", events="payment.charged_back") for number in range(3)]
        async with engine(webhooks=many) as aegis:
            (paid,) = await pay(aegis, "order-1")
            assert paid.state is PaymentState.SUCCESS
            await all_asked.wait()
            answer.set()
            while len(lines(caplog, "webhook_endpoint_not_checked")) < 3:  # noqa: ASYNC110 - a log tells nobody
                await asyncio.sleep(0)

    run(scenario)


def test_closing_does_not_wait_for_names_that_are_looked_up():
    async def scenario():
        asked = asyncio.Event()

        async def dead(host, port):
            asked.set()
            await asyncio.Event().wait()

        async with engine(webhooks=[hostile(dead)]):
            await asked.wait()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert run(scenario) == set()


def test_an_event_of_the_recovery_is_posted_to_an_endpoint_that_was_given_at_the_start():
    async def scenario():
        store = MemoryStore(clock=SystemClock())
        async with engine(store) as aegis:
            await aegis.create_payment(**order("order-1"))
        async with receiving(answers(200)) as receiver, engine(store, webhooks=[endpoint(receiver)]) as aegis:
            payment = await aegis.get_payment_by_idempotency_key("order-1")
            await aegis.process_payment(payment.id)
            await receiver.until(1)

    run(scenario)


def test_a_store_that_fails_is_still_a_reason_not_to_open(monkeypatch):
    async def scenario():
        store = MemoryStore(clock=SystemClock())

        async def broken():
            raise StoreUnavailableError("the disk is gone")

        monkeypatch.setattr(store, "subscribers", broken)
        with pytest.raises(StoreUnavailableError, match="the disk is gone"):
            await engine(store, webhooks=[hostile(inside)]).open()

    run(scenario)


def test_two_endpoints_of_one_name_are_refused_at_once():
    with pytest.raises(ValidationError, match=r"two endpoints have one name.*merchant"):
        AegisPay("unused.db", webhooks=[hostile(inside), hostile(inside)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"webhooks": 3}, "webhooks: pass a list of WebhookEndpoints"),
        ({"webhooks": hostile(inside)}, "webhooks: pass a list of WebhookEndpoints"),
        ({"telemetry": 3}, "telemetry: pass an OpenTelemetry or another Export, not int"),
    ],
    ids=["number", "no list", "telemetry"],
)
def test_what_the_engine_cannot_be_made_of_is_named(changes, words):
    with pytest.raises(TypeError, match=words):
        AegisPay("unused.db", gateways=[SimulatedGateway("alpha")], **changes)
