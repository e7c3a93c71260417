"""A file of schema 6 with sealed personal data, an erased customer and a dead letter is read by today's code."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aegispay import AegisPay, PaymentState, SimulatedGateway
from aegispay.storage.migrations import SCHEMA_VERSION
from aegispay.storage.verify import verify
from tests.integration.engine.rig import order

VERSION_6 = Path(__file__).parent / "version_6.sql"
ADA = {
    "id": "cust-ada",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "billing_address": {"line1": "12 Hidden Lane", "city": "London", "country": "GB"},
}
CARD = {"type": "card", "token": "tok_visa", "brand": "visa", "last4": "4242", "expiry_month": 1, "expiry_year": 2030}


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(VERSION_6.read_text(encoding="utf-8"))
    return path


def run(path, work):
    async def main():
        async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
            return await work(aegis)

    return asyncio.run(main())


def test_the_kept_file_shows_nobody():
    kept = VERSION_6.read_text(encoding="utf-8")
    assert [word for word in ("Ada", "ada@example.com", "Hidden Lane", "4242", "shoes", "Bob") if word in kept] == []
    assert "in the open" in kept


def test_sealed_data_opens_and_an_erased_customer_stays_erased(old):
    async def work(aegis):
        return [await aegis.get_payment_by_idempotency_key(key) for key in ("ada", "bob", "nobody")]

    ada, bob, nobody = run(old, work)
    assert (ada.state, ada.refunded_minor) == (PaymentState.REFUNDED, 10_000)
    assert (ada.customer.name, ada.customer.email, ada.customer.billing_address.line1) == (
        "Ada Lovelace",
        "ada@example.com",
        "12 Hidden Lane",
    )
    assert (ada.payment_method.last4, dict(ada.metadata)) == ("4242", {"basket": ["shoes"]})
    assert (bob.customer.id, bob.customer.name, bob.customer.email) == ("cust-bob", None, None)
    assert dict(nobody.metadata) == {"note": "in the open"}


def test_the_same_requests_are_still_the_same_payments(old):
    async def work(aegis):
        repeated = order("ada", customer=ADA, metadata={"basket": ["shoes"]}, payment_method=CARD)
        again = await aegis.pay(**repeated)
        refund = await aegis.refund_payment(again.id, idempotency_key="refund-1")
        return again, refund

    again, refund = run(old, work)
    assert again == refund
    assert verify(old).events == 15


def test_a_dead_letter_can_still_be_replayed(old):
    async def work(aegis):
        got = asyncio.Queue()
        await aegis.subscribe("payment.refunded", got.put, name="mailer")
        (letter,) = await aegis.dead_letters()
        await aegis.replay_dead_letter("mailer", letter.event_id, operator="kim")
        async with asyncio.timeout(30):
            return letter, await got.get()

    letter, event = run(old, work)
    assert (letter.error, letter.tries) == ("ConnectionError: mailbox full", 1)
    assert (event.event_id, event.event.refunded_minor) == (letter.event_id, 10_000)


def test_it_is_clean_when_it_has_been_brought_up_to_date(old):
    async def work(aegis):
        return [(each.customer_id, each.operator, each.reason) for each in await aegis.erasures()]

    assert run(old, work) == [("cust-bob", "kim", "asked")]
    assert verify(old).problems == ()
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
