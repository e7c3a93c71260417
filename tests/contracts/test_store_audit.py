"""The contract of every event store: events exactly as they are kept, and sums over many payments."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay import MemoryStore, SqliteStore
from aegispay.domain.state import PaymentState
from aegispay.errors import ValidationError
from aegispay.ports.audit import GROUPS_MAX, SUCCEEDED, GroupBy, StatisticsQuery
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, DOUBT, StillClock, Stream, stored, write

PERIODS = (None, b.NOW, b.NOW + timedelta(minutes=50), b.NOW + timedelta(hours=13))


@stored
async def test_a_payment_that_does_not_exist_has_no_records(store):
    assert await store.records("pay_none") == ()


@stored
async def test_each_record_hashes_to_what_it_says_by_the_published_recipe(store):
    one, two = Stream(1), Stream(2, customer=None, metadata=None)
    await write(store, one)
    await write(store, two, steps=(CHARGE, DOUBT))
    await store.append(one.then(*CHARGE))

    records = [record for stream in (one, two) for record in await store.records(stream.id)]

    for record in records:
        at_us = (record.recorded_at - record.recorded_at.fromtimestamp(0, record.recorded_at.tzinfo)) // timedelta(
            microseconds=1
        )
        head = f"{record.position}|{record.payment_id}|{record.version}|{record.type}|{record.schema_version}|{at_us}|"
        link = bytes.fromhex(record.previous_hash) + head.encode() + record.data.encode()
        assert hashlib.sha256(link).hexdigest() == record.hash
    in_order = sorted(records, key=lambda record: record.position)
    assert [record.position for record in in_order] == list(range(1, 8))
    assert [record.previous_hash for record in in_order] == ["00" * 32, *(record.hash for record in in_order[:-1])]


@stored
async def test_records_are_the_events_that_loading_gives(store):
    stream = Stream()
    await write(store, stream, steps=(CHARGE, APPROVE))

    records, events = await store.records(stream.id), await store.load(stream.id)

    assert [(r.position, r.version, r.type, r.hash, r.recorded_at) for r in records] == [
        (e.position, e.version, e.event.type.value, e.hash, e.recorded_at) for e in events
    ]


def filled(seed, count):
    """Return appends of payments with every mixture of properties, and the rows they end with."""
    source = random.Random(seed)
    appends, rows = [], []
    for number in range(1, count + 1):
        stream = Stream(
            number,
            after_s=source.choice([0, 10, 3_000, 3_600, 50_000, 90_000]),
            merchant=source.choice(["shop", "default"]),
            currency=source.choice(["USD", "JPY", "KWD"]),
            amount=source.choice(["1", "100", "100000"]),
            customer=source.choice([None, {"id": "cust-1"}, {"id": "cust-2"}]),
        )
        appends.append(stream.create())
        amount_minor = appends[-1].row.amount_minor
        changed = stream.then(
            b.authenticate(),
            state=source.choice(list(PaymentState)),
            gateway=source.choice([None, "alpha", "beta"]),
            in_doubt=source.random() < 0.4,
            has_incident=source.random() < 0.4,
            captured_minor=source.choice([0, amount_minor]),
            refunded_minor=source.choice([0, 1]),
        )
        appends.append(changed)
        rows.append(changed.row)
    return appends, rows


def value_of(row, dimension):
    at = row.created_at
    return {
        GroupBy.HOUR: at.replace(minute=0, second=0, microsecond=0),
        GroupBy.DAY: at.replace(hour=0, minute=0, second=0, microsecond=0),
        GroupBy.CUSTOMER: row.customer_id,
        GroupBy.STATE: row.state.value,
        GroupBy.GATEWAY: row.gateway,
        GroupBy.MERCHANT: row.merchant,
        GroupBy.METHOD: str(row.method),
        GroupBy.CURRENCY: row.currency,
    }[dimension]


def naively(rows, query):
    """Return what each group has, computed in the plainest way."""
    names = ("merchant", "state", "customer_id", "gateway", "currency", "in_doubt", "has_incident")
    groups = defaultdict(list)
    for row in rows:
        fits = all(getattr(query, name) in {None, getattr(row, name)} for name in names)
        after, before = query.created_after, query.created_before
        if fits and (after is None or row.created_at >= after) and (before is None or row.created_at < before):
            groups[tuple(value_of(row, dimension) for dimension in (*query.by, GroupBy.CURRENCY))].append(row)
    return {
        values: (
            len(members),
            sum(row.state in SUCCEEDED for row in members),
            sum(row.state is PaymentState.FAILURE for row in members),
            sum(row.state is PaymentState.CANCELLED for row in members),
            sum(row.in_doubt for row in members),
            sum(row.has_incident for row in members),
            sum(row.amount_minor for row in members),
            sum(row.captured_minor for row in members),
            sum(row.refunded_minor for row in members),
        )
        for values, members in groups.items()
    }


def seen(rows, query):
    found = {}
    for row in rows:
        values = tuple(row.group[dimension] for dimension in (*query.by, GroupBy.CURRENCY))
        assert set(row.group) == {*query.by, GroupBy.CURRENCY}
        assert values not in found
        assert row.payments == row.succeeded + row.failed + row.cancelled + row.unfinished
        found[values] = (
            row.payments,
            row.succeeded,
            row.failed,
            row.cancelled,
            row.in_doubt,
            row.incidents,
            row.amount_minor,
            row.captured_minor,
            row.refunded_minor,
        )
    return found


QUERIES = st.builds(
    StatisticsQuery,
    by=st.lists(st.sampled_from([each for each in GroupBy if each is not GroupBy.CURRENCY]), unique=True).map(tuple),
    merchant=st.sampled_from([None, None, "shop", "nobody"]),
    state=st.sampled_from([None, None, *PaymentState]),
    customer_id=st.sampled_from([None, None, "cust-2"]),
    gateway=st.sampled_from([None, None, "beta"]),
    currency=st.sampled_from([None, None, "JPY"]),
    in_doubt=st.sampled_from([None, None, True, False]),
    has_incident=st.sampled_from([None, None, True, False]),
    created_after=st.sampled_from(PERIODS),
    created_before=st.sampled_from(PERIODS),
)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same payments in a store of each kind, and their rows."""
    appends, rows = filled(seed=23, count=90)
    path = tmp_path_factory.mktemp("counted") / "payments.db"
    stores = (MemoryStore(clock=StillClock()), SqliteStore(path, clock=StillClock()))

    async def fill():
        for store in stores:
            await store.open()
            for append in appends:
                await store.append(append)
            await store.close()

    asyncio.run(fill())
    return (stores[0], lambda: SqliteStore(path, read_only=True)), rows


