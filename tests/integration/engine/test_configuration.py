"""Settings that change while the engine runs: all or none, written first, and known again after a restart."""

from __future__ import annotations

import asyncio
import json

import pytest

from aegispay import AegisPay, BlockingAegisPay, CardDataError, MemoryStore, SimulatedGateway, ValidationError
from aegispay.errors import (
    CommitUnknownError,
    ConfigurationConflictError,
    ConfigurationError,
    EngineClosedError,
    StoreUnavailableError,
)
from aegispay.gateways.ledger import MemoryLedger
from tests.integration.engine.rig import World, order, virtual

SAID = {"operator": "ann", "reason": "alpha is slow"}


def first(*gateways):
    """Return a strategy that tries these gateways in this order."""
    return {"kind": "rule_based", "rules": [{"name": f"first {gateways[0]}", "gateways": list(gateways)}]}


class Flaky(MemoryStore):
    """A store that keeps the next revision of the settings, or not, and raises all the same."""

    keeps = True
    raises = None
    is_unreadable = False

    async def save_configuration(self, record):
        error, self.raises = self.raises, None
        saved = await super().save_configuration(record) if error is None or self.keeps else False
        if error is not None:
            raise error
        return saved

    async def load_configuration(self, revision=None):
        if self.is_unreadable:
            raise StoreUnavailableError("it cannot be read")
        return await super().load_configuration(revision)


def flaky(*gateways):
    world = World(*gateways)
    world.store = Flaky(clock=world.clock)
    return world


@virtual
async def test_the_first_settings_are_revision_1_of_the_host():
    async with World().engine(shutdown_s=7) as aegis:
        now = await aegis.configuration()

    assert (now.revision, now.operator, now.config.shutdown_s) == (1, "host", 7.0)
    assert json.loads(now.data)["shutdown_s"] == 7.0


@virtual
async def test_the_next_payment_goes_by_the_new_routing():
    async with World("alpha", "beta").engine(routing=first("alpha")) as aegis:
        before = await aegis.pay(**order("before"))
        changed = await aegis.configure(routing=first("beta"), **SAID)
        after = await aegis.pay(**order("after"))

    assert (before.gateway, after.gateway) == ("alpha", "beta")
    assert [payment.attempts[0].configuration for payment in (before, after)] == [1, 2]
    assert (changed.revision, changed.operator, changed.reason) == (2, "ann", "alpha is slow")


@virtual
async def test_a_preview_goes_by_what_is_in_force():
    async with World("alpha", "beta").engine(routing=first("alpha")) as aegis:
        await aegis.configure(routing=first("beta"), **SAID)
        fields = {name: value for name, value in order().items() if name != "idempotency_key"}
        preview = await aegis.preview_route(**fields)

    assert preview.decision.order[0] == "beta"


@virtual
async def test_a_strategy_that_was_added_can_be_chosen_by_name():
    async with World("alpha", "beta").engine(routing=first("alpha")) as aegis:
        with pytest.raises(ValidationError, match="strategy: use one of"):
            await aegis.pay(**order("early", strategy="other_way"))
        await aegis.configure(strategies={"other_way": first("beta")}, **SAID)
        payment = await aegis.pay(**order("late", strategy="other_way"))

    assert payment.gateway == "beta"


@virtual
async def test_breaker_and_limits_are_told_to_the_gateways():
    world = World("alpha", "beta")
    async with world.engine(routing=first("alpha", "beta")) as aegis:
        await aegis.configure(breaker={"failures_max": 1}, limits={"alpha": {"concurrency_max": 3}}, **SAID)
        await aegis.pay(**order(token="tok_refuse_connection"))
        alpha = await aegis.gateway_metrics("alpha")

    assert alpha.breaker == "open"


