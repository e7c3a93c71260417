"""The scenarios of failure on purpose, each with what it has to come to."""

from __future__ import annotations

import random

import pytest

from aegispay import AegisPay, AegisPayConfig, BreakerPolicy, PaymentState
from aegispay.chaos import (
    ActorCrash,
    ActorKind,
    Chaos,
    ChaosPlan,
    ChaosRefusedError,
    ClockJump,
    Delay,
    Droppable,
    GatewayError,
    GatewayHang,
    GatewayLatency,
    GatewayMalformed,
    GatewayRateLimit,
    GatewayTimeout,
    GatewayUnavailable,
    GatewayWrongAmount,
    GatewayWrongCurrency,
    ListenerFails,
    MessageDelay,
    MessageDrop,
    MessageDuplicate,
    StoreBusy,
    StoreCommitUnknown,
    StoreFails,
    StoreFull,
    StoreSlow,
    When,
    Window,
    disturbed,
    experiment_of,
    run_experiment,
)
from aegispay.domain.breaker import BreakerState
from aegispay.testing.assertions import assert_sound, gather_evidence, judge
from tests.integration.engine.books import settled
from tests.integration.engine.rig import World, elapse, order, virtual

PATIENT = BreakerPolicy(failures_max=100)


def under(world, *faults, seed=7, **config):
    """Return an engine on the world's gateways whose faults are these, as a context."""
    settings = AegisPayConfig(breaker=PATIENT, common_cause_max=10_000, **config)

    def make(chaos):
        return AegisPay(
            world.store,
            gateways=world.gateways,
            clock=world.clock,
            config=settings,
            random_source=random.Random(7),
            chaos=chaos,
        )

    return disturbed(make, ChaosPlan(faults=faults), seed=seed)


def test_a_half_of_time_outs_still_lets_half_of_the_clients_pay_and_charges_nobody_twice():
    report = run_experiment(experiment_of("gateway_timeout").model_copy(update={"payments": 100}), seed=11)
    assert report.passed, str(report)
    assert report.measured.success_rate >= 0.5
    assert report.judgement.of("no_duplicates") == ()


def test_bursts_of_network_errors_leave_every_state_legal_and_most_clients_paid():
    report = run_experiment(experiment_of("intermittent_failures").model_copy(update={"payments": 100}), seed=11)
    assert report.passed, str(report)
    assert report.measured.success_rate >= 0.6
    assert report.judgement.of("states_are_valid") == ()


def test_slowness_alone_opens_no_breaker():
    report = run_experiment(experiment_of("latency_spike").model_copy(update={"payments": 100}), seed=11)
    assert report.passed, str(report)
    assert (report.measured.breaker_openings, report.measured.success_rate) == (0, 1.0)


@virtual
async def test_an_answer_lost_after_the_charge_is_charged_once_however_often_the_client_asks():
    world = World("alpha", "beta")
    async with under(world, GatewayError(when=When.AFTER, times=1)) as run:
        for _ in range(3):
            payment = await run.aegis.pay(**order())
        payment = await settled(run.aegis, payment.id)
    assert payment.state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]
    assert run.report().by_kind == {"gateway_error": 1}
    await assert_sound(world.store, world.ledger, at=world.clock.now())


@virtual
async def test_after_a_crash_with_one_pending_one_at_work_and_one_done_nothing_is_stuck():
    world = World("alpha", latency_s=1.0)
    async with under(world, GatewayHang(when=When.AFTER, times=1), answer_timeout_s=0.5, shutdown_s=0.1) as run:
        pending = await run.aegis.create_payment(**order("pending"))
        for key in ("at-work", "done"):
            with pytest.raises(Exception, match="did not settle"):
                await run.aegis.pay(**order(key))
        await elapse(5)
    before = await gather_evidence(world.store, world.ledger)
    states = {payment.idempotency_key: payment.state for payment in before.payments}
    assert states == {
        "pending": PaymentState.INITIATED, "at-work": PaymentState.PROCESSING, "done": PaymentState.SUCCESS,
    }  # fmt: skip
    async with world.engine() as aegis:
        await aegis.process_payment(pending.id)
        for payment in before.payments:
            assert (await settled(aegis, payment.id)).state is PaymentState.SUCCESS
        after = await gather_evidence(world.store, world.ledger, at=world.clock.now())
    judgement = judge(after, before=before)
    assert judgement.holds, str(judgement)
    assert len(world.charges()) == 3


