"""`aegis.statistics`: what was created, by whom and with what end, in money of each currency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aegispay.errors import CardDataError, ValidationError
from aegispay.ports.audit import GroupBy
from tests.integration.engine.rig import World, elapse, order, virtual


def groups(rows, *dimensions):
    return {tuple(row.group[dimension] for dimension in dimensions): row for row in rows}


@virtual
async def test_payments_are_counted_by_gateway_state_customer_and_hour():
    world = World("alpha", "beta")
    start = world.clock.now()
    async with world.engine() as aegis:
        await aegis.pay(**order("a", gateway="alpha", customer={"id": "cust-1"}))
        await aegis.pay(**order("b", gateway="beta", customer={"id": "cust-2"}, amount="7.50"))
        await aegis.pay(**order("c", "tok_declined", gateway="beta", customer={"id": "cust-1"}))
        await elapse(3_600)
        refunded = await aegis.pay(**order("d", gateway="beta", amount="20.00"))
        await aegis.refund_payment(refunded.id, idempotency_key="r", amount="5.00")
        by_gateway = groups(await aegis.statistics("gateway"), "gateway")
        by_hour = groups(await aegis.statistics(["hour"]), "hour")
        by_customer = groups(await aegis.statistics([GroupBy.CUSTOMER, "state"]), "customer", "state")

    beta = by_gateway["beta",]
    assert (beta.payments, beta.succeeded, beta.failed, beta.success_rate) == (3, 2, 1, 2 / 3)
    assert (beta.amount_minor, beta.captured_minor, beta.refunded_minor) == (12_750, 2_750, 500)
    assert by_gateway["alpha",].captured_minor == 10_000
    hour = start.replace(minute=0, second=0, microsecond=0)
    assert {hour: row.payments for (hour,), row in by_hour.items()} == {hour: 3, hour + timedelta(hours=1): 1}
    assert {key: row.payments for key, row in by_customer.items()} == {
        ("cust-1", "success"): 1,
        ("cust-1", "failure"): 1,
        ("cust-2", "success"): 1,
        (None, "partially_refunded"): 1,
    }


@virtual
async def test_amounts_of_different_currencies_are_never_added():
    world = World("alpha")
    async with world.engine() as aegis:
        await aegis.pay(**order("a"))
        await aegis.pay(**order("b", currency="JPY", amount="500"))
        rows = await aegis.statistics()

    assert [(row.currency, row.captured_minor) for row in rows] == [("JPY", 500), ("USD", 10_000)]


@virtual
async def test_only_the_asked_for_period_and_filters_are_counted():
    world = World("alpha")
    start = world.clock.now()
    async with world.engine() as aegis:
        await aegis.pay(**order("a", merchant="shop"))
        await elapse(60)
        await aegis.pay(**order("b", merchant="shop"))
        await aegis.pay(**order("c"))
        second = start + timedelta(seconds=60)
        counts = [
            sum(row.payments for row in await aegis.statistics(**filters))
            for filters in (
                {},
                {"merchant": "shop"},
                {"created_after": second},
                {"created_before": second},
                {"created_after": second, "merchant": "shop"},
                {"gateway": "beta"},
            )
        ]

    assert counts == [3, 2, 2, 1, 1, 0]


@pytest.mark.parametrize(
    ("by", "filters", "message"),
    [
        ("gatway", {}, "by: use some of merchant, state, gateway, currency, customer, method, hour, day"),
        (5, {}, "by: use some of"),
        ([["state"]], {}, "by: use some of"),
        (["state"] * 10_000, {}, "by: name each of them once"),
        ("state", {"limit": 0}, "limit: use 1 to 10000"),
        ("state", {"limit": "9"}, "limit: use 1 to 10000"),
        ("state", {"after": "x"}, "after: is not known; there are merchant, state"),
        ("state", {"created_after": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)}, "created_after"),
        ("state", {"currency": "usd"}, "currency: write the code in capitals"),
        ("state", {"state": "done"}, "state: use one of"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(by, filters, message):
    @virtual
    async def run():
        async with World("alpha").engine() as aegis:
            with pytest.raises(ValidationError, match=message):
                await aegis.statistics(by, **filters)

    run()


@virtual
async def test_a_card_number_as_a_filter_is_refused_and_not_repeated():
    async with World("alpha").engine() as aegis:
        with pytest.raises(CardDataError) as refused:
            await aegis.statistics("state", customer_id="4111111111111111")

    assert "4111" not in str(refused.value)


@virtual
async def test_s163_what_looks_like_sql_is_only_a_value(tmp_path):
    hostile = "'; DROP TABLE events; --"
    world = World("alpha")
    async with world.engine() as aegis:
        payment = await aegis.pay(**order("a", customer={"id": hostile}, metadata={hostile: {hostile: hostile}}))
        await aegis.pay(**order("b", customer={"id": "cust-1"}))
        rows = await aegis.statistics("customer", customer_id=hostile)
        page = await aegis.list_payments(customer_id=hostile)
        with pytest.raises(ValidationError):
            await aegis.statistics("state, (SELECT data FROM events)")

    assert [(row.group["customer"], row.payments) for row in rows] == [(hostile, 1)]
    assert [found.id for found in page.payments] == [payment.id]
    assert page.payments[0].metadata == {hostile: {hostile: hostile}}
