"""Which settings are in force after a restart: the program's, or what an operator has changed meanwhile."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.engine.rig import World, order, virtual
from tests.integration.engine.test_configuration import SAID, first


@virtual
async def test_what_was_changed_stays_in_force_when_the_host_passes_the_same():
    world = World("alpha", "beta")
    async with world.engine(routing=first("alpha")) as aegis:
        await aegis.configure(routing=first("beta"), breaker={"failures_max": 1}, **SAID)
    async with world.engine(routing=first("alpha")) as aegis:
        now = await aegis.configuration()
        payment = await aegis.pay(**order())
        await aegis.pay(**order("fault", token="tok_refuse_connection"))
        beta = await aegis.gateway_metrics("beta")

    assert (now.revision, now.operator) == (2, "ann")
    assert payment.gateway == "beta"
    assert beta.breaker == "open"


@virtual
async def test_other_settings_of_the_host_win_over_what_was_changed():
    world = World("alpha", "beta")
    async with world.engine(routing=first("alpha")) as aegis:
        await aegis.configure(routing=first("beta"), **SAID)
    async with world.engine(routing="round_robin") as aegis:
        now = await aegis.configuration()
    async with world.engine(routing="round_robin") as aegis:
        again = await aegis.configuration()

    assert (now.revision, now.operator, now.config.routing.kind) == (3, "host", "round_robin")
    assert again == now


@virtual
async def test_settings_that_need_a_restart_are_the_hosts_and_leave_the_others_in_force():
    world = World("alpha", "beta")
    async with world.engine(routing=first("alpha")) as aegis:
        await aegis.configure(routing=first("beta"), **SAID)
    async with world.engine(routing=first("alpha"), shutdown_s=5) as aegis:
        now = await aegis.configuration()
        payment = await aegis.pay(**order())
    async with world.engine(routing=first("alpha"), shutdown_s=5) as aegis:
        again = await aegis.configuration()

    assert (now.revision, now.config.shutdown_s, payment.gateway) == (3, 5.0, "beta")
    assert again.revision == 3


@virtual
async def test_opening_with_the_same_settings_writes_nothing():
    world = World()
    async with world.engine() as aegis:
        first_history = await aegis.configuration_history()
    async with world.engine() as aegis:
        assert await aegis.configuration_history() == first_history


@virtual
async def test_a_revision_that_cannot_be_read_any_more_gives_way_to_the_host():
    world = World()
    async with world.engine() as aegis:
        await aegis.configure(routing="round_robin", **SAID)
    kept = world.store._configurations
    kept[1] = replace(kept[1], data='{"routing": {"kind": "by_the_moon"}}')
    async with world.engine() as aegis:
        now = await aegis.configuration()
        history = await aegis.configuration_history()

    assert (now.revision, now.config.routing.kind) == (3, "highest_success_rate")
    assert [each.config is None for each in history] == [False, True, False]


@virtual
async def test_the_log_says_whose_settings_are_in_force_where_somebody_changed_them(caplog):
    caplog.set_level("INFO", logger="aegispay")
    world = World()
    openings = [{}, {}, {"routing": "lowest_latency"}]
    for number, host in enumerate(openings):
        async with world.engine(**host) as aegis:
            if number == 0:
                await aegis.configure(routing="round_robin", **SAID)

    said = [record.getMessage() for record in caplog.records if "configuration" in record.getMessage()]
    assert [words.split("'")[1] for words in said] == [
        "configuration_changed", "configuration_kept", "configuration_replaced",
    ]  # fmt: skip
