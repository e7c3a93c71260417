"""An event in the log cannot be read: only its own payment's deliveries notice."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from aegispay import AegisPay, SimulatedGateway
from tests.integration.command import aegispay
from tests.integration.engine.consumers import Consumer, pay, status
from tests.integration.engine.rig import order

ADA = {"id": "cust-1", "email": "ada@example.com"}


def gateways():
    return [SimulatedGateway("alpha")]


async def until_read(aegis, name):
    """Wait until the position of a subscription is saved at the end of the log."""
    async with asyncio.timeout(30):
        while (found := await status(aegis, name)).position < found.end:
            await asyncio.to_thread(lambda: None)
    return found


@pytest.fixture
def payments(tmp_path):
    """Return the file, and the ids of three payments in it; the second one's customer has a key."""

    async def main():
        async with AegisPay(tmp_path / "payments.db", gateways=gateways()) as aegis:
            before = await pay(aegis, "before")
            keyed = [(await aegis.pay(**order("keyed", customer=ADA))).id]
            return [*before, *keyed, *await pay(aegis, "after")]

    return tmp_path / "payments.db", asyncio.run(main())


def edit(path, statement, *parameters):
    database = sqlite3.connect(path)
    with database:
        assert database.execute(statement, parameters).rowcount == 1
    database.close()


def read(path, events="*", **options):
    """Hand the whole log to one subscriber; return what it got, its status and dead letters."""

    async def main():
        consumer = Consumer()
        async with AegisPay(path, gateways=gateways()) as aegis:
            await aegis.subscribe(events, consumer, name="mailer", from_="start", **options)
            return consumer, await until_read(aegis, "mailer"), await aegis.dead_letters()

    return asyncio.run(main())


