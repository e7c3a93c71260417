"""One run of one scenario, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from aegispay import Attempt, Operation, Payment, PaymentState
from aegispay.domain.evolve import evolve
from aegispay.domain.invariants import violations
from aegispay.domain.projection import PaymentRow, project
from aegispay.domain.timers import wake_at
from aegispay.gateways.ledger import LedgerEntry
from aegispay.ports import GatewayRequest, StoredEvent
from aegispay.testing import run_virtual
from tests.crash.caller import Caller
from tests.crash.lives import Lives, Strike
from tests.crash.points import Places, use_payment_actor
from tests.crash.scenarios import Scenario
from tests.integration.engine.rig import elapse

_LATE_S = 60.0
"""By then whatever was on its way has arrived, and has been carried out if it ever will be."""


@dataclass(frozen=True)
class Run:
    """What one run left behind.

    Attributes:
        payment: at the end, as the engine reads it. entries: what the providers did.
    """

    payment: Payment
    row: PaymentRow
    events: tuple[StoredEvent, ...]
    entries: list[LedgerEntry]
    wire: list[GatewayRequest]
    answers: list[Payment]
    places: list[str]
    strikes: int


async def _run(scenario: Scenario, places: Places, strike: Strike) -> Run:
    lives = Lives(scenario, places, strike)
    caller = Caller(lives)
    await scenario.story(caller)
    await caller.until(_is_quiet)
    await elapse(_LATE_S)
    payment = await caller.until(_is_quiet)
    await lives.end()
    return Run(
        payment=payment,
        row=lives.disk._rows[payment.id],
        events=await lives.disk.load(payment.id),
        entries=[entry for entry in lives.ledger.entries() if entry.is_done],
        wire=lives.wire,
        answers=lives.answers,
        places=places.passed,
        strikes=len(places.chosen),
    )


def _is_quiet(payment: Payment) -> bool:
    return payment.state.is_final and wake_at(payment) is None


def run(monkeypatch: Any, scenario: Scenario, strike: Strike, *chosen: int) -> Run:
    """Run the scenario; something happens at each of the chosen places."""
    places = Places(*chosen)
    with monkeypatch.context() as patch:
        if strike.is_felt_by_messages:
            use_payment_actor(patch, places)
        return run_virtual(_run(scenario, places, strike))


def check(run: Run, scenario: Scenario) -> None:
    """Raise unless the run came to an end that the scenario allows, honestly."""
    moved = Counter((entry.gateway, entry.kind.value, entry.amount_minor) for entry in run.entries)
    assert (run.payment.state, moved) in [(end.state, Counter(end.moved)) for end in scenario.ends]
    _check_money(run)
    _check_wire(run)
    _check_log(run)


def _check_money(run: Run) -> None:
    """Engine and books agree on every total and on every operation, each done exactly once."""
    payment, done = run.payment, run.entries
    totals = Counter[str]()
    for entry in done:
        totals[entry.kind.value] += entry.amount_minor
    assert payment.captured_minor == totals["charge"] + totals["capture"]
    assert payment.refunded_minor == totals["refund"]
    assert payment.authorized_minor == totals["charge"] + totals["authorize"]
    here = [operation.id for operation in payment.operations if operation.status.value == "succeeded"]
    there = [entry.reference for entry in done if not entry.kind.begins]
    assert sorted(here) == sorted(there)


def _check_wire(run: Run) -> None:
    """Every send is one that the log knows, is identical to the first, and is no more often than doubts allow."""
    known: dict[str, Attempt | Operation] = {sent.id: sent for sent in (*run.payment.attempts, *run.payment.operations)}
    sends = Counter(request.reference for request in run.wire)
    assert set(sends) <= set(known)
    for reference, count in sends.items():
        requests = [request for request in run.wire if request.reference == reference]
        assert all(request == requests[0] for request in requests)
        assert {request.idempotency_key for request in requests} == {known[reference].idempotency_key}
        assert count <= 1 + _doubts(run, known[reference]) + run.strikes
    keys = [sent.idempotency_key for sent in known.values()]
    assert len(set(keys)) == len(keys)


def _doubts(run: Run, sent: Attempt | Operation) -> int:
    return sum(
        hasattr(stored.event, "checks")
        and sent.id in {getattr(stored.event, "operation_id", None), f"{run.payment.id}-a{_number(stored)}"}
        for stored in run.events
    )


def _number(stored: StoredEvent) -> Any:
    return getattr(stored.event, "number", None)


def _check_log(run: Run) -> None:
    """The log says all there is: the state, the row, and whatever anybody was told."""
    payment: Payment | None = None
    versions: list[Payment] = []
    for stored in run.events:
        payment = evolve(payment, stored.event, payment_id=run.payment.id)
        versions.append(payment)
    assert payment == run.payment
    assert project(run.payment) == run.row
    assert violations(run.payment) == ()
    for answer in run.answers:
        assert answer == versions[answer.version - 1]
    assert run.payment.state is not PaymentState.PROCESSING
