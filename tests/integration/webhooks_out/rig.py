"""A whole engine that posts to real servers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from aegispay import AegisPay, SimulatedGateway
from aegispay.clock import SystemClock
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint, WebhookPolicy, new_webhook_secret
from aegispay.storage.memory import MemoryStore
from tests.integration.engine.rig import order
from tests.integration.webhooks_out.receiver import HOST, Receiver

SECRET = new_webhook_secret()
LOCAL = WebhookPolicy(allowed_hosts=frozenset({HOST}))
SOON = RetrySchedule(delays_s=(0.01,) * 8, jitter=0.0)
PAID = ["payment.initiated", "payment.authenticated", "payment.processing", "payment.succeeded"]


def endpoint(receiver: Receiver | str, name: str = "shop", **changes) -> WebhookEndpoint:
    url = receiver if isinstance(receiver, str) else receiver.url()
    fields = {"name": name, "url": url, "secrets": (SECRET,), "retry": SOON, "policy": LOCAL, "timeout_s": 30.0}
    return WebhookEndpoint(**(fields | changes))


def engine(store=None, **more) -> AegisPay:
    clock = SystemClock()
    return AegisPay(
        MemoryStore(clock=clock) if store is None else store,
        gateways=[SimulatedGateway("alpha", clock=clock)],
        clock=clock,
        random_source=random.Random(7),
        **more,
    )


async def pay(aegis: AegisPay, *keys: str):
    return [await aegis.pay(**order(key)) for key in keys]


async def event_ids(aegis: AegisPay, payment_id: str) -> list[str]:
    return [stored.event_id for stored in await aegis.payment_events(payment_id)]


async def status(aegis: AegisPay, name: str = "shop"):
    return next(each for each in await aegis.webhook_endpoints() if each.name == name)


async def until(aegis: AegisPay, is_true: Callable, name: str = "shop"):
    """Wait until an endpoint stands so; the engine is asked again whenever the loop has been round."""
    while not is_true(found := await status(aegis, name)):  # noqa: ASYNC110 - the engine tells nobody
        await asyncio.sleep(0)
    return found


def is_settled(found) -> bool:
    """Return whether nothing is on its way and everything is written down."""
    subscription = found.subscription
    return subscription.lag_events == 0 and subscription.waiting == 0 and subscription.running == 0


def run(scenario, limit_s: float = 30.0):
    async def limited():
        async with asyncio.timeout(limit_s):
            return await scenario()

    return asyncio.run(limited())
