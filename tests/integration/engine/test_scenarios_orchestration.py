"""Stories of docs/scenarios.md that need several parts at once: a breaker's whole life, a log that others write to."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import BreakerPolicy, MemoryStore, PaymentState, Reason, VersionConflictError
from aegispay.domain.breaker import BreakerState
from aegispay.errors import PaymentParkedError
from aegispay.hooks.data import hooks_from_data
from tests.integration.engine.rig import World, elapse, order, virtual

CLOSED, OPEN, HALF_OPEN = BreakerState
IMPATIENT = BreakerPolicy(failures_max=3, open_s=5.0)
GREEN = {"answers_to_probe": 0}
"""As with gateways whose health check says yes all through an outage: only time ends a pause."""


@virtual
async def test_a_breakers_whole_life_and_what_health_shows_of_it():
    world, seen = World("alpha", latency_s=0.0), []
    async with world.engine(breaker=IMPATIENT, health_checks=GREEN) as aegis:

        async def pay(key):
            payment = await aegis.pay(**order(key))
            metrics = await aegis.gateway_metrics("alpha")
            seen.append((key, payment.state.value, metrics.breaker, round(metrics.health, 2)))
            return payment

        await pay("good")
        world["alpha"].is_up = False
        for number in range(1, 4):
            await pay(f"fault-{number}")
        world["alpha"].is_up = True
        blocked = await pay("blocked")
        await elapse(5.1)
        await pay("probe-1")
        await pay("probe-2")
        await elapse(301)
        assert (await aegis.gateway_metrics("alpha")).health == 1.0
    assert seen == [
        ("good", "success", CLOSED, 1.0),
        ("fault-1", "failure", CLOSED, 0.65),
        ("fault-2", "failure", CLOSED, 0.53),
        ("fault-3", "failure", OPEN, 0.0),
        ("blocked", "failure", OPEN, 0.0),
        ("probe-1", "success", HALF_OPEN, 0.29),
        ("probe-2", "success", CLOSED, 0.65),
    ]
    assert (blocked.attempts, blocked.failure.reason) == ((), Reason.NO_ELIGIBLE_GATEWAY)


# --- versions -------------------------------------------------------------------------------------------


@virtual
async def test_three_changes_of_one_payment_at_once_are_made_one_after_the_other():
    world = World("alpha")
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        refunds = [
            aegis.refund_payment(payment.id, idempotency_key=f"r{number}", amount="10.00") for number in range(3)
        ]
        await asyncio.gather(*refunds)
        events = await aegis.payment_events(payment.id)
        assert [stored.version for stored in events] == list(range(1, payment.version + 3 * 3 + 1))
        assert (await aegis.get_payment(payment.id)).refunded_minor == 3_000


class Contested(MemoryStore):
    """Whoever writes to one payment finds that somebody else was faster, as often as this says."""

    def __init__(self, conflicts, **given):
        super().__init__(**given)
        self.conflicts = conflicts

    async def append(self, append):
        if append.row.idempotency_key == "contested" and self.conflicts:
            self.conflicts -= 1
            raise VersionConflictError(payment_id=append.payment_id, expected=append.expected_version, actual=9)
        return await super().append(append)


@virtual
async def test_a_writer_that_lost_reads_again_without_a_crash(caplog):
    world = World("alpha")
    store = Contested(1, clock=world.clock)
    async with world.engine(store=store) as aegis:
        assert (await aegis.pay(**order("contested"))).state is PaymentState.SUCCESS
    assert (store.conflicts, "crashed" in caplog.text) == (0, False)
    assert len(world.charges()) == 1


@virtual
async def test_a_payment_whose_every_write_conflicts_is_set_aside_with_an_error_and_never_charged():
    world = World("alpha")
    store = Contested(1_000, clock=world.clock)
    async with world.engine(store=store) as aegis:
        with pytest.raises(PaymentParkedError, match="its actor kept crashing with VersionConflictError"):
            await aegis.pay(**order("contested"))
        assert (await aegis.pay(**order("other"))).state is PaymentState.SUCCESS
    assert store.conflicts > 990
    assert len(world.charges()) == 1


# --- checks as data -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amount": "1.00"}, None),
        ({"amount": "0.99"}, "smallest: too small (amount: at least 1.00)"),
        ({"amount": "5.00", "metadata": {"channel": "web"}}, None),
        ({"amount": "5.00", "metadata": {"channel": "fax"}}, "channels: wrong channel (metadata.channel: not by fax)"),
    ],
)
@virtual
async def test_field_checks_without_code_refuse_with_a_message_for_each_field(changes, said):
    checks = hooks_from_data(
        [
            {
                "name": "smallest",
                "kind": "post_validation",
                "when": {"not": {"field": "amount", "operator": "at_least", "value": "1.00", "currency": "USD"}},
                "then": {"refuse": {"reason": "too small", "fields": {"amount": "at least 1.00"}}},
            },
            {
                "name": "channels",
                "kind": "post_validation",
                "when": {
                    "all": [
                        {"field": "metadata.channel", "operator": "exists"},
                        {"not": {"field": "metadata.channel", "operator": "not_equals", "value": "fax"}},
                    ]
                },
                "then": {"refuse": {"reason": "wrong channel", "fields": {"metadata.channel": "not by fax"}}},
            },
        ]
    )
    engine = World("alpha").engine()
    for hook in checks:
        engine.hooks.register(hook)
    async with engine as aegis:
        payment = await aegis.pay(**order(**changes))
    assert (payment.failure and payment.failure.message) == said
    assert payment.state is (PaymentState.SUCCESS if said is None else PaymentState.FAILURE)
