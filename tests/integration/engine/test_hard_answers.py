"""Answers that come late, twice, against each other or by a wrong clock: nobody is charged twice, no charge is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aegispay import (
    AttemptStatus,
    CommitUnknownError,
    Declined,
    DeclineKind,
    GatewayContract,
    LookupAuthority,
    NotFound,
    NotSentError,
    OutcomeUnknown,
    PaymentState,
    Pending,
    Reason,
    StoreUnavailableError,
)
from aegispay.domain.breaker import BreakerPolicy
from aegispay.domain.outcome import ActionKind, NextAction, RequiresAction
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

NONE, _ADVISORY, AUTHORITATIVE = LookupAuthority
LOST = OutcomeUnknown(reason=Reason.CONNECTION_LOST)
SILENT = GatewayContract(lookup=NONE, idempotency_window_s=None, timeout_s=30)
IMPATIENT = GatewayContract(lookup=AUTHORITATIVE, timeout_s=5)
PATIENT = BreakerPolicy(failures_max=1_000)
ONE_CHARGE = [("alpha", 10_000)]


def beta_of(world):
    async def charge(request):
        return beta.take(request)

    beta = Adapter(charge, name="beta", ledger=world.ledger)
    return beta


def engine_of(world, *gateways, **config):
    world.gateways.clear()
    return world.engine(*gateways, **config)


async def stubborn(*, first_s, then_s):
    """Work for `first_s`; when cancelled before that, swallow it and go on for `then_s`."""
    try:
        await elapse(first_s)
    except asyncio.CancelledError:
        await elapse(then_s)


class Slow(Adapter):
    """Executes the charge after `works_s`, loses the answer, and shows it in look-ups `shows_after_s` later.

    A look-up reads the books when it is asked; one asked after `look_ups_drag_after_s` answers 25 s later.
    """

    def __init__(self, world, *, works_s, shows_after_s, timeout_s, look_ups_drag_after_s=float("inf")):
        contract = GatewayContract(
            lookup=AUTHORITATIVE, idempotency_window_s=None, visibility_delay_s=shows_after_s, timeout_s=timeout_s
        )
        super().__init__(self._lose, lookup=self._look, name="alpha", contract=contract, ledger=world.ledger)
        self._clock = world.clock
        self._works_s = works_s
        self._shows_after_s = shows_after_s
        self._look_ups_drag_after_s = look_ups_drag_after_s
        self._approved = None
        self._executed_at = 0.0

    async def _lose(self, request):
        await elapse(self._works_s)
        self._approved = self.take(request)
        self._executed_at = self._clock.monotonic()
        return LOST

    async def _look(self, request):
        now = self._clock.monotonic()
        is_visible = now - self._executed_at >= self._shows_after_s
        if now > self._look_ups_drag_after_s:
            await elapse(25)
        return self._approved if is_visible else NotFound()


class JumpingClock:
    """A clock whose date can be moved while its monotonic time goes on."""

    def __init__(self, inner):
        self._inner = inner
        self.offset = timedelta(0)

    def now(self):
        return self._inner.now() + self.offset

    def monotonic(self):
        return self._inner.monotonic()


@virtual
async def test_an_absence_that_the_store_would_not_take_is_judged_by_when_it_was_asked_not_by_when_it_is_stored():
    world = World()
    alpha = Slow(world, works_s=29, shows_after_s=60, timeout_s=30, look_ups_drag_after_s=80)

    def locked(point):
        if point == "before_commit" and 60 < world.clock.monotonic() < 101:
            raise StoreUnavailableError("locked by a backup")

    world.store.faults = locked
    async with engine_of(world, alpha, beta_of(world)) as aegis:
        payment = await aegis.pay(**order())
        assert payment.in_doubt
        await elapse(1_000)
        payment = await aegis.get_payment(payment.id)
    assert payment.state is PaymentState.SUCCESS
    assert [(each.gateway, each.status) for each in payment.attempts] == [("alpha", AttemptStatus.APPROVED)]
    assert world.charges() == ONE_CHARGE


@virtual
async def test_a_call_given_up_that_was_never_sent_does_not_fail_a_payment_whose_resend_waits_for_the_payer():
    world = World()

    async def charge(request):
        if len(alpha.requests) == 1:
            await stubborn(first_s=30, then_s=30)
            raise NotSentError("connect timed out")
        expires_at = world.clock.now() + timedelta(seconds=900)
        action = NextAction(kind=ActionKind.REDIRECT, url="https://pay.example", expires_at=expires_at)
        return RequiresAction(reference="r-1", action=action)

    alpha = Adapter(charge, name="alpha", contract=IMPATIENT, ledger=world.ledger)
    async with engine_of(world, alpha, beta_of(world)) as aegis:
        payment = await aegis.pay(**order())
        await elapse(15)
        waiting = await aegis.get_payment(payment.id)
        assert waiting.state is PaymentState.REQUIRES_ACTION
        await elapse(60)
        assert await aegis.get_payment(payment.id) == waiting
    assert world.charges() == []


@virtual
async def test_a_late_decline_of_the_first_send_does_not_move_the_payment_on_while_a_resend_is_under_way():
    world = World()

    async def charge(request):
        if len(alpha.requests) == 1:
            await stubborn(first_s=8, then_s=3.5)
            return Declined(kind=DeclineKind.SOFT, reason=Reason.INSUFFICIENT_FUNDS)
        await elapse(4)
        return alpha.take(request)

    alpha = Adapter(charge, name="alpha", contract=IMPATIENT, ledger=world.ledger)
    async with engine_of(world, alpha, beta_of(world)) as aegis:
        await aegis.pay(**order())
        await elapse(60)
    assert len(alpha.requests) == 2
    assert world.charges() == ONE_CHARGE


@virtual
async def test_an_approval_that_arrives_while_the_payment_is_parked_is_kept_for_when_it_goes_on():
    world = World()

    async def charge(request):
        await elapse(10)
        return alpha.take(request)

    alpha = Adapter(charge, name="alpha", contract=SILENT, ledger=world.ledger)
    async with engine_of(world, alpha) as aegis:
        caller = asyncio.create_task(aegis.pay(**order()))
        await elapse(1)
        (row,) = (await aegis.list_payments()).payments
        await aegis._assembly.parking.park(row.id, cause="poison")
        await asyncio.gather(caller, return_exceptions=True)
        await elapse(20)
        await aegis.unpark_payment(row.id, operator="ops")
        await elapse(60)
        payment = await aegis.get_payment(row.id)
    assert payment.state is PaymentState.SUCCESS
    assert world.charges() == ONE_CHARGE


@virtual
async def test_an_approval_whose_commit_came_to_nothing_is_offered_again():
    world = World()

    async def charge(request):
        return alpha.take(request)

    commits: list[str] = []

    def half_way(point):
        if point == "before_commit":
            commits.append(point)
            if len(commits) == 2:
                raise CommitUnknownError("half-way; it was not written")

    alpha = Adapter(charge, name="alpha", contract=SILENT, ledger=world.ledger)
    world.store.faults = half_way
    async with engine_of(world, alpha) as aegis:
        payment = await aegis.pay(**order())
        await elapse(60)
        payment = await aegis.get_payment(payment.id)
    assert payment.state is PaymentState.SUCCESS
    assert len(alpha.requests) == 1
    assert world.charges() == ONE_CHARGE


@virtual
async def test_a_date_that_jumps_forward_does_not_make_absence_proved_early():
    world = World()
    clock: Any = JumpingClock(world.clock)
    world.clock = clock
    alpha = Slow(world, works_s=0, shows_after_s=600, timeout_s=5)
    async with engine_of(world, alpha, beta_of(world)) as aegis:
        payment = await aegis.pay(**order())
        clock.offset = timedelta(hours=1)
        await elapse(60)
        assert (await aegis.get_payment(payment.id)).in_doubt
    assert world.charges() == ONE_CHARGE


@virtual
async def test_a_date_that_goes_back_does_not_lengthen_the_window_of_a_key():
    world = World()
    clock: Any = JumpingClock(world.clock)
    world.clock = clock
    window_s = 100
    used_at: list[float] = []

    async def charge(request):
        now = world.clock.monotonic()
        if not used_at or now - used_at[-1] > window_s:
            alpha.take(request)
            used_at.append(now)
        return LOST

    contract = GatewayContract(lookup=NONE, idempotency_window_s=window_s, timeout_s=5)
    alpha = Adapter(charge, name="alpha", contract=contract, ledger=world.ledger)
    async with engine_of(world, alpha, breaker=PATIENT) as aegis:
        payment = await aegis.pay(**order())
        await elapse(30)
        clock.offset = -timedelta(hours=1)
        await elapse(7_200)
        assert (await aegis.get_payment(payment.id)).in_doubt
    assert len(alpha.requests) > 1
    assert world.charges() == ONE_CHARGE


@pytest.mark.parametrize("outage_s", [0, 300])
@virtual
async def test_a_charge_made_after_its_payment_failed_becomes_an_incident_however_long_the_store_is_away(outage_s):
    world = World()

    async def charge(request):
        await stubborn(first_s=60, then_s=60)
        return alpha.take(request)

    declined = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR)
    alpha = Adapter(charge, lookup=declined, name="alpha", contract=IMPATIENT, ledger=world.ledger)
    async with engine_of(world, alpha) as aegis:
        payment = await aegis.pay(**order())
        await elapse(10)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.FAILURE
        back_at = world.clock.monotonic() + 40 + outage_s

        def full(point):
            if point == "before_commit" and outage_s and world.clock.monotonic() < back_at:
                raise StoreUnavailableError("disk full")

        world.store.faults = full
        await elapse(900)
        (incident,) = (await aegis.get_payment(payment.id)).incidents
    assert (incident.reason, incident.is_open) == (Reason.LATE_APPROVAL, True)
    assert world.charges() == ONE_CHARGE


@pytest.mark.parametrize("answer", ["pending", "mismatch"])
@virtual
async def test_an_absence_proves_nothing_once_the_gateway_has_said_that_it_has_the_charge(answer):
    world = World()

    async def charge(request):
        approved = alpha.take(request)
        return Pending(reference="p-1") if answer == "pending" else replace(approved, amount_minor=5_000)

    contract = GatewayContract(lookup=AUTHORITATIVE, idempotency_window_s=None, timeout_s=5)
    alpha = Adapter(charge, lookup=NotFound(), name="alpha", contract=contract, ledger=world.ledger)
    async with engine_of(world, alpha, beta_of(world)) as aegis:
        payment = await aegis.pay(**order())
        assert payment.in_doubt
        await elapse(100)
        assert (await aegis.get_payment(payment.id)).in_doubt
    assert len(alpha.lookups) > 1
    assert world.charges() == ONE_CHARGE


@virtual
async def test_absence_proves_nothing_after_a_reopening_while_the_adapter_still_works_on_the_charge():
    world = World()

    async def charge(request):
        for _ in range(3):
            try:
                await elapse(100)
            except asyncio.CancelledError:
                continue
        answers.append(alpha.take(request))
        return answers[0]

    async def look(request):
        return answers[0] if answers else NotFound()

    answers: list[object] = []
    contract = GatewayContract(lookup=AUTHORITATIVE, idempotency_window_s=None, timeout_s=5)
    alpha = Adapter(charge, lookup=look, name="alpha", contract=contract, ledger=world.ledger)
    aegis = engine_of(world, alpha, beta_of(world))
    async with aegis:
        payment = await aegis.pay(**order())
        await elapse(60)
        assert (await aegis.get_payment(payment.id)).in_doubt
    async with aegis:
        await elapse(900)
        assert (await aegis.get_payment(payment.id)).state is PaymentState.SUCCESS
    assert world.charges() == ONE_CHARGE