@virtual
async def test_a_rate_limit_is_no_fault_of_the_gateway_and_moves_the_payment_elsewhere():
    world = World("alpha", "beta")
    async with under(world, GatewayRateLimit(gateway="alpha", retry_after_s=5)) as run:
        for number in range(10):
            assert (await run.aegis.pay(**order(f"order-{number}"))).state is PaymentState.SUCCESS
        metrics = await run.aegis.gateway_metrics("alpha")
    assert metrics.breaker is BreakerState.CLOSED
    assert {gateway for gateway, _ in world.charges()} == {"beta"}


@pytest.mark.parametrize("name", ["service_unavailable", "rate_limited", "cascading_failure", "resource_exhaustion"])
def test_the_other_outages_hold_under_a_second_seed(name):
    report = run_experiment(experiment_of(name).model_copy(update={"payments": 80}), seed=3)
    assert report.passed, str(report)


@pytest.mark.parametrize(
    "fault",
    [GatewayMalformed(times=1), GatewayWrongAmount(times=1), GatewayWrongCurrency(times=1)],
    ids=lambda fault: fault.kind,
)
def test_an_answer_that_cannot_be_right_is_never_a_success_by_itself(fault):
    @virtual
    async def run_it():
        world = World("alpha", "beta")
        async with under(world, fault) as run:
            payment = await run.aegis.pay(**order())
            assert payment.in_doubt
            payment = await settled(run.aegis, payment.id)
        # What settles it is the look-up, which tells the truth.
        assert payment.state is PaymentState.SUCCESS
        assert world.charges() == [("alpha", 10_000)]
        await assert_sound(world.store, world.ledger, at=world.clock.now())

    run_it()


_A_WHILE = Window(start_s=3, duration_s=10)
_SURVIVED = {
    "lost_answers": (GatewayError(when=When.AFTER, rate=0.5),),
    "hangs": (GatewayHang(when=When.AFTER, rate=0.3), GatewayHang(rate=0.3)),
    "late_answers": (GatewayLatency(rate=0.5, delay=Delay(distribution="exponential", longest_s=60)),),
    "unavailable_although_charged": (GatewayUnavailable(when=When.AFTER, rate=0.5),),
    "timeouts_of_both_kinds": (GatewayTimeout(rate=0.3), GatewayTimeout(when=When.AFTER, rate=0.3)),
    "crashes_before_turns": (ActorCrash(rate=0.05),),
    "crashes_after_turns": (ActorCrash(rate=0.05, when=When.AFTER),),
    "crashing_router": (ActorCrash(actor=ActorKind.ROUTER, rate=0.2, times=8),),
    "crashing_gateways": (ActorCrash(actor=ActorKind.GATEWAY, rate=0.2, when=When.AFTER, times=8),),
    "crashing_scheduler": (ActorCrash(actor=ActorKind.SCHEDULER, every=3, times=8),),
    "crashes_over_outcomes": (ActorCrash(message="OutcomeArrived", rate=0.3),),
    "late_messages": (MessageDelay(rate=0.3, delay=Delay(longest_s=5)),),
    "messages_twice": (MessageDuplicate(rate=0.5),),
    **{
        f"lost_{each}": (MessageDrop(message=each, rate=0.3), GatewayError(when=When.AFTER, rate=0.2))
        for each in Droppable
    },
    "refusing_store": (StoreFails(rate=0.2),),
    "commits_unknown": (StoreCommitUnknown(rate=0.2),),
    "slow_commits": (StoreSlow(rate=0.5, delay=Delay(longest_s=3)),),
    "full_disk": (StoreFull(window=Window(start_s=2, duration_s=20)),),
    "busy_store": (StoreBusy(rate=0.2),),
    "clock_ahead": (ClockJump(by_s=7_200, window=_A_WHILE), GatewayError(when=When.AFTER, rate=0.3)),
    "clock_back": (ClockJump(by_s=-7_200, window=_A_WHILE), GatewayError(when=When.AFTER, rate=0.3)),
}  # fmt: skip


