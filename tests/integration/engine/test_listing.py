"""`list_payments`: every filter, paging, order."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from aegispay import PaymentState, ValidationError
from tests.integration.engine.rig import World, elapse, order, virtual


async def shop(aegis) -> dict[str, str]:
    """Make one payment of each kind that the filters tell apart, a second between them; return ids by name."""
    made = {
        "created": await aegis.create_payment(**order("created", customer={"id": "ann"})),
    }
    await elapse(1)
    made["paid"] = await aegis.pay(**order("paid", currency="EUR", customer={"id": "ann"}))
    await elapse(1)
    made["declined"] = await aegis.pay(**order("declined", token="tok_declined", merchant="other"))
    await elapse(1)
    made["doubtful"] = await aegis.pay(**order("doubtful", token="tok_error_before_charge", gateway="beta"))
    await elapse(1)
    made["wrong"] = await aegis.pay(**order("wrong", token="tok_wrong_amount", gateway="alpha"))
    return {name: payment.id for name, payment in made.items()}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["wrong", "doubtful", "declined", "paid", "created"]),
        ({"merchant": "other"}, ["declined"]),
        ({"merchant": "default"}, ["wrong", "doubtful", "paid", "created"]),
        ({"state": PaymentState.SUCCESS}, ["paid"]),
        ({"state": "initiated"}, ["created"]),
        ({"customer_id": "ann"}, ["paid", "created"]),
        ({"gateway": "beta"}, ["doubtful"]),
        ({"currency": "EUR"}, ["paid"]),
        ({"in_doubt": True}, ["wrong", "doubtful"]),
        ({"in_doubt": False}, ["declined", "paid", "created"]),
        ({"has_incident": True}, ["wrong"]),
        ({"has_incident": False, "in_doubt": True}, ["doubtful"]),
        ({"parked": True}, []),
        ({"parked": False, "customer_id": "ann"}, ["paid", "created"]),
        ({"customer_id": "ann", "state": "success"}, ["paid"]),
        ({"customer_id": "nobody"}, []),
    ],
    ids=repr,
)
@virtual
async def test_each_filter_finds_what_matches_newest_first(filters, expected):
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        ids = await shop(aegis)
        names = {payment_id: name for name, payment_id in ids.items()}
        page = await aegis.list_payments(**filters)
    assert [names[payment.id] for payment in page.payments] == expected
    assert page.next_cursor is None


@virtual
async def test_time_filters_include_the_start_and_exclude_the_end():
    world = World()
    start = world.clock.now()
    async with world.engine() as aegis:
        for n in range(4):
            await aegis.create_payment(**order(f"order-{n}"))
            await elapse(1)
        page = await aegis.list_payments(
            created_after=start + timedelta(seconds=1), created_before=start + timedelta(seconds=3)
        )
    assert [payment.idempotency_key for payment in page.payments] == ["order-2", "order-1"]


@virtual
async def test_pages_cover_everything_once_and_the_last_has_no_cursor():
    world = World()
    async with world.engine() as aegis:
        for n in range(7):
            await aegis.create_payment(**order(f"order-{n}"))
        seen, cursor = [], None
        sizes = []
        while True:
            page = await aegis.list_payments(limit=3, **({} if cursor is None else {"after": cursor}))
            seen += [payment.id for payment in page.payments]
            sizes.append(len(page.payments))
            cursor = page.next_cursor
            if cursor is None:
                break
        everything = await aegis.list_payments()
    assert sizes == [3, 3, 1]
    assert seen == [payment.id for payment in everything.payments]


@virtual
async def test_payments_made_between_two_pages_do_not_disturb_the_second():
    world = World()
    async with world.engine() as aegis:
        for n in range(4):
            await aegis.create_payment(**order(f"order-{n}"))
            await elapse(1)
        first = await aegis.list_payments(limit=2)
        await aegis.create_payment(**order("late"))
        second = await aegis.list_payments(limit=2, after=first.next_cursor)
    keys = [payment.idempotency_key for payment in (*first.payments, *second.payments)]
    assert keys == ["order-3", "order-2", "order-1", "order-0"]


@virtual
async def test_a_page_holds_whole_payments():
    world = World()
    async with world.engine() as aegis:
        paid = await aegis.pay(**order(metadata={"a": [1]}, customer={"id": "ann"}))
        page = await aegis.list_payments()
    assert page.payments == (paid,)


@pytest.mark.parametrize(
    ("filters", "named", "advice"),
    [
        ({"limit": 0}, "limit", "use 1 to 1000"),
        ({"limit": 1001}, "limit", "use 1 to 1000"),
        ({"limit": "ten"}, "limit", "integer"),
        ({"limit": True}, "limit", "integer"),
        ({"state": "paid"}, "state", "use one of initiated"),
        ({"state": 7}, "state", "PaymentState"),
        ({"currency": "usd"}, "currency", "USD"),
        ({"currency": "XXQ"}, "currency", "ISO 4217"),
        ({"after": "garbage"}, "after", "next_cursor"),
        ({"created_after": datetime(2026, 1, 1)}, "created_after", "timezone"),  # noqa: DTZ001 - the naive one
        ({"in_doubt": "yes"}, "in_doubt", "boolean"),
        ({"customer": "ann"}, "customer", "not permitted"),
    ],
    ids=repr,
)
@virtual
async def test_a_filter_that_makes_no_sense_is_named_with_the_way_out(filters, named, advice):
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(ValidationError) as caught:
            await aegis.list_payments(**filters)
    assert [error.field for error in caught.value.errors] == [named]
    assert advice in str(caught.value)
    assert "idempotency key" not in caught.value.hint