DAMAGE = {
    "its customer's key was lost": "UPDATE customer_keys SET secret = randomblob(32)",
    "it is no JSON": "UPDATE events SET data = '{' WHERE position = 5",
    "it is no text": "UPDATE events SET data = CAST(x'ff' AS TEXT) WHERE position = 5",
    "a newer version wrote it": "UPDATE events SET type = 'payment.teleported' WHERE position = 5",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_all_other_payments_events_are_handed_on_and_it_is_a_dead_letter(payments, damage):
    path, (before, keyed, after) = payments
    edit(path, damage)
    consumer, found, (letter,) = read(path)
    assert [consumer.versions(each) for each in (before, keyed, after)] == [[1, 2, 3, 4], [], [1, 2, 3, 4]]
    assert (found.dead, found.waiting, found.state) == (1, 3, "running")
    assert (letter.event_id, letter.position, letter.payment_id, letter.stored) == (f"{keyed}-1", 5, keyed, None)
    assert letter.error.startswith(f"UnreadableEventError: event 5 (version 1 of {keyed}) cannot be read: ")
    assert found.last_error == letter.error


def test_without_order_only_the_event_itself_is_missing(payments):
    path, (_, keyed, _) = payments
    edit(path, DAMAGE["it is no JSON"])
    consumer, found, _ = read(path, ordered=False)
    assert sorted(consumer.versions(keyed)) == [2, 3, 4]
    assert (found.dead, found.waiting) == (1, 0)


def test_events_of_the_payment_before_it_come_in_order(payments):
    path, (_, keyed, _) = payments
    edit(path, "UPDATE events SET data = '{' WHERE position = 7")
    consumer, found, (letter,) = read(path)
    assert consumer.versions(keyed) == [1, 2]
    assert (letter.event_id, found.waiting) == (f"{keyed}-3", 1)


def test_who_does_not_want_such_events_does_not_notice(payments):
    path, ids = payments
    edit(path, DAMAGE["it is no JSON"])
    consumer, found, letters = read(path, events="payment.succeeded")
    assert [event.payment_id for event in consumer.got] == ids
    assert (found.dead, letters) == (0, ())


def test_many_that_cannot_be_read_are_many_dead_letters_and_no_outage(payments):
    path, (before, keyed, after) = payments
    for position in (1, 2, 4, 6, 7, 12):
        edit(path, "UPDATE events SET data = '{' WHERE position = ?", position)
    consumer, found, letters = read(path, ordered=False)
    assert [letter.position for letter in letters] == [1, 2, 4, 6, 7, 12]
    assert [sorted(consumer.versions(each)) for each in (before, keyed, after)] == [[3], [1, 4], [1, 2, 3]]
    assert found.state == "running"


def test_once_it_can_be_read_again_it_is_replayed_and_the_others_follow(payments):
    path, (_, keyed, _) = payments
    ((data,),) = sqlite3.connect(path).execute("SELECT data FROM events WHERE position = 5").fetchall()
    edit(path, DAMAGE["it is no JSON"])

    async def main():
        consumer = Consumer()
        async with AegisPay(path, gateways=gateways()) as aegis:
            await aegis.subscribe("*", consumer, name="mailer", from_="start")
            await until_read(aegis, "mailer")
            edit(path, "UPDATE events SET data = ? WHERE position = 5", data)
            await aegis.replay_dead_letter("mailer", f"{keyed}-1", operator="kim")
            async with asyncio.timeout(30):
                while (found := await status(aegis, "mailer")).waiting or found.running:
                    await asyncio.to_thread(lambda: None)
            return consumer, await aegis.dead_letters()

    consumer, letters = asyncio.run(main())
    assert (consumer.versions(keyed), letters) == ([1, 2, 3, 4], ())


def test_a_replay_while_it_still_cannot_be_read_is_a_dead_letter_again_and_it_can_be_dropped(payments):
    path, (_, keyed, _) = payments
    edit(path, DAMAGE["it is no JSON"])

    async def main():
        consumer = Consumer()
        async with AegisPay(path, gateways=gateways()) as aegis:
            await aegis.subscribe("*", consumer, name="mailer", from_="start")
            await until_read(aegis, "mailer")
            await aegis.replay_dead_letter("mailer", f"{keyed}-1", operator="kim")
            async with asyncio.timeout(30):
                while not (letters := await aegis.dead_letters()):
                    await asyncio.to_thread(lambda: None)
            await aegis.drop_dead_letter("mailer", f"{keyed}-1", operator="kim", reason="told by phone")
            async with asyncio.timeout(30):
                while (found := await status(aegis, "mailer")).waiting or found.running:
                    await asyncio.to_thread(lambda: None)
            return consumer, letters

    consumer, letters = asyncio.run(main())
    assert [letter.event_id for letter in letters] == [f"{keyed}-1"]
    assert consumer.versions(keyed) == [2, 3, 4]


def test_lag_is_told_also_from_an_event_that_cannot_be_read(payments):
    path, _ = payments

    async def main():
        async with AegisPay(path, gateways=gateways()) as aegis:
            await aegis.subscribe("*", Consumer(), name="mailer", from_=4)
            await aegis.unsubscribe("mailer")

    asyncio.run(main())
    edit(path, "UPDATE subscribers SET position = 4")
    edit(path, DAMAGE["it is no JSON"])
    edit(path, "UPDATE events SET recorded_at = recorded_at - 3600000000 WHERE position = 5")

    async def look():
        async with AegisPay(path, gateways=gateways()) as aegis:
            return await status(aegis, "mailer")

    found = asyncio.run(look())
    assert (found.lag_events, found.lag_s >= 3_600) == (8, True)


def test_the_commands_show_list_and_drop_it(payments):
    path, (_, keyed, _) = payments
    edit(path, DAMAGE["it is no JSON"])
    read(path)
    listed = aegispay(path.parent, "deadletters", "list", "--json")
    assert f'"event_id": "{keyed}-1", "type": "unreadable"' in listed.stdout
    shown = aegispay(path.parent, "deadletters", "show", "mailer", f"{keyed}-1")
    assert (shown.returncode, "cannot be read" in shown.stdout) == (0, True)
    dropped = aegispay(
        path.parent, "deadletters", "drop", "mailer", f"{keyed}-1", "--operator", "kim", "--reason", "told by phone"
    )
    assert dropped.returncode == 0, dropped.stderr
    assert aegispay(path.parent, "deadletters", "list", "--json").stdout == ""
