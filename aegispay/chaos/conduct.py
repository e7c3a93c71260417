"""Carries an experiment out: traffic under faults, then rest, a restart without faults, and the judgement."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from aegispay.chaos.chaos import Chaos
from aegispay.chaos.experiment import Experiment
from aegispay.chaos.traffic import Traffic, draw_wishes, elapse
from aegispay.chaos.verdict import ExperimentReport, Measured, percentile, weigh
from aegispay.config import AegisPayConfig
from aegispay.domain.contract import GatewayContract
from aegispay.domain.payment import Payment
from aegispay.domain.state import PaymentState
from aegispay.engine import AegisPay
from aegispay.gateways.ledger import Ledger, MemoryLedger
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.ports import Clock, EventStore, Gateway, PaymentQuery
from aegispay.storage.memory import MemoryStore
from aegispay.testing.assertions import captured_lines, gather_evidence, judge
from aegispay.testing.virtual_time import run_virtual, running_clock

_LOOK_S, _LONGEST_LOOK_S = 1.0, 60.0
_SOON = timedelta(hours=2)
"""Whoever is asked about has a timer within this; what only expires some day has none."""
_PAID = frozenset({PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED})
_CONTRACT = GatewayContract(timeout_s=15.0)


def run_experiment(experiment: Experiment, *, seed: int) -> ExperimentReport:
    """Carry it out on virtual time, in memory: minutes take moments, and one seed gives one report, to the letter."""

    async def main() -> ExperimentReport:
        clock = running_clock()
        store, ledger = MemoryStore(clock=clock), MemoryLedger()
        return await conduct(experiment, seed=seed, store=store, ledger=ledger, clock=clock)

    return run_virtual(main(), seed=seed)


async def conduct(
    experiment: Experiment, *, seed: int, store: EventStore, ledger: Ledger, clock: Clock
) -> ExperimentReport:
    """Carry it out on the running loop, whose time has to be that of `clock`.

    Args:
        experiment: what to do.
        seed: of traffic, faults, gateways and jitter.
        store: where the engine writes; it is opened and closed twice.
        ledger: the simulated providers' books.
        clock: time as it is; the engine's may jump.
    """
    chaos = Chaos(experiment.plan, seed=seed, allow=True)
    providers = _providers(experiment, seed, ledger, clock)
    with captured_lines() as lines:
        first = _engine(experiment, store, providers, clock=clock, seed=seed, chaos=chaos)
        async with first:
            traffic = Traffic(first, store, clock, experiment)
            await traffic.run(draw_wishes(experiment, seed))
            chaos.stop()
            await traffic.unpark_all()
            await _rest(first, store, clock, experiment.settle_s)
            openings = await _openings(first)
        await store.open()
        before = await gather_evidence(store, ledger)
        await store.close()
        second = _engine(experiment, store, providers, clock=clock, seed=seed)
        async with second:
            await _rest(second, store, clock, experiment.settle_s)
            evidence = await gather_evidence(store, ledger, at=clock.now())
    measured = _measure(experiment, evidence.payments, traffic, openings, clock)
    return ExperimentReport(
        name=experiment.name or experiment.plan.name,
        seed=seed,
        measured=measured,
        criteria=weigh(experiment.criteria, measured),
        judgement=judge(evidence, before=before, lines=lines),
        chaos=chaos.report(),
    )


def _providers(experiment: Experiment, seed: int, ledger: Ledger, clock: Clock) -> list[SimulatedGateway]:
    latency_s = (experiment.latency.shortest_s, experiment.latency.longest_s)
    return [
        SimulatedGateway(name, seed=seed, latency_s=latency_s, contract=_CONTRACT, ledger=ledger, clock=clock)
        for name in experiment.gateways
    ]


def _engine(
    experiment: Experiment,
    store: EventStore,
    gateways: Sequence[Gateway],
    *,
    clock: Clock,
    seed: int,
    chaos: Chaos | None = None,
) -> AegisPay:
    source = random.Random(f"{seed}/engine")  # noqa: S311 - only jitter
    # Crashes on purpose have a common cause, and no engine should give up over them.
    config = AegisPayConfig(breaker=experiment.breaker, common_cause_max=1_000_000, answer_timeout_s=30.0)
    return AegisPay(store, gateways=gateways, config=config, clock=clock, random_source=source, chaos=chaos)


async def _rest(aegis: AegisPay, store: EventStore, clock: Clock, settle_s: float) -> None:
    """Wait until nothing is under way that does not wait for a person; no longer than is allowed."""
    until_s, pause_s = clock.monotonic() + settle_s, _LOOK_S
    while clock.monotonic() < until_s and (await _is_at_work(store, clock) or (await aegis.health()).calls):
        await elapse(pause_s)
        pause_s = min(_LONGEST_LOOK_S, pause_s * 1.2)


async def _is_at_work(store: EventStore, clock: Clock) -> bool:
    """Return whether a payment will be looked at soon, other than those that a person has to look at first."""
    soon = set(await store.due(clock.now() + _SOON))
    after: str | None = None
    while soon:
        page = await store.list_payments(PaymentQuery(has_incident=True, limit=1_000, after=after))
        soon -= {row.payment_id for row in page.rows}
        after = page.next_cursor
        if after is None:
            break
    return bool(soon)


async def _openings(aegis: AegisPay) -> int:
    metrics = await aegis.gateway_metrics()
    return sum(breaker.openings for each in metrics for breaker in each.breakers)


def _measure(
    experiment: Experiment, payments: list[Payment], traffic: Traffic, openings: int, clock: Clock
) -> Measured:
    took_s = traffic.outcome_s
    return Measured(
        clients=experiment.payments,
        paid=len({payment.idempotency_key.split("~")[0] for payment in payments if payment.state in _PAID}),
        states=dict(sorted(Counter(payment.state.value for payment in payments).items())),
        in_doubt=sum(payment.in_doubt for payment in payments),
        incidents=sum(any(incident.is_open for incident in payment.incidents) for payment in payments),
        parked=sum(payment.is_parked for payment in payments),
        breaker_openings=openings,
        latency_mean_s=round(sum(took_s) / len(took_s), 6) if took_s else 0.0,
        latency_p50_s=round(percentile(took_s, 0.5), 6),
        latency_p95_s=round(percentile(took_s, 0.95), 6),
        latency_p99_s=round(percentile(took_s, 0.99), 6),
        errors=dict(sorted(traffic.errors.items())),
        ended_at_s=round(clock.monotonic(), 6),
    )
