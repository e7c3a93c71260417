"""A card number anywhere in a request is refused, and stands in no error, log or file."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import AegisPay, CardDataError, RequestError, SimulatedGateway, UnknownGatewayError
from tests.integration.engine.rig import World, order, virtual

PAN = "4242424242424242"
CARD_NUMBERS = [
    {"payment_method": {"type": "card", "token": PAN}},
    {"payment_method": {"type": "card", "token": "4242-4242-4242-4242"}},
    {"payment_method": {"type": "card", "number": PAN}},
    {"payment_method": {"type": "card", "token": "t", "cvv": "123"}},
    {"payment_method": {"type": PAN}},
    {"payment_method": {"type": "card", "token": "t", PAN: "x"}},
    {"payment_method": {"type": "card", "token": "t", "expiry_month": int(PAN)}},
    {"payment_method": {"type": "card", "token": "t", "brand": PAN}},
    {"payment_method": {"type": "wallet", "provider": "p", "token": PAN}},
    {"payment_method": {"type": "upi", "vpa": f"{PAN}@bank"}},
    {"customer": {"id": PAN}},
    {"customer": {"id": "c", "phone": PAN}},
    {"customer": {"id": "c", "phone": "4242 4242 4242 4242"}},
    {"customer": {"id": "c", "email": f"{PAN}@example.com"}},
    {"customer": {"id": "c", "billing_address": {"country": PAN}}},
    {"customer": {"id": "c", "billing_address": {"country": "US", "line1": PAN}}},
    {"metadata": {"card": PAN}},
    {"metadata": {PAN: "card"}},
    {"metadata": {"cards": [[{"a": f"no {PAN}."}]]}},
    {"metadata": {"card": int(PAN)}},
    {"idempotency_key": f"order-{PAN}"},
    {"amount": PAN},
    {"amount": int(PAN)},
    {"currency": PAN},
    {"merchant": PAN},
    {"gateway": PAN},
    {"retry_of": PAN},
]


@pytest.mark.parametrize("changes", CARD_NUMBERS, ids=lambda changes: repr(changes)[:70])
def test_a_card_number_anywhere_is_refused_and_stands_in_no_error_log_or_file(changes, tmp_path, caplog):
    caplog.set_level(0)

    async def run():
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            for call in (aegis.create_payment, aegis.pay):
                with pytest.raises((RequestError, UnknownGatewayError)) as caught:
                    await call(**order(**changes))
                shown = f"{caught.value!r} {caught.value} {caught.value.hint} {caught.value.__dict__}"
                assert PAN not in "".join(filter(str.isalnum, shown))
                assert caught.value.hint
            await aegis.pay(**order("good"))

    asyncio.run(run())
    assert PAN not in caplog.text
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"tok_visa" in written
    assert PAN.encode() not in written


@virtual
async def test_card_data_where_a_token_belongs_says_what_to_do_instead():
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(CardDataError, match=r"^payment_method\.token: .*the value is not shown$") as caught:
            await aegis.pay(**order(token=PAN))
    assert caught.value.field == "payment_method.token"
    assert "Tokenise" in caught.value.hint
