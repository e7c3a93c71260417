"""Objects that are no gateways, and names taken twice: refused with the reason, and the engine goes on."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from aegispay import DuplicateGatewayError, GatewayContract, SimulatedGateway, ValidationError
from tests.integration.engine.rig import Adapter, World, order, virtual


class Unnamed(Adapter):
    def __init__(self, name):
        super().__init__(name=name)


@pytest.mark.parametrize(
    ("gateway", "advice"),
    [
        (object(), "is not a Gateway: it has no name, contract, charge, fetch_payment, health_check"),
        ("stripe", "is not a Gateway: it has no name, contract, charge"),
        (None, "is not a Gateway"),
        (SimulatedGateway, "pass an instance"),
        (Unnamed(""), "use 1 to 64 of a-z"),
        (Unnamed("Alpha"), "use 1 to 64 of a-z"),
        (Unnamed("a" * 65), "use 1 to 64 of a-z"),
        (Unnamed(7), "use 1 to 64 of a-z"),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0][:40],
)
@virtual
async def test_what_is_no_gateway_is_refused_on_opening_and_on_registering(gateway, advice):
    world = World()
    with pytest.raises(ValidationError) as caught:
        await world.engine(gateway).open()
    assert advice in str(caught.value)
    async with world.engine() as aegis:
        with pytest.raises(ValidationError) as caught:
            await aegis.register_gateway(gateway)
        assert advice in str(caught.value)
        assert (await aegis.pay(**order())).gateway == "alpha"


@virtual
async def test_a_contract_that_is_none_is_refused():
    world = World()
    odd: Any = Adapter()
    odd.contract = {"timeout_s": 3}
    async with world.engine() as aegis:
        with pytest.raises(ValidationError, match=r"gateway.contract: must be a GatewayContract"):
            await aegis.register_gateway(odd)


@virtual
async def test_a_second_gateway_of_one_name_is_refused_also_when_both_register_at_once():
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(DuplicateGatewayError, match="'alpha'") as caught:
            await aegis.register_gateway(SimulatedGateway("alpha"))
        assert "its own name" in caught.value.hint
        both = (aegis.register_gateway(SimulatedGateway("beta")) for _ in range(2))
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert [type(answer) for answer in answers] == [type(None), DuplicateGatewayError]


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout_s": 0.0},
        {"timeout_s": math.nan},
        {"concurrency_max": 0},
        {"visibility_delay_s": -5.0},
        {"visibility_delay_s": math.nan},
        {"idempotency_window_s": -1.0},
        {"idempotency_window_s": math.nan},
        {"authorization_validity_s": -1.0},
        {"currencies": frozenset({"usd"})},
        {"currencies": "USD"},
    ],
    ids=repr,
)
def test_a_contract_that_makes_no_sense_is_refused_by_name(settings):
    with pytest.raises(ValidationError, match=next(iter(settings))):
        GatewayContract(**settings)
