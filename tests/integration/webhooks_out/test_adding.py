"""Endpoints come and go, and those that must not be are refused."""

from __future__ import annotations

import sys

import pytest

from aegispay import AegisPay, BlockingAegisPay, SimulatedGateway
from aegispay.delivery_errors import DuplicateSubscriberError, UnknownSubscriberError, UnsafeAddressError
from aegispay.errors import EngineClosedError, ValidationError
from aegispay.outbox.statuses import SubscriptionState
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint, WebhookPolicy, new_webhook_secret
from tests.integration.engine.rig import order
from tests.integration.webhooks_out.receiver import answers, receiving
from tests.integration.webhooks_out.rig import endpoint, engine, is_settled, pay, run, status, until


def names(**addresses):
    async def resolve(host, port):
        if host not in addresses:
            raise OSError("unknown")
        return addresses[host]

    return resolve


def public(host, **addresses):
    policy = WebhookPolicy(resolve=names(**addresses))
    return WebhookEndpoint(name="shop", url=f"https://{host}/", secrets=(new_webhook_secret(),), policy=policy)


def test_a_host_that_leads_inside_is_refused_and_nothing_is_kept():
    async def scenario():
        async with engine() as aegis:
            with pytest.raises(UnsafeAddressError, match=r"10\.0\.0\.7.*private") as caught:
                await aegis.add_webhook_endpoint(public("a.example.com", **{"a.example.com": ["10.0.0.7"]}))
            assert await aegis.webhook_endpoints() == ()
            return caught.value

    error = run(scenario)
    assert [each.field for each in error.errors] == ["url"]
    assert "WebhookPolicy" in error.hint


def test_a_host_that_nobody_knows_now_is_taken():
    async def scenario():
        async with engine() as aegis:
            await aegis.add_webhook_endpoint(public("a.example.com"))
            return await status(aegis)

    assert run(scenario).url == "https://a.example.com"


def test_a_name_that_is_taken_is_refused():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            await aegis.subscribe("payment.*", lambda event: None, name="mailer")
            for name in ("shop", "mailer"):
                with pytest.raises(DuplicateSubscriberError, match=name):
                    await aegis.add_webhook_endpoint(endpoint(receiver, name))
            await pay(aegis, "order-1")
            await receiver.until(4)

    run(scenario)


@pytest.mark.parametrize("wrong", [None, "https://shop.example.com", {"name": "shop"}])
def test_what_is_no_endpoint_is_refused(wrong):
    async def scenario():
        async with engine() as aegis:
            with pytest.raises(ValidationError, match="WebhookEndpoint"):
                await aegis.add_webhook_endpoint(wrong)

    run(scenario)
    with pytest.raises(TypeError, match="WebhookEndpoints"):
        AegisPay("unused.db", webhooks=[wrong])


@pytest.mark.parametrize("from_", ["later", -1, True, None, 1.5, 7, [1]])
def test_a_place_to_begin_that_is_none_is_refused(from_):
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            with pytest.raises(ValidationError, match="from_"):
                await aegis.add_webhook_endpoint(endpoint(receiver), from_=from_)

    run(scenario)


@pytest.mark.parametrize(("from_", "versions"), [("start", "1234"), (2, "34"), ("now", "")])
def test_a_new_name_begins_where_it_is_told_to(from_, versions):
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await pay(aegis, "old")
            await aegis.add_webhook_endpoint(endpoint(receiver), from_=from_)
            (new,) = await pay(aegis, "new")
            await until(aegis, is_settled)
            return [event_id[-1] for event_id in receiver.ids if not event_id.startswith(new.id)]

    assert "".join(sorted(run(scenario))) == versions


def test_one_that_is_removed_gets_nothing_more_and_goes_on_when_it_is_back():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            await pay(aegis, "a")
            await until(aegis, is_settled)
            await aegis.remove_webhook_endpoint("shop")
            await pay(aegis, "b")
            absent, count = await status(aegis), len(receiver.requests)
            await aegis.add_webhook_endpoint(endpoint(receiver))
            await receiver.until(8)
            return receiver, absent, count

    receiver, absent, count = run(scenario)
    assert (absent.subscription.state, absent.url, count) == (SubscriptionState.ABSENT, "", 4)
    assert len(set(receiver.ids)) == 8


def test_one_that_is_forgotten_begins_anew():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            await pay(aegis, "a")
            await until(aegis, is_settled)
            await aegis.remove_webhook_endpoint("shop", forget=True)
            with pytest.raises(UnknownSubscriberError):
                await aegis.webhook_log("shop")
            await aegis.add_webhook_endpoint(endpoint(receiver), from_="start")
            await receiver.until(8)
            return receiver.ids

    ids = run(scenario)
    assert sorted(ids[:4]) == sorted(ids[4:])


def test_the_delivery_log_comes_in_pages():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            await pay(aegis, "a", "b")
            await until(aegis, is_settled)
            first = await aegis.webhook_log("shop", limit=5)
            second = await aegis.webhook_log("shop", limit=5, before=first.next_cursor)
            for wrong in ({"limit": 0}, {"limit": 1_001}, {"before": "x"}):
                with pytest.raises(ValidationError):
                    await aegis.webhook_log("shop", **wrong)
            return first, second, receiver.ids

    first, second, ids = run(scenario)
    assert (len(first.attempts), len(second.attempts), second.next_cursor) == (5, 3, None)
    assert {line.event_id for line in (*first.attempts, *second.attempts)} == set(ids)


def test_a_closed_engine_refuses():
    async def scenario():
        with pytest.raises(EngineClosedError):
            await engine().webhook_endpoints()

    run(scenario)


def test_without_the_extra_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "standardwebhooks", None)
    for name in ("sender", "signing"):
        monkeypatch.delitem(sys.modules, f"aegispay.outbox.webhooks.{name}", raising=False)

    async def scenario():
        async with engine() as aegis:
            with pytest.raises(ImportError, match=r"pip install 'aegispay\[webhooks\]'"):
                await aegis.add_webhook_endpoint(public("a.example.com"))

    run(scenario)


def test_the_blocking_engine_has_the_same_methods(tmp_path):
    made = public("a.example.com")
    with BlockingAegisPay(tmp_path / "p.db", gateways=[SimulatedGateway("alpha")], webhooks=[made]) as aegis:
        (found,) = aegis.webhook_endpoints()
        payment = aegis.pay(**order())
        aegis.enable_webhook_endpoint("shop", operator="mira")
        aegis.replay_webhook("shop", event_ids=[f"{payment.id}-1"], operator="mira")
        assert aegis.webhook_log("shop", before=1).attempts == ()
        aegis.remove_webhook_endpoint("shop", forget=True)
        aegis.add_webhook_endpoint(made, from_="start")
    assert found.name == "shop"
