"""What every store does with the revisions of the configuration."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from aegispay.ports import ConfigurationRecord
from aegispay.ports.configuration import GENESIS
from tests import builders as b
from tests.contracts.stores import stored


def record(revision, data='{"routing": {"kind": "round_robin"}}', previous=GENESIS):
    made = ConfigurationRecord(
        revision=revision,
        at=b.NOW + timedelta(seconds=revision, microseconds=1),
        operator="ann",
        reason="ünlike yesterday",
        data=data,
        host_revision=1,
    )
    return replace(made, digest=made.digest_after(previous))


@stored
async def test_a_store_without_revisions_has_no_latest_one(store):
    assert await store.load_configuration() is None
    assert await store.list_configurations() == ()


@stored
async def test_a_revision_comes_back_as_it_was_kept(store):
    first = record(1)

    assert await store.save_configuration(first) is True
    assert await store.load_configuration() == first
    assert await store.load_configuration(1) == first
    assert await store.load_configuration(2) is None


@stored
async def test_only_the_next_revision_is_kept(store):
    await store.save_configuration(record(1))

    assert await store.save_configuration(record(1, data="{}")) is False
    assert await store.save_configuration(record(3)) is False
    assert await store.list_configurations() == (record(1),)


@stored
async def test_of_two_writers_at_once_one_is_told_that_it_was_late(store):
    written = await asyncio.gather(*(store.save_configuration(record(1, data=f'{{"n": {n}}}')) for n in range(5)))

    assert sorted(written) == [False, False, False, False, True]
    kept = await store.load_configuration()
    assert kept.data == f'{{"n": {written.index(True)}}}'


@stored
async def test_revisions_are_listed_newest_first_in_pages(store):
    for revision in range(1, 6):
        await store.save_configuration(record(revision))

    assert [each.revision for each in await store.list_configurations(limit=2)] == [5, 4]
    assert [each.revision for each in await store.list_configurations(before=4, limit=2)] == [3, 2]
    assert await store.list_configurations(before=1) == ()


@stored
async def test_revisions_outlive_closing(store):
    await store.save_configuration(record(1))
    await store.close()
    await store.open()

    assert await store.load_configuration() == record(1)


def test_the_digest_covers_every_part_and_the_revision_before():
    first = record(1)
    changed = [
        replace(first, revision=2),
        replace(first, at=first.at + timedelta(microseconds=1)),
        replace(first, operator="eve"),
        replace(first, reason="another"),
        replace(first, data="{}"),
        replace(first, host_revision=2),
    ]

    assert first.digest not in {each.digest_after(GENESIS) for each in changed}
    assert first.digest != first.digest_after("1" * 64)
