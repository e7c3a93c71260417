"""Bad input through the public API: the message names the field, the value and the way out; nothing happens."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from typing import Any

import pytest

from aegispay import (
    AegisPay,
    NoGatewayError,
    PaymentNotFoundError,
    RequestError,
    SimulatedGateway,
    UnknownGatewayError,
    ValidationError,
)
from tests.integration.engine.rig import World, order, virtual

PAN = "4242424242424242"


def deep(levels):
    value: object = "bottom"
    for _ in range(levels):
        value = {"down": value}
    return value


class Cyclic(dict):
    def __init__(self):
        super().__init__()
        self["self"] = self


CASES = [
    ({"amount": "0"}, "amount", "must be more than 0", "'0'"),
    ({"amount": "0.00"}, "amount", "must be more than 0", "'0.00'"),
    ({"amount": 0}, "amount", "must be more than 0", "0"),
    ({"amount": "-5"}, "amount", "must not be negative", "-5"),
    ({"amount": -0.01}, "amount", "must not be negative", "-0.01"),
    ({"amount": "nan"}, "amount", "must be a finite number", "'nan'"),
    ({"amount": math.nan}, "amount", "must be a finite number", "'nan'"),
    ({"amount": math.inf}, "amount", "must be a finite number", "'inf'"),
    ({"amount": "-Infinity"}, "amount", "must be a finite number", "'-Infinity'"),
    ({"amount": Decimal("sNaN")}, "amount", "must be a finite number", "'sNaN'"),
    ({"amount": "10.001"}, "amount", "USD has 2 decimals; write the exact amount", "10.001"),
    ({"amount": "10.5", "currency": "JPY"}, "amount", "JPY has 0 decimals", "10.5"),
    ({"amount": 1e-7}, "amount", "USD has 2 decimals", "1E-7"),
    ({"amount": True}, "amount", 'use a number such as "100.00"', "True"),
    ({"amount": None}, "amount", 'use a number such as "100.00"', "None"),
    ({"amount": "1,000.00"}, "amount", 'use a number such as "100.00"', "'1,000.00'"),
    ({"amount": "1e400"}, "amount", "must be at most", "1E+400"),
    ({"amount": 10**400}, "amount", "must be at most", ""),
    ({"amount": "\uff19\uff19"}, "amount", 'use a number such as "100.00"', ""),
    ({"currency": "usd"}, "currency", "write the code in capitals, USD", "'usd'"),
    ({"currency": "XXQ"}, "currency", "use an ISO 4217 code such as USD", "'XXQ'"),
    ({"currency": "XAU"}, "currency", "has no minor units", "'XAU'"),
    ({"currency": None}, "currency", "use an ISO 4217 code", "None"),
    ({"currency": 840}, "currency", "use an ISO 4217 code", "840"),
    ({"idempotency_key": ""}, "idempotency_key", "must not be empty", ""),
    ({"idempotency_key": "   "}, "idempotency_key", "must not be empty", ""),
    ({"idempotency_key": "k" * 256}, "idempotency_key", "at most 255 characters", "256 characters"),
    ({"idempotency_key": 17}, "idempotency_key", "must be a text", "int"),
    ({"idempotency_key": None}, "idempotency_key", "must be a text", "NoneType"),
    ({"idempotency_key": "a\nb"}, "idempotency_key", "no control characters", "'a\\nb'"),
    ({"idempotency_key": b"key"}, "idempotency_key", "must be a text", "bytes"),
    ({"payment_method": None}, "payment_method", "use Card, Upi, NetBanking, Wallet, PayLater", "NoneType"),
    ({"payment_method": "tok_visa"}, "payment_method", "use Card, Upi, NetBanking, Wallet, PayLater", "str"),
    ({"payment_method": {"token": "x"}}, "payment_method.type", "use one of card, upi", "None"),
    ({"payment_method": {"type": "cash"}}, "payment_method.type", "use one of card, upi", "'cash'"),
    ({"payment_method": {"type": "card"}}, "payment_method.token", "is missing", ""),
    ({"payment_method": {"type": "upi", "vpa": "nobody"}}, "payment_method.vpa", "use the form name@bank", "'nobody'"),
    ({"customer": {"name": "Pat"}}, "customer.id", "is missing", ""),
    ({"customer": "cust-1"}, "customer", "use Customer or a mapping", "str"),
    ({"customer": {"id": "c", "email": "nope"}}, "customer.email", "use the form name@example.com", ""),
    (
        {"customer": {"id": "c", "billing_address": {"country": "usa"}}},
        "address.country",
        "use an ISO 3166 code of two capitals",
        "'usa'",
    ),
    ({"metadata": [1]}, "metadata", "must be a JSON object", "list"),
    ({"metadata": {"at": object()}}, "metadata.at", "is not a JSON value", "object"),
    ({"metadata": {"n": math.nan}}, "metadata.n", "must be a finite number", "nan"),
    ({"metadata": {1: "x"}}, "metadata", "keys must be texts", "int"),
    ({"metadata": {"note": "x" * 5_000}}, "metadata.note", "is longer than 4096 characters", "5000 characters"),
    ({"metadata": {"n": 2**64}}, "metadata.n", "is larger than 64 bits", ""),
    ({"metadata": deep(9)}, "metadata" + ".down" * 8, "is nested deeper than 8 levels", ""),
    ({"metadata": Cyclic()}, "metadata" + ".self" * 8, "is nested deeper than 8 levels", ""),
    ({"merchant": ""}, "merchant", "use 1 to 64 of letters, digits", "''"),
    ({"merchant": "a b"}, "merchant", "use 1 to 64 of letters, digits", "'a b'"),
    ({"gateway": "Alpha!"}, "gateway", "use 1 to 64 of a-z, 0-9", "'Alpha!'"),
    ({"retry_of": 7}, "retry_of", "must be a text", "int"),
]


@pytest.mark.parametrize(("changes", "field", "advice", "shown"), CASES, ids=lambda value: repr(value)[:40])
@virtual
async def test_a_wrong_field_is_named_with_its_value_and_what_would_be_right(changes, field, advice, shown):
    world = World()
    async with world.engine() as aegis:
        for call in (aegis.create_payment, aegis.pay):
            with pytest.raises(ValidationError) as caught:
                await call(**order(**changes))
            (error,) = caught.value.errors
            assert error.field == field
            assert advice in error.message
            assert shown in str(error)
            assert field in str(caught.value)
            assert "same idempotency key" in caught.value.hint
        assert (await aegis.list_payments()).payments == ()
    assert world["alpha"].calls == 0


@virtual
async def test_metadata_with_too_many_values_is_refused_and_not_cut():
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(ValidationError, match=r"metadata.*1.?000"):
            await aegis.create_payment(**order(metadata={str(n): n for n in range(1_001)}))
        kept = await aegis.create_payment(**order(metadata={str(n): n for n in range(999)}))
        assert len(kept.metadata) == 999


@virtual
async def test_every_problem_is_reported_at_once():
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(ValidationError) as caught:
            await aegis.pay(**order("", amount="x", merchant="!", customer={"id": ""}))
    assert [error.field for error in caught.value.errors] == ["idempotency_key", "amount", "customer.id", "merchant"]


@virtual
async def test_a_corrected_request_may_use_the_key_of_a_refused_one():
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(ValidationError):
            await aegis.pay(**order(amount="-1"))
        assert (await aegis.pay(**order())).captured_minor == 10_000


@virtual
async def test_an_unknown_or_missing_keyword_is_named():
    world = World()
    async with world.engine() as aegis:
        pay: Any = aegis.pay
        with pytest.raises(ValidationError, match="ammount"):
            await pay(**order(), ammount="1")
        with pytest.raises(ValidationError, match="payment_method"):
            await pay(idempotency_key="k", amount="1", currency="USD")
        with pytest.raises(TypeError, match="positional"):
            await pay("order-1")


@virtual
async def test_a_gateway_that_is_not_registered_is_named_with_those_that_are():
    world = World("alpha", "beta")
    async with world.engine() as aegis:
        for call in (aegis.create_payment, aegis.pay):
            with pytest.raises(UnknownGatewayError, match=r"gateway: 'gamma' is not registered.*alpha, beta") as caught:
                await call(**order(gateway="gamma"))
            assert "Register the gateway" in caught.value.hint
        assert (await aegis.list_payments()).payments == ()


@virtual
async def test_without_a_gateway_payments_can_be_created_but_not_processed():
    world = World()
    world.gateways.clear()
    async with world.engine() as aegis:
        created = await aegis.create_payment(**order())
        for call in (aegis.process_payment(created.id), aegis.pay(**order("order-2"))):
            with pytest.raises(NoGatewayError, match="no gateway is registered") as caught:
                await call
            assert "register_gateway" in caught.value.hint
        await aegis.register_gateway(SimulatedGateway("late", clock=world.clock))
        assert (await aegis.process_payment(created.id)).gateway == "late"


@pytest.mark.parametrize("payment_id", ["", "pay_", "pay_" + "0" * 26, "../etc", "x" * 10_000, "\ud800", "a\x00b"])
@virtual
async def test_an_id_of_no_payment_is_answered_shortly(payment_id):
    world = World()
    async with world.engine() as aegis:
        for call in (aegis.get_payment, aegis.process_payment, aegis.payment_events):
            with pytest.raises(PaymentNotFoundError) as caught:
                await call(payment_id)
            assert len(str(caught.value)) < 200


@pytest.mark.parametrize("payment_id", ["", "pay_" + "0" * 26, "\ud800", "a\x00b", PAN])
def test_an_id_of_no_payment_is_answered_the_same_by_sqlite(payment_id, tmp_path):
    async def run():
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            for call in (aegis.get_payment, aegis.process_payment, aegis.payment_events):
                with pytest.raises(PaymentNotFoundError):
                    await call(payment_id)
            with pytest.raises((PaymentNotFoundError, RequestError)):
                await aegis.get_payment_by_idempotency_key(payment_id)
            assert (await aegis.pay(**order())).captured_minor == 10_000

    asyncio.run(run())


def test_what_is_no_store_and_no_path_is_named():
    with pytest.raises((TypeError, ValidationError), match=r"database"):
        AegisPay(17)
