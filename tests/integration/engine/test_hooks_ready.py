"""The hooks that come with AegisPay, and hooks from data, in a running engine."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import BlockingAegisPay, Money, SimulatedGateway
from aegispay.errors import UnknownHookError
from aegispay.hooks.data import hooks_from_data
from aegispay.hooks.geography import Geography
from aegispay.hooks.high_value import HighValue
from aegispay.hooks.metadata_rule import MetadataRule
from aegispay.hooks.velocity import Velocity
from aegispay.hooks.verdicts import Allow, Enrich
from aegispay.storage.verify import verify
from tests.integration.engine.rig import World, elapse, order, virtual

AMERICAN = {"id": "c-us", "billing_address": {"country": "US"}}
KOREAN = {"id": "c-kp", "billing_address": {"country": "KP"}}


def engine_with(world, *hooks, **config):
    engine = world.engine(**config)
    for hook in hooks:
        engine.hooks.register(hook)
    return engine


async def paid(aegis, number, **changes):
    return (await aegis.pay(**order(f"order-{number}", **changes))).state.value


@virtual
async def test_a_high_value_is_blocked_in_its_own_currency_and_unknown_currencies_are_reviewed():
    world = World("alpha")
    hook = HighValue(Money.of("10000", "USD")).hook(on_failure="closed")
    async with engine_with(world, hook) as aegis:
        assert await paid(aegis, 1, amount="10000.00") == "success"
        blocked = await aegis.pay(**order("order-2", amount="10000.01"))
        assert blocked.failure.message == "high_value: 10000.01 USD is more than 10000.00 USD"
        assert blocked.risk_score == 0.9
        assert (await aegis.pay(**order("order-3", currency="EUR"))).is_parked


@virtual
async def test_payers_from_a_blocked_country_are_not_charged():
    world = World()
    hook = Geography(blocked=["KP", "IR"]).hook(on_failure="closed")
    async with engine_with(world, hook) as aegis:
        assert await paid(aegis, 1, customer=AMERICAN) == "success"
        assert await paid(aegis, 2) == "success"
        blocked = await aegis.pay(**order("order-3", customer=KOREAN))
        assert blocked.failure.message == "geography: payers from KP are not served"


@virtual
async def test_where_countries_are_listed_all_others_are_refused_and_so_are_unknown_ones_if_so_declared():
    hook = Geography(allowed=["US"], unknown="block").hook(on_failure="closed")
    async with engine_with(World(), hook) as aegis:
        assert await paid(aegis, 1, customer=AMERICAN) == "success"
        assert await paid(aegis, 2, customer=KOREAN) == "failure"
        assert await paid(aegis, 3) == "failure"


@virtual
async def test_metadata_decides_and_a_known_customer_passes_by_the_other_checks():
    vip = MetadataRule("customer.tier", values=["vip"], then=Allow(is_final=True))
    hooks = (
        vip.hook(name="vip", priority=10, on_failure="open"),
        HighValue(Money.of("10", "USD")).hook(on_failure="closed"),
    )
    async with engine_with(World(), *hooks) as aegis:
        assert await paid(aegis, 1, metadata={"customer": {"tier": "vip"}}) == "success"
        assert await paid(aegis, 2, metadata={"customer": {"tier": "new"}}) == "failure"
        assert await paid(aegis, 3, metadata={"customer": "vip"}) == "failure"


# --- velocity ---------------------------------------------------------------------------------------


@virtual
async def test_one_customer_may_pay_so_often_in_an_hour_and_again_after_it():
    world = World()
    async with engine_with(world, Velocity(per_instrument=None).hook(on_failure="closed")) as aegis:
        states = [await paid(aegis, number, customer={"id": "c"}) for number in range(6)]
        assert states == ["success"] * 5 + ["failure"]
        assert await paid(aegis, 6, customer={"id": "other"}) == "success"
        assert await paid(aegis, 7, customer={"id": "c"}, merchant="another") == "success"
        await elapse(3_601)
        assert await paid(aegis, 8, customer={"id": "c"}) == "success"


@pytest.mark.parametrize("loop_seed", [1, 2, 3])
@virtual
async def test_many_payments_at_once_do_not_slip_through_together(loop_seed):
    world = World()
    async with engine_with(world, Velocity(per_customer=None).hook(on_failure="closed")) as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(40)))
        states = sorted(payment.state.value for payment in payments)
        assert states == ["failure"] * 30 + ["success"] * 10
        blocked = next(payment for payment in payments if payment.failure)
        assert blocked.failure.message == "velocity: at most 10 payments per instrument within 3600 s"
        assert aegis.hooks.list()[0].refused == 30
    assert len(world.charges()) == 10


@virtual
async def test_counts_survive_a_restart():
    world = World()
    hook = Velocity(per_customer=None, per_instrument=2).hook(on_failure="closed")
    async with engine_with(world, hook) as aegis:
        assert [await paid(aegis, number) for number in range(2)] == ["success", "success"]
    async with engine_with(world, hook) as aegis:
        assert await paid(aegis, 2) == "failure"


@virtual
async def test_addresses_are_counted_by_the_metadata_key_that_was_named_and_do_not_lie_in_the_store():
    world = World()
    hook = Velocity(address_key="ip", per_customer=None, per_instrument=None).hook(on_failure="closed")
    async with engine_with(world, hook) as aegis:
        states = [await paid(aegis, number, metadata={"ip": "203.0.113.9"}) for number in range(4)]
        assert states == ["success"] * 3 + ["failure"]
        assert await paid(aegis, 5, metadata={"ip": "203.0.113.10"}) == "success"
        assert await paid(aegis, 6) == "success"
    assert "203.0.113" not in repr(vars(world.store._marks))


@virtual
async def test_a_repeated_payment_counts_once():
    world = World()
    hook = Velocity(per_customer=None, per_instrument=1).hook(on_failure="closed")
    async with engine_with(world, hook) as aegis:
        assert [await paid(aegis, 1) for _ in range(5)] == ["success"] * 5
        assert await paid(aegis, 2) == "failure"


def test_verdicts_and_counts_lie_in_sqlite_and_the_blocking_face_has_hooks_too(tmp_path):
    path = tmp_path / "payments.db"
    hooks = (
        Velocity(per_customer=None, per_instrument=1).hook(on_failure="closed"),
        HighValue(Money.of("500", "USD"), then="review").hook(on_failure="closed"),
    )
    with BlockingAegisPay(path, gateways=[SimulatedGateway("alpha")], hooks=hooks) as aegis:
        aegis.hooks.enrichment(name="crm", is_quick=True)(lambda context: Enrich({"tier": "gold"}))
        assert aegis.pay(**order("one")).metadata == {"tier": "gold"}
        assert aegis.pay(**order("two")).failure.reason == "risk_refused"
        waiting = aegis.pay(**order("three", token="tok_other", amount="501.00"))
        assert waiting.is_parked
    with BlockingAegisPay(path, gateways=[SimulatedGateway("alpha")], hooks=hooks) as aegis:
        assert aegis.pay(**order("four")).failure.reason == "risk_refused"
        aegis.review_payment(waiting.id, "accept", operator="ann", reason="known")
        assert aegis.process_payment(waiting.id).state == "success"
        assert aegis.get_payment_by_idempotency_key("one").metadata == {"tier": "gold"}
        with pytest.raises(UnknownHookError):
            aegis.validate("nobody", 1)
    assert verify(path).problems == ()


# --- from data --------------------------------------------------------------------------------------


@virtual
async def test_a_rule_as_data_blocks_what_is_above_the_amount():
    hooks = hooks_from_data(
        [
            {
                "name": "large",
                "kind": "fraud_check",
                "when": {"field": "amount", "operator": "greater_than", "value": "10000", "currency": "USD"},
                "then": {"block": "too large"},
            }
        ]
    )
    async with engine_with(World(), *hooks) as aegis:
        assert await paid(aegis, 1, amount="10000.00") == "success"
        blocked = await aegis.pay(**order("order-2", amount="15000"))
        assert blocked.failure.message == "large: too large"


@virtual
async def test_a_rule_as_data_routes_by_country():
    hooks = hooks_from_data(
        [
            {
                "name": "home",
                "kind": "routing_strategy",
                "when": {"field": "country", "operator": "equals", "value": "US"},
                "then": {"prefer": ["beta"]},
            }
        ]
    )
    world = World("alpha", "beta")
    async with engine_with(world, *hooks) as aegis:
        assert (await aegis.pay(**order("a", customer=AMERICAN))).gateway == "beta"
        assert (await aegis.pay(**order("b", customer=KOREAN))).gateway == "alpha"


@virtual
async def test_a_rule_as_data_sees_what_hooks_added_to_the_metadata():
    hooks = hooks_from_data(
        [
            {
                "name": "new-customers",
                "kind": "fraud_check",
                "when": {"field": "metadata.tier", "operator": "equals", "value": "new"},
                "then": {"review": {"reason": "a new customer", "score": 0.5}},
            }
        ]
    )
    engine = engine_with(World(), *hooks)
    engine.hooks.enrichment(name="crm", is_quick=True)(lambda context: Enrich({"tier": "new"}))
    async with engine as aegis:
        payment = await aegis.pay(**order("a"))
        assert (payment.is_parked, payment.risk_score) == (True, 0.5)
        aegis.hooks.disable("crm")
        assert (await aegis.pay(**order("b"))).state == "success"
