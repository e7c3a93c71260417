"""The contract of every event store: lists of payments."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta

import pytest

from aegispay.domain.state import PaymentState
from aegispay.errors import ValidationError
from aegispay.ports import Parking, PaymentQuery
from tests import builders as b
from tests.contracts.stores import Stream, stored, write

FILTERS = {
    "merchant": "shop",
    "state": PaymentState.SUCCESS,
    "customer_id": "cust-2",
    "gateway": "beta",
    "currency": "JPY",
    "in_doubt": True,
    "has_incident": True,
    "parked": True,
    "created_after": b.NOW + timedelta(seconds=20),
    "created_before": b.NOW + timedelta(seconds=50),
}
NEGATIVE = {"in_doubt": False, "has_incident": False, "parked": False}
COUNT = 80


async def fill(store):
    """Write payments with every mixture of properties; return their rows and who is parked."""
    source = random.Random(11)
    rows, parked = [], set()
    for number in range(1, COUNT + 1):
        stream = Stream(
            number,
            after_s=source.randrange(70),
            merchant=source.choice(["shop", "default"]),
            currency=source.choice(["USD", "JPY"]),
            amount="100",
            customer=source.choice([None, {"id": "cust-1"}, {"id": "cust-2"}]),
        )
        append = stream.create()
        first = append.row
        changed = stream.then(
            b.authenticate(),
            state=source.choice([PaymentState.SUCCESS, PaymentState.PROCESSING]),
            gateway=source.choice([None, "alpha", "beta"]),
            in_doubt=source.random() < 0.4,
            has_incident=source.random() < 0.4,
        )
        assert first.created_at == changed.row.created_at
        await store.append(append)
        await store.append(changed)
        rows.append(changed.row)
        if source.random() < 0.4:
            parked.add(stream.id)
            await store.park(Parking(payment_id=stream.id, cause="c", parked_at=b.NOW))
    return rows, parked


def expected(rows, parked, wanted):
    def fits(row):
        return all(
            {
                "parked": lambda value: value == (row.payment_id in parked),
                "created_after": lambda value: row.created_at >= value,
                "created_before": lambda value: row.created_at < value,
            }.get(name, lambda value, name=name: getattr(row, name) == value)(value)
            for name, value in wanted.items()
        )

    return sorted(filter(fits, rows), key=lambda row: (row.created_at, row.payment_id), reverse=True)


def combinations():
    """Return every filter alone, every pair, each with the negative of a third, and all of them."""
    yield {}
    yield FILTERS
    yield NEGATIVE
    for size in (1, 2):
        for names in itertools.combinations(FILTERS, size):
            wanted = {name: FILTERS[name] for name in names}
            yield wanted
            for name in NEGATIVE.keys() - wanted.keys():
                yield wanted | {name: NEGATIVE[name]}


@stored
async def test_every_combination_of_filters_gives_what_fits_newest_first(store):
    rows, parked = await fill(store)
    nonempty = 0
    for wanted in combinations():
        right = expected(rows, parked, wanted)
        page = await store.list_payments(PaymentQuery(**wanted, limit=COUNT))
        assert list(page.rows) == right, wanted
        assert page.next_cursor is None
        nonempty += bool(right)
    assert nonempty > 100


@pytest.mark.parametrize(
    "wanted", [{}, {"merchant": "shop"}, {"parked": True}, {"in_doubt": True}, {"gateway": "beta"}]
)
@pytest.mark.parametrize("limit", [1, 7, COUNT])
@stored
async def test_pages_are_complete_and_do_not_repeat_while_payments_arrive(store, wanted, limit):
    rows, parked = await fill(store)
    right = expected(rows, parked, wanted)
    seen, cursor, number = [], None, COUNT
    while True:
        page = await store.list_payments(PaymentQuery(**wanted, limit=limit, after=cursor))
        seen += page.rows
        if page.next_cursor is None:
            break
        assert len(page.rows) == limit
        cursor = page.next_cursor
        number += 1
        newer = Stream(number, after_s=1_000, merchant="shop")
        await write(store, newer)
        await store.append(newer.then(b.authenticate(), in_doubt=True, gateway="beta"))
        await store.park(Parking(payment_id=newer.id, cause="c", parked_at=b.NOW))
    assert seen == right


@stored
async def test_payments_of_one_moment_are_ordered_by_id_and_paged_apart(store):
    streams = [Stream(number) for number in (3, 1, 2)]
    await write(store, *streams)
    first = await store.list_payments(PaymentQuery(limit=2))
    second = await store.list_payments(PaymentQuery(limit=2, after=first.next_cursor))
    assert [row.payment_id for row in (*first.rows, *second.rows)] == [Stream(number).id for number in (3, 2, 1)]
    assert second.next_cursor is None


@stored
async def test_a_page_that_ends_exactly_at_the_last_row_has_no_next(store):
    await write(store, Stream(1), Stream(2))
    page = await store.list_payments(PaymentQuery(limit=2))
    assert len(page.rows) == 2
    assert page.next_cursor is None


@pytest.mark.parametrize("limit", [0, -1, 1_001, True, 1.0, "5", None])
@stored
async def test_a_limit_that_makes_no_sense_is_refused(store, limit):
    with pytest.raises(ValidationError, match="limit: use 1 to 1000"):
        await store.list_payments(PaymentQuery(limit=limit))


@pytest.mark.parametrize("limit", [1, 1_000])
@stored
async def test_the_bounds_of_the_limit_are_allowed(store, limit):
    await write(store, Stream())
    assert len((await store.list_payments(PaymentQuery(limit=limit))).rows) == 1


@pytest.mark.parametrize(
    "cursor", ["", ".", "x", "5", "5.", ".pay_1", "-5.pay_1", "1e3.pay_1", "٣.pay_1", "9" * 19 + ".pay_1", "5;--"]
)
@stored
async def test_a_cursor_that_no_page_gave_is_refused(store, cursor):
    with pytest.raises(ValidationError, match="after: pass the next_cursor of a page"):
        await store.list_payments(PaymentQuery(after=cursor))


@stored
async def test_text_in_a_filter_is_never_sql(store):
    await write(store, Stream())
    for text in ("' OR 1=1 --", "%", "_", "shop'; DROP TABLE payments; --"):
        assert (await store.list_payments(PaymentQuery(merchant=text))).rows == ()
        assert (await store.list_payments(PaymentQuery(customer_id=text))).rows == ()
    assert len((await store.list_payments(PaymentQuery())).rows) == 1


@stored
async def test_the_payments_of_one_customer_are_found(store):
    mine = [Stream(number, customer={"id": "mine"}) for number in (1, 2, 3)]
    await write(store, *mine, Stream(4, customer={"id": "other"}), Stream(5, customer=None))
    page = await store.list_payments(PaymentQuery(customer_id="mine"))
    assert {row.payment_id for row in page.rows} == {stream.id for stream in mine}
