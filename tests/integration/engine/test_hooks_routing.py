"""Hooks that prefer gateways."""

from __future__ import annotations

from aegispay import GatewayContract
from aegispay.hooks import Ignore, Prefer
from tests.integration.engine.rig import Adapter, World, approval, order, virtual


def preferring(world, *more, gateways, name="mine", priority=0):
    engine = world.engine(*more)
    engine.hooks.routing_strategy(name=name, priority=priority, is_quick=True)(
        lambda context: Prefer(gateways, "because")
    )
    return engine


async def decision(aegis, payment):
    events = [stored.event for stored in await aegis.payment_events(payment.id)]
    return next(event.decision for event in events if hasattr(event, "decision"))


@virtual
async def test_the_preferred_gateway_is_tried_first_and_the_record_names_the_hook():
    world = World("alpha", "beta", "gamma")
    async with preferring(world, gateways=("gamma", "beta")) as aegis:
        payment = await aegis.pay(**order())
        made = await decision(aegis, payment)
    assert payment.gateway == "gamma"
    assert made.order == ("gamma", "beta", "alpha")
    assert (made.preferred, made.preferred_by) == (("gamma", "beta"), "mine")
    assert "gamma by hook mine" in made.explain()


@virtual
async def test_f8_a_gateway_that_is_not_eligible_is_never_chosen_whatever_a_hook_prefers():
    world = World("alpha")
    euros = GatewayContract(currencies=frozenset({"EUR"}))
    other = Adapter(approval, name="euros", contract=euros, clock=world.clock)
    async with preferring(world, other, gateways=("euros", "nobody", "../../etc")) as aegis:
        payment = await aegis.pay(**order())
    assert (payment.state, payment.gateway) == ("success", "alpha")
    assert other.requests == []


@virtual
async def test_f8_a_hook_cannot_lead_a_payment_away_from_the_gateway_that_the_merchant_forced():
    world = World("alpha", "beta")
    async with preferring(world, gateways=("beta",)) as aegis:
        assert (await aegis.pay(**order(gateway="alpha"))).gateway == "alpha"


@virtual
async def test_a_gateway_that_was_switched_off_is_not_used_because_a_hook_prefers_it():
    world = World("alpha", "beta")
    async with preferring(world, gateways=("beta",)) as aegis:
        await aegis.disable_gateway("beta", reason="maintenance")
        assert (await aegis.pay(**order())).gateway == "alpha"


@virtual
async def test_the_hook_of_highest_priority_that_prefers_something_decides():
    world = World("alpha", "beta", "gamma")
    engine = preferring(world, gateways=("beta",))
    engine.hooks.routing_strategy(name="silent", priority=9, is_quick=True)(lambda context: Ignore())
    engine.hooks.routing_strategy(name="low", priority=-9, is_quick=True)(lambda context: Prefer(("gamma",)))
    async with engine as aegis:
        assert (await aegis.pay(**order())).gateway == "beta"


@virtual
async def test_disabling_a_hook_counts_from_the_next_payment_on():
    world = World("alpha", "beta")
    async with preferring(world, gateways=("beta",)) as aegis:
        assert (await aegis.pay(**order("a"))).gateway == "beta"
        aegis.hooks.disable("mine")
        assert (await aegis.pay(**order("b"))).gateway == "alpha"
        aegis.hooks.enable("mine")
        assert (await aegis.pay(**order("c"))).gateway == "beta"
        assert aegis.hooks.list()[0].called == 2


@virtual
async def test_a_routing_hook_that_hangs_delays_only_its_own_payment_and_only_until_its_deadline():
    world = World("alpha", "beta")
    engine = world.engine()

    @engine.hooks.routing_strategy(deadline_s=2)
    async def hangs(context):
        await world.clock._loop.create_future()

    async with engine as aegis:
        began = world.clock.monotonic()
        assert (await aegis.pay(**order())).state == "success"
        assert 2.0 <= world.clock.monotonic() - began < 3.0
        assert aegis.hooks.list()[0].timed_out == 1