@pytest.mark.parametrize("name", _SURVIVED)
@pytest.mark.parametrize("seed", [1, 2])
def test_each_kind_of_fault_alone_breaks_no_promise(name, seed):
    faults = _SURVIVED[name]
    experiment = experiment_of("latency_spike").model_copy(
        update={
            "plan": ChaosPlan(name=name, faults=faults),
            "criteria": experiment_of("apocalypse").criteria.model_copy(update={"success_rate_min": 0.8}),
            "breaker": PATIENT,
            "payments": 40,
            "settle_s": 20_000.0,
        }
    )
    report = run_experiment(experiment, seed=seed)
    assert report.passed, str(report)
    assert report.chaos.by_kind.keys() == {fault.kind for fault in faults}


# --- what keeps it out of production --------------------------------------------------------------------


@pytest.mark.parametrize("allow", [False, None, "yes", 1])
def test_chaos_is_refused_unless_it_is_allowed_in_so_many_words(allow):
    with pytest.raises(ChaosRefusedError, match="explicitly allowed"):
        Chaos(ChaosPlan(), seed=7, allow=allow)


@virtual
async def test_after_a_stop_the_engine_goes_on_undisturbed():
    world = World("alpha")
    async with under(world, GatewayError()) as run:
        assert (await run.aegis.pay(**order("during"))).state is PaymentState.FAILURE
        run.stop()
        assert (await run.aegis.pay(**order("after"))).state is PaymentState.SUCCESS
        run.chaos.resume()
        assert (await run.aegis.pay(**order("again"))).state is PaymentState.FAILURE
    assert run.report().total == 2


@virtual
async def test_a_gateway_that_is_registered_later_is_disturbed_as_well():
    world = World("alpha", "beta")
    beta = world.gateways.pop()
    async with under(world, GatewayError(gateway="beta")) as run:
        await run.aegis.register_gateway(beta)
        payment = await run.aegis.pay(**order(gateway="beta"))
    assert payment.state is PaymentState.FAILURE
    assert run.report().by_point == {"gateway beta charge": 1}


@virtual
async def test_a_listener_that_fails_on_purpose_raises_as_often_as_the_plan_says():
    heard = []
    chaos = Chaos(ChaosPlan(faults=(ListenerFails(listener="mail", every=2),)), seed=7, allow=True)
    chaos.begin(World("alpha").clock)
    mail, other = chaos.listener("mail", heard.append), chaos.listener("other", heard.append)
    await mail(1)
    with pytest.raises(RuntimeError, match="mail fails, on purpose"):
        await mail(2)
    await other(3)
    assert heard == [1, 3]


@virtual
async def test_an_engines_listener_that_fails_on_purpose_misses_those_events_and_hurts_nobody_else():
    world, heard = World("alpha"), {"mail": [], "books": []}
    async with under(world, ListenerFails(listener="mail", every=2)) as run:
        for name, events in heard.items():

            @run.aegis.hooks.event_listener(name=name)
            async def hear(context, events=events):
                events.append(context.event.type.value)

        payment = await run.aegis.pay(**order())
        await elapse(1)
        counts = {hook.name: hook.failed for hook in run.aegis.hooks.list()}
    told = await world.types(payment.id)
    assert payment.state is PaymentState.SUCCESS
    assert heard == {"books": told, "mail": told[::2]}
    assert counts == {"books": 0, "mail": len(told) // 2}
    assert run.report().by_kind == {"listener_error": len(told) // 2}