@virtual
async def test_a_gateway_that_is_registered_later_goes_by_what_is_in_force():
    world = World("alpha")
    async with world.engine(routing=first("beta")) as aegis:
        await aegis.configure(breaker={"failures_max": 1}, **SAID)
        await aegis.register_gateway(SimulatedGateway("beta", ledger=world.ledger, clock=world.clock))
        await aegis.pay(**order(token="tok_refuse_connection"))
        beta = await aegis.gateway_metrics("beta")

    assert beta.breaker == "open"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"routng": "x"}, "routng: is not known; did you mean routing?"),
        ({"shutdown_s": 3}, "shutdown_s: needs a restart"),
        ({"retry": {"attempts_max": 0}}, "retry.attempts_max: use a whole number"),
        ({"limits": {"alpha": {"rate_per_s": 0}}}, "limits.alpha.rate_per_s"),
        ({"routing": "round_robin", "breaker": {"open_s": -1}}, "breaker.open_s"),
        ({"routing": first("beta"), "strategies": {"x": "nothing"}}, "strategies.x"),
    ],
    ids=lambda given: repr(given)[:30],
)
@virtual
async def test_what_makes_no_sense_changes_nothing(changes, message):
    async with World("alpha", "beta").engine(routing=first("alpha")) as aegis:
        before = await aegis.configuration()
        with pytest.raises(ConfigurationError) as raised:
            await aegis.configure(**changes, **SAID)
        after = await aegis.configuration()
        payment = await aegis.pay(**order())

    assert message in str(raised.value)
    assert after == before
    assert payment.gateway == "alpha"


@pytest.mark.parametrize(
    "said", [{"operator": "", "reason": "r"}, {"operator": "a", "reason": " "}, {"operator": "a" * 101, "reason": "r"}]
)
@virtual
async def test_who_and_why_have_to_be_said(said):
    async with World().engine() as aegis:
        with pytest.raises(ValidationError, match=r"operator|reason"):
            await aegis.configure(routing="round_robin", **said)
        assert (await aegis.configuration()).revision == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"retry": {"rules": [{"gateway": "4111111111111111", "action": "fail"}]}}, CardDataError),
        ({"limits": {"4111111111111111": {"rate_per_s": 1}}}, ConfigurationError),
        ({"retry": {"budget": {"gateways": {"4111111111111111": 0.1}}}}, ConfigurationError),
        ({"strategies": {"4111111111111111": "round_robin"}}, ConfigurationError),
    ],
    ids=["rule", "limit", "budget", "strategy"],
)
@virtual
async def test_a_card_number_is_never_kept(changes, error):
    async with World().engine() as aegis:
        with pytest.raises(error) as raised:
            await aegis.configure(**changes, **SAID)
        history = await aegis.configuration_history()

    assert "4111111111111111" not in str(raised.value)
    assert [each.revision for each in history] == [1]


@virtual
async def test_the_same_again_is_no_new_revision():
    async with World().engine() as aegis:
        await aegis.configure(routing="round_robin", **SAID)
        again = await aegis.configure(routing="round_robin", operator="bob", reason="again")

    assert (again.revision, again.operator) == (2, "ann")


@virtual
async def test_a_change_for_another_revision_is_refused():
    async with World().engine() as aegis:
        await aegis.configure(routing="round_robin", expected_revision=1, **SAID)
        with pytest.raises(ConfigurationConflictError) as raised:
            await aegis.configure(routing="lowest_latency", expected_revision=1, **SAID)
        now = await aegis.configuration()

    assert (raised.value.expected, raised.value.actual) == (1, 2)
    assert now.config.routing.kind == "round_robin"


@virtual
async def test_of_changes_at_once_the_last_wins_and_each_is_kept():
    async with World().engine() as aegis:
        names = ["round_robin", "lowest_latency", "cost_optimised"]
        made = await asyncio.gather(*(aegis.configure(routing=name, **SAID) for name in names))
        now = await aegis.configuration()
        history = await aegis.configuration_history()

    assert [each.revision for each in made] == [2, 3, 4]
    assert now == made[-1]
    assert [each.config.routing.kind for each in history] == [*names[::-1], "highest_success_rate"]


@virtual
async def test_the_history_comes_in_pages():
    async with World().engine() as aegis:
        for count in range(2, 6):
            await aegis.configure(retry={"attempts_max": count}, **SAID)
        newest = await aegis.configuration_history(limit=2)
        older = await aegis.configuration_history(before=newest[-1].revision, limit=2)
        with pytest.raises(ValidationError, match="limit"):
            await aegis.configuration_history(limit=0)

    assert [each.revision for each in newest + older] == [5, 4, 3, 2]


