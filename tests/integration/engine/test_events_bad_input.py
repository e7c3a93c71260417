"""What the methods about events, audit and webhooks refuse, and in which words."""

from __future__ import annotations

import asyncio
import os
import stat
import sys

import pytest

from aegispay import AegisPay, SimulatedGateway, SqliteStore
from aegispay.delivery_errors import EffectsRefusedError
from aegispay.errors import ValidationError
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint, new_webhook_secret
from tests.integration.engine.rig import World, order, virtual

HUGE = 10**30
ENDPOINT = WebhookEndpoint(name="shop", url="https://shop.example.com/", secrets=(new_webhook_secret(),))


async def mail(event):
    """Take an event."""


def book(event, transaction):
    """Take an event and a transaction."""


PLACES = ["x", ("x",), ("x", "1"), ("x", HUGE), ("x", -1), ("x", True), (1, 1), ["x", 1], ("x", 1, 2), None]


@pytest.mark.parametrize("after", PLACES, ids=repr)
@virtual
async def test_a_place_in_the_dead_letters_that_is_none_is_refused_by_name(after):
    async with World().engine() as aegis:
        with pytest.raises(ValidationError, match="subscriber and position of the last dead letter") as refused:
            await aegis.dead_letters(after=after)
        assert [each.field for each in refused.value.errors] == ["after"]


@virtual
async def test_the_place_of_a_dead_letter_is_taken():
    async with World().engine() as aegis:
        assert await aegis.dead_letters(after=("mailer", 2**63 - 1)) == ()


CALLS = {
    "erasures limit": (lambda aegis: aegis.erasures(limit=HUGE), "limit"),
    "log limit 0": (lambda aegis: aegis.webhook_log("shop", limit=0), "limit"),
    "log before huge": (lambda aegis: aegis.webhook_log("shop", before=HUGE), "before"),
    "log before negative": (lambda aegis: aegis.webhook_log("shop", before=-1), "before"),
    "log before text": (lambda aegis: aegis.webhook_log("shop", before="x"), "before"),
    "replay since huge": (lambda aegis: aegis.replay_webhook("shop", since=HUGE, operator="olga"), "since"),
    "export personal": (lambda aegis: aegis.export_payment("pay_x", personal="no"), "personal"),
}


@pytest.mark.parametrize(("call", "field"), CALLS.values(), ids=CALLS)
def test_what_cannot_be_asked_for_is_refused_with_what_was_given(tmp_path, call, field):
    async def scenario():
        gateways = [SimulatedGateway("alpha")]
        async with AegisPay(tmp_path / "payments.db", gateways=gateways, webhooks=[ENDPOINT]) as aegis:
            with pytest.raises(ValidationError, match=r"\(got .+\)") as refused:
                await call(aegis)
            assert [each.field for each in refused.value.errors] == [field]

    asyncio.run(scenario())


SETTINGS = {
    "timeout": ({"timeout_s": 3601}, "timeout_s: use more than 0 seconds, at most 3600"),
    "no timeout": ({"timeout_s": "soon"}, "timeout_s: use more than 0 seconds, at most 3600"),
    "space": ({"name": " lead"}, "name: must not begin or end with a space"),
}


@pytest.mark.parametrize(("changes", "words"), SETTINGS.values(), ids=SETTINGS)
@virtual
async def test_a_setting_of_a_subscription_is_refused_in_words_that_fit(changes, words):
    async with World().engine() as aegis:
        with pytest.raises(ValidationError, match=words):
            await aegis.subscribe("payment.*", mail, **({"name": "mailer"} | changes))


@pytest.mark.parametrize(("changes", "field"), [({"concurrency": 5}, "concurrency"), ({"ordered": False}, "ordered")])
def test_a_transactional_subscriber_takes_no_setting_that_it_would_not_keep(tmp_path, changes, field):
    async def scenario():
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            with pytest.raises(ValidationError, match=f"{field}: is .* for transactional subscribers"):
                await aegis.subscribe("payment.*", book, name="books", transactional=True, **changes)
            await aegis.subscribe("payment.*", book, name="books", transactional=True, concurrency=1, ordered=True)

    asyncio.run(scenario())


@virtual
async def test_a_pattern_in_capitals_is_refused_with_the_pattern_that_was_meant():
    async with World().engine() as aegis:
        with pytest.raises(ValidationError, match=r"did you mean payment\.\*\?"):
            await aegis.subscribe("PAYMENT.*", mail, name="mailer")


SETUPS = {
    "DROP TABLE events": "not authorized: make tables, and indexes on them, that are not the engine's",
    "CREATE UNIQUE INDEX bad ON events (type)": "not authorized: make tables",
    "CREATE TABLE": "incomplete input",
}


@pytest.mark.parametrize(("statement", "words"), SETUPS.items(), ids=SETUPS)
def test_a_refused_statement_is_repeated_as_it_was_written_with_what_would_be_right(tmp_path, statement, words):
    async def scenario():
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            with pytest.raises(EffectsRefusedError) as refused:
                await aegis.subscribe("payment.*", book, name="books", transactional=True, setup=[statement])
            assert str(refused.value).startswith(f"{statement}: {words}")

    asyncio.run(scenario())


@virtual
async def test_a_payment_that_is_refunded_in_parts_has_reached_partially_refunded_once():
    async with World().engine() as aegis:
        payment = await aegis.pay(**order(amount="9.00"))
        for number in range(3):
            await aegis.refund_payment(payment.id, amount="2.00", idempotency_key=f"refund-{number}")
        assert (await aegis.metrics()).payments["partially_refunded"] == 1
        await aegis.refund_payment(payment.id, idempotency_key="rest")
        counted = (await aegis.metrics()).payments
        assert (counted["partially_refunded"], counted["refunded"]) == (1, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_new_database_is_for_its_owner_alone_and_an_old_one_keeps_its_mode(tmp_path):
    def modes():
        return {each.name: oct(stat.S_IMODE(each.stat().st_mode)) for each in sorted(tmp_path.glob("payments.db*"))}

    async def scenario():
        store = SqliteStore(tmp_path / "payments.db")
        async with AegisPay(store, gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.pay(**order())
            found = modes()
            return {name: mode for name, mode in found.items() if name in DATA}

    before = os.umask(0o022)
    try:
        assert asyncio.run(scenario()) == dict.fromkeys(DATA, "0o600")
        (tmp_path / "payments.db").chmod(0o640)
        assert asyncio.run(scenario())["payments.db"] == "0o640"
    finally:
        os.umask(before)


DATA = ("payments.db", "payments.db-shm", "payments.db-wal")
