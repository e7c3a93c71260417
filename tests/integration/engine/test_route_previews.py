"""Where a payment would go: told without sending it there, and the same as where it then goes."""

from __future__ import annotations

import pytest

from aegispay import (
    Fee,
    GatewayContract,
    NoGatewayError,
    RoutingStrategy,
    SimulatedGateway,
    UnknownGatewayError,
    ValidationError,
)
from tests.integration.engine.rig import World, order, virtual


def priced(world, name, *, fixed_minor=0, basis_points=0):
    contract = GatewayContract(fees=(Fee(fixed_minor=fixed_minor, basis_points=basis_points),))
    return SimulatedGateway(name, contract=contract, ledger=world.ledger, clock=world.clock)


def asked(**changes):
    fields = order(**changes)
    del fields["idempotency_key"]
    return fields


def decision_of(events):
    return next(stored.event.decision for stored in events if hasattr(stored.event, "decision"))


@virtual
async def test_a_preview_says_order_reasons_and_prices_and_charges_nobody():
    world = World("alpha")
    flat, share = priced(world, "flat", fixed_minor=200), priced(world, "share", basis_points=290)
    async with world.engine(flat, share, routing=RoutingStrategy.COST_OPTIMISED) as aegis:
        await aegis.disable_gateway("flat", reason="invoice unpaid")
        preview = await aegis.preview_route(**asked())
        assert preview.order == ("share", "alpha")
        assert {price.gateway: price.cost_minor for price in preview.prices} == {
            "alpha": None, "flat": 200, "share": 290}  # fmt: skip
        assert "share by cost optimised" in preview.explain()
        assert "flat dropped (disabled by an operator)" in preview.explain()
        assert (await aegis.list_payments()).payments == ()
    assert world.charges() == []


@virtual
async def test_the_payment_goes_where_its_preview_said_for_the_same_reasons():
    world = World("alpha", "beta", "gamma")
    async with world.engine() as aegis:
        preview = await aegis.preview_route(**order("o-1"))
        payment = await aegis.pay(**order("o-1"))
        assert decision_of(await aegis.payment_events(payment.id)) == preview.decision


@virtual
async def test_previews_use_up_nobodys_turn():
    world = World("alpha", "beta")
    async with world.engine(routing=RoutingStrategy.ROUND_ROBIN) as aegis:
        for _ in range(3):
            assert (await aegis.preview_route(**asked())).order[0] == "alpha"
        assert (await aegis.pay(**order("o-1"))).gateway == "alpha"
        assert (await aegis.preview_route(**asked())).order[0] == "beta"


@virtual
async def test_a_request_may_choose_another_strategy_by_name():
    world = World("alpha")
    cheap = priced(world, "cheap", fixed_minor=1)
    strategies = {"thrifty": {"kind": "cost_optimised"}}
    async with world.engine(cheap, strategies=strategies) as aegis:
        usual = await aegis.pay(**order("usual"))
        named = await aegis.pay(**order("named", strategy="thrifty"))
        plain = await aegis.pay(**order("plain", strategy="cost_optimised"))
        assert [usual.gateway, named.gateway, plain.gateway] == ["alpha", "cheap", "cheap"]
        assert (await aegis.preview_route(**asked(strategy="thrifty"))).order[0] == "cheap"
        decided = decision_of(await aegis.payment_events(named.id))
    assert decided.strategy == "cost_optimised"


@virtual
async def test_a_strategy_that_nobody_knows_is_refused_by_name_and_nothing_is_stored():
    world = World("alpha")
    async with world.engine(strategies={"thrifty": {"kind": "cost_optimised"}}) as aegis:
        for ask in (aegis.create_payment, aegis.pay, aegis.preview_route):
            with pytest.raises(ValidationError, match=r"strategy: use one of thrifty, highest.*'cheapest'"):
                await ask(**order("o-1", strategy="cheapest"))
        assert (await aegis.list_payments()).payments == ()


@virtual
async def test_a_payment_whose_strategy_was_taken_away_goes_on_by_the_engines_own():
    world = World("alpha", "beta")
    async with world.engine(strategies={"mine": {"kind": "cost_optimised"}}) as aegis:
        created = await aegis.create_payment(**order("o-1", strategy="mine"))
    async with world.engine() as aegis:
        payment = await aegis.process_payment(created.id)
        assert decision_of(await aegis.payment_events(payment.id)).strategy == "highest_success_rate"
    assert payment.gateway == "alpha"


@virtual
async def test_a_preview_refuses_what_a_payment_would_refuse():
    world = World("alpha")
    async with world.engine() as aegis:
        with pytest.raises(ValidationError, match="amount"):
            await aegis.preview_route(**asked(amount="1.001"))
        with pytest.raises(ValidationError, match="colour"):
            await aegis.preview_route(**asked(colour="red"))
        with pytest.raises(ValidationError, match="currency: is missing"):
            await aegis.preview_route(amount="1.00", payment_method={"type": "card", "token": "t"})  # type: ignore[call-arg]
        with pytest.raises(UnknownGatewayError, match="'omega'"):
            await aegis.preview_route(**asked(gateway="omega"))
    world.gateways = []
    async with world.engine() as aegis:
        with pytest.raises(NoGatewayError):
            await aegis.preview_route(**asked())