@virtual
async def test_what_cannot_be_written_does_not_take_effect():
    world = flaky("alpha", "beta")
    async with world.engine(routing=first("alpha")) as aegis:
        world.store.keeps, world.store.raises = False, StoreUnavailableError("the disk is full")
        with pytest.raises(StoreUnavailableError):
            await aegis.configure(routing=first("beta"), **SAID)
        assert (await aegis.configuration()).revision == 1
        assert (await aegis.pay(**order())).gateway == "alpha"


@virtual
async def test_it_is_written_before_it_takes_effect():
    world = World()
    seen = []

    class Watching(MemoryStore):
        async def save_configuration(self, record):
            saved = await super().save_configuration(record)
            if record.revision == 2:
                seen.append((await aegis.configuration()).config.routing.kind)
            return saved

    world.store = Watching(clock=world.clock)
    async with world.engine() as aegis:
        await aegis.configure(routing="round_robin", **SAID)
        after = (await aegis.configuration()).config.routing.kind

    assert (seen, after) == (["highest_success_rate"], "round_robin")


@virtual
async def test_a_write_of_which_nobody_knows_is_looked_up_and_takes_effect():
    world = flaky("alpha", "beta")
    async with world.engine(routing=first("alpha")) as aegis:
        world.store.raises = CommitUnknownError("nobody knows")
        changed = await aegis.configure(routing=first("beta"), **SAID)

        assert changed.revision == 2
        assert (await aegis.pay(**order())).gateway == "beta"


@virtual
async def test_a_write_that_turns_out_not_to_have_happened_is_an_error():
    world = flaky("alpha", "beta")
    async with world.engine(routing=first("alpha")) as aegis:
        world.store.keeps, world.store.raises = False, CommitUnknownError("nobody knows")
        with pytest.raises(CommitUnknownError):
            await aegis.configure(routing=first("beta"), **SAID)

        assert (await aegis.configuration()).revision == 1
        assert (await aegis.configure(routing=first("beta"), **SAID)).revision == 2


@virtual
async def test_a_write_that_cannot_be_looked_up_is_looked_up_before_the_next_change():
    world = flaky()
    async with world.engine() as aegis:
        world.store.raises, world.store.is_unreadable = CommitUnknownError("nobody knows"), True
        with pytest.raises(StoreUnavailableError):
            await aegis.configure(routing="round_robin", **SAID)
        world.store.is_unreadable = False
        changed = await aegis.configure(retry={"attempts_max": 2}, **SAID)

    assert changed.revision == 3
    assert (changed.config.routing.kind, changed.config.retry.attempts_max) == ("round_robin", 2)


@virtual
async def test_a_caller_that_goes_away_leaves_nothing_half_done():
    async with World().engine() as aegis:
        change = asyncio.ensure_future(aegis.configure(routing="round_robin", **SAID))
        await asyncio.sleep(0)
        change.cancel()
        await asyncio.gather(change, return_exceptions=True)
        last = await aegis.configure(retry={"attempts_max": 2}, **SAID)
        history = await aegis.configuration_history()

    assert last.config.routing.kind == "round_robin"
    assert [each.revision for each in history] == [3, 2, 1]


# --- other ways in ----------------------------------------------------------------------------------


def test_blocking_callers_change_settings_too():
    gateways = [SimulatedGateway("alpha", ledger=MemoryLedger())]
    with BlockingAegisPay(MemoryStore(), gateways=gateways) as aegis:
        changed = aegis.configure(routing="round_robin", expected_revision=1, **SAID)

        assert changed == aegis.configuration() == aegis.configuration_history()[0]


@virtual
async def test_a_closed_engine_has_no_configuration():
    aegis = AegisPay(MemoryStore())

    with pytest.raises(EngineClosedError):
        await aegis.configuration()
    with pytest.raises(EngineClosedError):
        await aegis.configure(routing="round_robin", **SAID)