@settings(max_examples=120, deadline=None)
@given(query=QUERIES)
def test_statistics_are_what_counting_one_by_one_gives(both, query):
    (memory, open_file), rows = both

    async def main():
        file = open_file()
        await file.open()
        try:
            return await memory.statistics(query), await file.statistics(query)
        finally:
            await file.close()

    in_memory, in_file = asyncio.run(main())

    assert seen(in_memory, query) == naively(rows, query)
    assert in_file == in_memory


@stored
async def test_the_groups_are_in_the_order_of_their_values_and_what_has_none_is_first(store):
    for number, gateway in enumerate(["beta", None, "alpha", "Zed", "épsilon"], start=1):
        stream = Stream(number)
        await store.append(stream.create())
        await store.append(stream.then(b.authenticate(), gateway=gateway))

    rows = await store.statistics(StatisticsQuery(by=(GroupBy.GATEWAY,)))

    assert [row.group[GroupBy.GATEWAY] for row in rows] == [None, "Zed", "alpha", "beta", "épsilon"]


@stored
async def test_sums_beyond_64_bits_are_exact(store):
    huge = 2**62 + 12_345
    for number in range(1, 5):
        stream = Stream(number)
        await store.append(stream.create())
        await store.append(stream.then(b.authenticate(), captured_minor=huge + number, refunded_minor=number))

    (row,) = await store.statistics(StatisticsQuery())

    assert (row.captured_minor, row.refunded_minor) == (4 * huge + 10, 10)
    assert row.captured_minor > 2**63


@stored
async def test_an_empty_store_has_no_groups(store):
    assert await store.statistics(StatisticsQuery(by=(GroupBy.STATE, GroupBy.HOUR))) == ()


@stored
async def test_more_groups_than_asked_for_are_an_error_and_never_a_part_of_them(store):
    for number in range(1, 4):
        await store.append(Stream(number, customer={"id": f"cust-{number}"}).create())

    assert len(await store.statistics(StatisticsQuery(by=(GroupBy.CUSTOMER,), limit=3))) == 3
    with pytest.raises(ValidationError, match="by: makes more than 2 groups"):
        await store.statistics(StatisticsQuery(by=(GroupBy.CUSTOMER,), limit=2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"limit": 0}, "limit: use 1 to"),
        ({"limit": GROUPS_MAX + 1}, "limit: use 1 to"),
        ({"by": (GroupBy.HOUR, GroupBy.HOUR)}, "by: name each of them once"),
    ],
)
@stored
async def test_a_query_that_makes_no_sense_is_refused(store, wrong, message):
    with pytest.raises(ValidationError, match=message):
        await store.statistics(StatisticsQuery(**wrong))


def test_the_success_rate_is_that_of_payments_that_ended_one_way_or_the_other():
    _, rows = filled(seed=5, count=40)
    assert {row.state for row in rows} == set(PaymentState)

    async def main():
        store = MemoryStore(clock=StillClock())
        for append in filled(seed=5, count=40)[0]:
            await store.append(append)
        return await store.statistics(StatisticsQuery(by=(GroupBy.STATE,)))

    rates = {row.group[GroupBy.STATE]: row.success_rate for row in asyncio.run(main())}

    assert {state for state, rate in rates.items() if rate == 1.0} == {state.value for state in SUCCEEDED}
    assert {state for state, rate in rates.items() if rate == 0.0} == {"failure"}
    assert {state for state, rate in rates.items() if rate is None} == {
        "initiated",
        "requires_action",
        "authenticated",
        "processing",
        "cancelled",
    }
