"""C11: settings change while payments are under way, and each of them keeps those it started with."""

from __future__ import annotations

import pytest

from aegispay import Declined, DeclineKind, Reason
from aegispay.actors.charging import routing_request
from aegispay.domain.events import AttemptStarted
from aegispay.domain.routing import replay
from aegispay.settings import Settings
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

SAID = {"operator": "ann", "reason": "another way"}
SOFT = Declined(kind=DeclineKind.SOFT, reason=Reason.ISSUER_UNAVAILABLE, code="91", message="try elsewhere")


def in_order(*gateways):
    return {"kind": "rule_based", "rules": [{"name": f"first {gateways[0]}", "gateways": list(gateways)}]}


OLD, NEW = in_order("alpha", "beta", "gamma"), in_order("gamma", "beta", "alpha")


class Declining(Adapter):
    """Declines softly, after the settings were changed while it was asked."""

    def __init__(self, name, **changes):
        super().__init__(self._decline, name=name)
        self._changes = changes
        self.engine = None

    async def _decline(self, _request):
        if self.engine is not None:
            await self.engine.configure(**self._changes, **SAID)
        return SOFT


async def pay_while_changing(world, *, host=None, **changes):
    """Pay with an engine whose first gateway declines while the settings change; return the payment."""
    alpha = Declining("alpha", **changes)
    async with world.engine(alpha, **(host or {"routing": OLD})) as aegis:
        alpha.engine = aegis
        return await aegis.pay(**order())


@virtual
async def test_c11_later_attempts_are_routed_by_the_settings_of_the_first_one():
    payment = await pay_while_changing(World("gamma", "beta"), routing=NEW)

    assert [(each.gateway, each.configuration) for each in payment.attempts] == [("alpha", 1), ("beta", 1)]


@virtual
async def test_c11_control_without_the_protection_the_second_attempt_goes_another_way(monkeypatch):
    monkeypatch.setattr(Settings, "of", lambda self, _payment: self.current)

    payment = await pay_while_changing(World("gamma", "beta"), routing=NEW)

    assert [each.gateway for each in payment.attempts] == ["alpha", "gamma"]


@pytest.mark.parametrize(("started_with", "changed_to", "attempts"), [(1, 3, 1), (2, 1, 2)])
@virtual
async def test_c11_attempts_are_counted_by_the_settings_of_the_first_one(started_with, changed_to, attempts):
    host = {"routing": OLD, "retry": {"attempts_max": started_with}}

    payment = await pay_while_changing(World("gamma", "beta"), host=host, retry={"attempts_max": changed_to})

    assert len(payment.attempts) == attempts


@virtual
async def test_c11_the_next_payment_goes_by_the_new_settings():
    world = World("gamma", "beta")
    await pay_while_changing(world, routing=NEW)

    async with world.engine(Adapter(SOFT, name="alpha"), routing=OLD) as aegis:
        payment = await aegis.pay(**order("next"))

    assert [(each.gateway, each.configuration) for each in payment.attempts] == [("gamma", 2)]


@virtual
async def test_c11_a_payment_that_had_not_started_starts_with_the_new_settings():
    async with World("alpha", "gamma").engine(routing=OLD) as aegis:
        payment = await aegis.create_payment(**order())
        await aegis.configure(routing=NEW, **SAID)
        payment = await aegis.process_payment(payment.id)

    assert [(each.gateway, each.configuration) for each in payment.attempts] == [("gamma", 2)]


@pytest.mark.parametrize("passes_others", [False, True], ids=["changed at run time", "passed by the next program"])
@virtual
async def test_c11_settings_are_kept_across_a_restart(passes_others):
    world = World("gamma", "beta")
    lost = Adapter(ConnectionResetError("nobody knows"), name="alpha")
    async with world.engine(lost, routing=OLD, retry={"attempts_max": 2}) as aegis:
        payment = await aegis.pay(**order())
        assert payment.in_doubt
        if not passes_others:
            await aegis.configure(routing=NEW, retry={"attempts_max": 1}, **SAID)

    host = {"routing": NEW, "retry": {"attempts_max": 1}} if passes_others else {
        "routing": OLD, "retry": {"attempts_max": 2},
    }  # fmt: skip
    async with world.engine(Adapter(SOFT, lookup=SOFT, name="alpha"), **host) as aegis:
        await elapse(60)
        payment = await aegis.get_payment(payment.id)
        now = await aegis.configuration()

    assert now.revision == 2
    assert [(each.gateway, each.configuration) for each in payment.attempts] == [("alpha", 1), ("beta", 1)]
    assert payment.state == "success"


@virtual
async def test_c11_the_record_of_each_attempt_replays_to_the_same_choice_with_the_settings_it_names():
    world = World("gamma", "beta")
    payment = await pay_while_changing(world, routing=NEW)
    started = [each.event for each in await world.store.load(payment.id) if isinstance(each.event, AttemptStarted)]

    async with world.engine(Adapter(SOFT, name="alpha"), routing=OLD) as aegis:
        revisions = {each.revision: each.config for each in await aegis.configuration_history()}

    assert len(started) == 2
    for event, excluded in zip(started, (frozenset(), frozenset({"alpha"})), strict=True):
        request = routing_request(payment.request, at=event.at, excluded=excluded)
        assert replay(event.decision, request, strategy=revisions[event.configuration].routing) == event.decision


@virtual
async def test_c11_a_payment_from_before_revisions_goes_by_todays_settings():
    world = World("gamma", "beta")
    async with world.engine(Adapter(SOFT, name="alpha"), routing=OLD) as aegis:
        payment = await aegis.pay(**order(token="tok_visa"))
        settings = aegis._assembly.settings
        assert settings.at(0) is settings.current
        assert settings.at(99) is settings.current

    assert payment.state == "success"
