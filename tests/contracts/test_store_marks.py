"""The contract of every event store: counting what was done, and refusing what would be too much."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay import MemoryStore, SqliteStore
from aegispay.errors import CommitUnknownError, LimitReachedError, StoreUnavailableError, VersionConflictError
from aegispay.ports import Mark, MarkLimit
from tests import builders as b
from tests.contracts.stores import CHARGE, Stream, stored

DAY_S = 86_400.0
LONG_AGO = b.NOW - timedelta(days=3_650)


def mark(key="card", *limits, after_s=0.0, keep_s=30 * DAY_S):
    return Mark(key=key, at=b.NOW + timedelta(seconds=after_s), keep_s=keep_s, limits=limits)


def marked(number, *marks):
    return replace(Stream(number).create(), marks=marks)


@asynccontextmanager
async def opened(store):
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def count(store, *keys, since=LONG_AGO):
    return await store.count_marks(keys, since=since)


@stored
async def test_marks_are_counted_by_key_after_a_time(store):
    for number, after_s in enumerate((0, 10, 20), start=1):
        await store.append(marked(number, mark("one", after_s=after_s), mark("two", after_s=after_s)))
    await store.append(marked(4, mark("two", after_s=30)))
    assert await count(store, "one", "two", "three") == {"one": 3, "two": 4, "three": 0}
    assert await count(store, "one", "two", since=b.NOW + timedelta(seconds=10)) == {"one": 1, "two": 2}


@stored
async def test_no_keys_have_no_counts(store):
    assert await count(store) == {}


@stored
async def test_an_append_beyond_a_limit_is_refused_with_the_limit_and_the_time_of_the_next_room(store):
    limit = MarkLimit(100.0, 2)
    for number, after_s in ((1, 0.0), (2, 40.0)):
        await store.append(marked(number, mark("card", limit, after_s=after_s)))
    with pytest.raises(LimitReachedError) as caught:
        await store.append(marked(3, mark("card", limit, after_s=99.0)))
    error = caught.value
    assert (error.payment_id, error.key, error.most, error.window_s) == (Stream(3).id, "card", 2, 100.0)
    assert error.frees_at == b.NOW + timedelta(seconds=100)
    await store.append(marked(3, mark("card", limit, after_s=100.0)))
    assert await count(store, "card") == {"card": 3}


@stored
async def test_of_a_refused_append_nothing_is_written(store):
    await store.append(marked(1, mark("card")))
    refused = marked(2, mark("other"), mark("card", MarkLimit(DAY_S, 1)))
    with pytest.raises(LimitReachedError):
        await store.append(refused)
    assert await store.load(Stream(2).id) == ()
    assert await count(store, "card", "other") == {"card": 1, "other": 0}


@stored
async def test_the_longer_of_two_windows_is_kept_as_well(store):
    limits = (MarkLimit(DAY_S, 2), MarkLimit(30 * DAY_S, 3))
    for number, day in enumerate((0, 0, 10), start=1):
        await store.append(marked(number, mark("card", *limits, after_s=day * DAY_S)))
    with pytest.raises(LimitReachedError) as caught:
        await store.append(marked(4, mark("card", *limits, after_s=11 * DAY_S)))
    assert (caught.value.most, caught.value.window_s) == (3, 30 * DAY_S)
    assert caught.value.frees_at == b.NOW + timedelta(days=30)


@stored
async def test_a_limit_of_0_lets_nothing_pass(store):
    with pytest.raises(LimitReachedError):
        await store.append(marked(1, mark("card", MarkLimit(DAY_S, 0))))


@stored
async def test_a_mark_without_limits_only_counts(store):
    for number in range(1, 6):
        await store.append(marked(number, mark("card")))
    assert await count(store, "card") == {"card": 5}


@stored
async def test_a_clock_that_was_put_back_makes_no_room(store):
    limit = MarkLimit(100.0, 1)
    await store.append(marked(1, mark("card", limit, after_s=5_000.0)))
    with pytest.raises(LimitReachedError):
        await store.append(marked(2, mark("card", limit)))


@stored
async def test_an_append_at_the_wrong_version_counts_nothing(store):
    await store.append(Stream(1).create())
    with pytest.raises(VersionConflictError):
        await store.append(marked(1, mark("card")))
    assert await count(store, "card") == {"card": 0}


@stored
async def test_a_refused_append_can_be_written_without_the_mark(store):
    stream = Stream()
    await store.append(replace(stream.create(), marks=(mark("card"),)))
    follow = stream.then(*CHARGE)
    with pytest.raises(LimitReachedError):
        await store.append(replace(follow, marks=(mark("card", MarkLimit(DAY_S, 1), after_s=1),)))
    assert await store.append(follow) == 3


@stored
async def test_of_hundreds_at_once_exactly_as_many_pass_as_the_limit_allows(store):
    limit = MarkLimit(DAY_S, 20)
    appends = [store.append(marked(number, mark("card", limit))) for number in range(1, 301)]
    answers = await asyncio.gather(*appends, return_exceptions=True)
    kinds = Counter(answer if isinstance(answer, int) else type(answer) for answer in answers)
    assert kinds == {1: 20, LimitReachedError: 280}
    assert await count(store, "card") == {"card": 20}
    assert (await store.count_states()).popitem()[1] == 20


@stored
async def test_neighbours_of_a_refused_append_are_written(store):
    appends = [
        store.append(marked(number, mark(f"card-{number % 2}", MarkLimit(DAY_S, 1 if number % 2 else 100))))
        for number in range(1, 41)
    ]
    answers = await asyncio.gather(*appends, return_exceptions=True)
    assert sum(isinstance(answer, LimitReachedError) for answer in answers) == 19
    assert await count(store, "card-0", "card-1") == {"card-0": 20, "card-1": 1}
    assert [each.position for each in await store.read_all()] == list(range(1, 22))


@pytest.mark.parametrize(
    ("point", "error", "counted"),
    [("before_commit", StoreUnavailableError, 0), ("after_commit", CommitUnknownError, 1)],
)
def test_a_mark_is_as_durable_as_its_events(tmp_path, clock, point, error, counted):
    def fail(here):
        if here == point:
            raise OSError("no disk")

    async def main():
        for store in (
            MemoryStore(clock=clock, faults=fail),
            SqliteStore(tmp_path / "payments.db", clock=clock, faults=fail),
        ):
            async with opened(store):
                with pytest.raises(error):
                    await store.append(marked(1, mark("card")))
                assert await count(store, "card") == {"card": counted}
                assert len(await store.load(Stream(1).id)) == counted

    asyncio.run(main())


def test_marks_survive_closing_and_opening(tmp_path, clock):
    async def main():
        for number in (1, 2, 3):
            async with opened(SqliteStore(tmp_path / "payments.db", clock=clock)) as store:
                await store.append(marked(number, mark("card", MarkLimit(DAY_S, 3))))
        async with opened(SqliteStore(tmp_path / "payments.db", clock=clock)) as store:
            with pytest.raises(LimitReachedError):
                await store.append(marked(4, mark("card", MarkLimit(DAY_S, 3))))

    asyncio.run(main())


def test_what_nobody_counts_any_more_is_removed_a_little_with_each_write(tmp_path, clock):
    old = [f"card-{number}" for number in range(1, 11)]

    async def main():
        async with opened(SqliteStore(tmp_path / "payments.db", clock=clock)) as store:
            for number, key in enumerate(old, start=1):
                await store.append(marked(number, mark(key, keep_s=100.0)))
            clock.time += timedelta(days=1, seconds=100)
            await store.append(marked(11, mark("new", keep_s=100.0, after_s=DAY_S)))
            assert sum((await count(store, *old)).values()) == 10
            clock.time += timedelta(seconds=1)
            for number, left in ((12, 6), (13, 2), (14, 0)):
                await store.append(marked(number, mark("new", keep_s=100.0, after_s=DAY_S + number)))
                assert sum((await count(store, *old)).values()) == left
            assert await count(store, "new") == {"new": 4}

    asyncio.run(main())


def test_an_append_without_marks_writes_and_reads_none(tmp_path, clock):
    statements = []

    async def main():
        async with opened(SqliteStore(tmp_path / "payments.db", clock=clock)) as store:
            await store._writing.set_trace_callback(statements.append)
            await store.append(Stream(1).create())
            assert statements
            assert not [statement for statement in statements if "marks" in statement]
            await store.append(marked(2, mark("card")))
            assert [statement for statement in statements if "marks" in statement]

    asyncio.run(main())


steps = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 400, allow_nan=False, width=16)), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(history=steps, window_s=st.sampled_from([10.0, 100.0]), most=st.integers(1, 5))
def test_no_window_ever_holds_more_than_its_limit(history, window_s, most):
    async def main():
        store = MemoryStore()
        kept, refused = [], []
        for number, (key, after_s) in enumerate(history, start=1):
            try:
                await store.append(marked(number, mark(key, MarkLimit(window_s, most), after_s=after_s)))
            except LimitReachedError as error:
                refused.append(error.frees_at - b.NOW - timedelta(seconds=after_s))
            else:
                kept.append((key, after_s))
        for key, after_s in kept:
            inside = [at for other, at in kept if other == key and after_s - window_s < at <= after_s]
            assert len(inside) <= most
        assert all(wait > timedelta(0) for wait in refused)
        return kept

    assert asyncio.run(main())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Mark(key="", at=b.NOW, keep_s=1.0),
        lambda: Mark(key="x" * 129, at=b.NOW, keep_s=1.0),
        lambda: Mark(key="x", at=b.NOW, keep_s=1.0, limits=(MarkLimit(2.0, 1),)),
        lambda: Mark(key="x", at=b.NOW, keep_s=float("nan")),
        lambda: Mark(key="x", at=b.NOW, keep_s=9.0, limits=(MarkLimit(2.0, 1),) * 9),
        lambda: MarkLimit(0.0, 1),
        lambda: MarkLimit(float("inf"), 1),
        lambda: MarkLimit(1.0, -1),
        lambda: MarkLimit(1.0, 100_001),
        lambda: marked(1, mark("same"), mark("same")),
    ],
)
def test_what_no_store_could_count_is_refused_when_it_is_made(make):
    with pytest.raises(ValueError, match=r"must|has|once"):
        make()
