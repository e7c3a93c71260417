"""One payment through one scenario with crashes at chosen places, and what came of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aegispay import AegisConfig, AegisPay, MemoryStore, Payment, PaymentState, StoreUnavailableError
from aegispay.domain.invariants import violations
from aegispay.gateways.ledger import MemoryLedger
from aegispay.history import rebuild
from aegispay.testing import run_virtual, running_clock
from tests.crash.points import FragileGateway, Places, Poison, use_payment_actor
from tests.crash.scenarios import Scenario
from tests.integration.engine.rig import elapse, order

PATIENCE_S = 600
"""Longest known way to the end: a lost call is noticed after 40 s, then checks with growing pauses."""
_ASKED_AGAIN_MAX = 5


@dataclass
class Run:
    """What one run left behind.

    Attributes:
        answers: what the caller of `pay` or of `create_payment` and `process_payment` was told, in order.
        payment: at the end, as the engine reads it.
        charges: (gateway, minor units) that were really charged.
        places: names of all places passed, in order.
    """

    answers: list[Payment] = field(default_factory=list)
    payment: Payment | None = None
    rebuilt: Payment | None = None
    row_state: PaymentState | None = None
    charges: list[tuple[str, int]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


Ask = Callable[[AegisPay, str], Any]


async def pay(aegis: AegisPay, token: str) -> list[Payment]:
    return [await aegis.pay(**order(token=token))]


async def create_and_process(aegis: AegisPay, token: str) -> list[Payment]:
    created = await aegis.create_payment(**order(token=token))
    return [created, await aegis.process_payment(created.id)]


class Kill:
    """Strikes the payment's actor while something else is going on: it gets a message that kills it."""

    def __init__(self) -> None:
        self.aegis: AegisPay | None = None
        self.payment_id: str | None = None

    def __call__(self, place: str) -> None:
        assert self.aegis is not None
        for payment_id in self.aegis._assembly.directory:
            self.aegis.payment_ref(payment_id).tell(Poison())


async def _run(scenario: Scenario, ask: Ask, places: Places, kill: Kill | None) -> Run:
    clock = running_clock()
    ledger = MemoryLedger()
    store = MemoryStore(clock=clock, faults=places.reach)
    gateways = [FragileGateway(each, places, kill) for each in scenario.gateways(ledger, clock)]
    aegis = AegisPay(store, gateways=gateways, clock=clock, config=AegisConfig(), random_source=random.Random(3))
    run = Run(places=places.passed)
    async with aegis:
        if kill is not None:
            kill.aegis = aegis
        run.answers = await _asking_again(lambda: ask(aegis, scenario.token))
        run.payment = await _final(aegis, run.answers[-1].id)
    run.rebuilt = rebuild(run.payment.id, await store.load(run.payment.id))
    run.row_state = next(iter(await store.count_states()))
    run.charges = [(entry.gateway, entry.amount_minor) for entry in ledger.entries() if entry.is_charged]
    return run


async def _asking_again(ask: Callable[[], Any]) -> list[Payment]:
    """Ask as a caller does who is told that surely nothing was written."""
    for _ in range(_ASKED_AGAIN_MAX):
        try:
            return await ask()
        except StoreUnavailableError:
            continue
    raise AssertionError("the store refused every time")


async def _final(aegis: AegisPay, payment_id: str) -> Payment:
    payment = await aegis.get_payment(payment_id)
    for _ in range(PATIENCE_S):
        if payment.state.is_final:
            break
        await elapse(1)
        payment = await aegis.get_payment(payment_id)
    return payment


def run(monkeypatch: Any, scenario: Scenario, ask: Ask, places: Places, kill: Kill | None = None) -> Run:
    with monkeypatch.context() as patch:
        use_payment_actor(patch, places)
        return run_virtual(_run(scenario, ask, places, kill))


def check(crashed: Run, clean: Run, scenario: Scenario) -> None:
    """Raise unless the run came to the clean run's end, honestly."""
    payment = crashed.payment
    assert payment is not None
    assert clean.payment is not None
    assert payment.state is clean.payment.state
    assert len(crashed.charges) == len(clean.charges) <= 1
    assert {gateway for gateway, _ in crashed.charges} <= {scenario.charged_by, scenario.or_by}
    assert crashed.rebuilt == payment
    assert crashed.row_state is payment.state
    assert violations(payment) == ()
    for answer in crashed.answers:
        assert answer.id == payment.id
        assert answer.version <= payment.version
        assert not answer.state.is_final or answer.state is payment.state
    assert crashed.answers[-1].is_settled
