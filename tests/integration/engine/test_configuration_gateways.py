"""A gateway that the settings name and that nobody has registered is logged, on opening and when settings change."""

from __future__ import annotations

import logging

from tests.integration.engine.rig import World, virtual

SAID = {"operator": "ann", "reason": "fewer calls"}
ALFA = {"alfa": {"rate_per_s": 5}}
WARNING = "limits.alfa: no gateway is called alfa; did you mean alpha?"


def warnings(caplog):
    return [each.getMessage() for each in caplog.records if each.getMessage().startswith("event='unknown_gateway'")]


@virtual
async def test_opening_warns_of_a_gateway_that_nobody_has_registered(caplog):
    async with World("alpha", "beta").engine(limits=ALFA):
        pass

    assert [(each.levelno, WARNING in each.getMessage()) for each in caplog.records] == [(logging.WARNING, True)]


@virtual
async def test_opening_with_names_that_are_registered_says_nothing(caplog):
    async with World("alpha", "beta").engine(limits={"alpha": {"rate_per_s": 5}}):
        pass

    assert warnings(caplog) == []


@virtual
async def test_an_engine_without_gateways_says_nothing_because_they_come_later(caplog):
    world = World("alpha")
    gateways, world.gateways = world.gateways, []
    async with world.engine(limits=ALFA) as aegis:
        await aegis.register_gateway(gateways[0])

    assert warnings(caplog) == []


@virtual
async def test_a_change_is_taken_and_warned_of_and_holds_for_a_gateway_registered_later(caplog):
    world = World("alpha", "alfa")
    late = world.gateways.pop()
    async with world.engine() as aegis:
        changed = await aegis.configure(limits=ALFA, **SAID)
        told = warnings(caplog)
        await aegis.register_gateway(late)
        await aegis.configure(limits=ALFA, **SAID)

    assert (changed.revision, changed.config.limits["alfa"].rate_per_s) == (2, 5.0)
    assert [WARNING in each for each in told] == [True]
    assert warnings(caplog) == told


@virtual
async def test_a_change_is_warned_of_what_it_names_itself_only(caplog):
    async with World("alpha", "beta").engine(limits=ALFA) as aegis:
        caplog.clear()
        await aegis.configure(routing="round_robin", **SAID)

    assert warnings(caplog) == []


@virtual
async def test_of_many_unknown_names_the_first_twenty_are_logged(caplog):
    async with World("alpha").engine(limits={f"x{number}": {} for number in range(30)}):
        pass

    assert len(warnings(caplog)) == 20
