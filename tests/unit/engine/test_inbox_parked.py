"""The inbox and payments that are parked: what is about them is kept for as long as that lasts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aegispay.errors import OverloadedError, PaymentParkedError
from aegispay.ports import Receipt
from aegispay.testing import run_virtual
from tests import builders as b
from tests.contracts.webhooks import Host, said
from tests.unit.engine.test_inbox import raising


async def until_given_up(host):
    """Offer whatever is due until nothing waits; return how many seconds that took."""
    begun = host.clock.time
    while due := await host.store.inbox_due(b.LATER):
        host.clock.time = due[0].due_at
        await host.inbox.offer_due()
    return (host.clock.time - begun).total_seconds()


async def park_for_days(host, days):
    """Offer whatever is due for so long to a payment that is parked."""
    host._merge = raising(PaymentParkedError("parked"))
    end = host.clock.time + timedelta(days=days)
    while (due := await host.store.inbox_due(b.LATER)) and due[0].due_at <= end:
        host.clock.time = due[0].due_at
        await host.inbox.offer_due()


def test_what_is_about_a_parked_payment_is_acknowledged_and_offered_every_hour_until_it_goes_on():
    async def main():
        host = Host(merge=raising(PaymentParkedError("parked")))
        assert await host.hear(said()) is Receipt.STORED
        await park_for_days(host, 20)
        assert len(host.told) == pytest.approx(20 * 24, abs=5)
        assert [name for name, _ in await host.waiting()] == ["evt_1"]
        host._merge = None
        await host.later(3_600)
        assert await host.waiting() == []
        assert host.inbox.given_up == 0

    run_virtual(main())


def test_the_time_a_payment_was_parked_does_not_count_as_waiting():
    async def main():
        host = Host(merge=raising(PaymentParkedError("parked")))
        await host.hear(said())
        await park_for_days(host, 20)
        host._merge = raising(OverloadedError("full"))
        took_s = await until_given_up(host)
        assert 3 * 86_400 - 3_600 < took_s <= 3 * 86_400
        assert host.inbox.given_up == 1
        assert host.inbox._parked_at == {}

    run_virtual(main())
