"""Unknown outcomes: how each is settled depends on what the gateway's contract allows, and is never guessed."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    AttemptStatus,
    Declined,
    DeclineKind,
    Duplicate,
    GatewayContract,
    LookupAuthority,
    NotFound,
    NotSentError,
    OutcomeUnknown,
    PaymentState,
    Pending,
    Reason,
)
from aegispay.domain.breaker import BreakerPolicy
from aegispay.errors import GatewayError
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

NONE, ADVISORY, AUTHORITATIVE = LookupAuthority
LOST = OutcomeUnknown(reason=Reason.CONNECTION_LOST)
LONG_S = 7_200.0
PATIENT = BreakerPolicy(failures_max=1_000)


def contract(lookup=AUTHORITATIVE, window_s=None, visibility_s=0.0, **changes):
    return GatewayContract(lookup=lookup, idempotency_window_s=window_s, visibility_delay_s=visibility_s, **changes)


class Forgetful(Adapter):
    """Executes the charge whose number is `executes`, loses every answer to it, and shows it in look-ups later."""

    def __init__(self, world, *, executes, contract, shows_after_s=0.0):
        super().__init__(self._lose, lookup=self._look, name="alpha", contract=contract, ledger=world.ledger)
        self._world = world
        self._executes = executes
        self._shows_after_s = shows_after_s
        self._approved = None
        self._executed_at = 0.0

    async def _lose(self, request):
        if len(self.requests) == self._executes:
            self._approved = self.take(request)
            self._executed_at = self._world.clock.monotonic()
        elif self._approved is not None:
            return self._approved
        return LOST

    async def _look(self, request):
        is_visible = self._world.clock.monotonic() - self._executed_at >= self._shows_after_s
        return self._approved if self._approved is not None and is_visible else NotFound()


def beta_of(world):
    async def charge(request):
        return beta.take(request)

    beta = Adapter(charge, name="beta", ledger=world.ledger)
    return beta


def engine_of(world, *gateways, **config):
    world.gateways.clear()
    return world.engine(*gateways, **config)


async def settle_over(world, gateway, seconds, **config):
    """Pay at `gateway`, with beta beside it, and return the payment after `seconds`."""
    async with engine_of(world, gateway, beta_of(world), wake_interval_s=10, **config) as aegis:
        payment = await aegis.pay(**order())
        assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
        await elapse(seconds)
        return await aegis.get_payment(payment.id)


@pytest.mark.parametrize("visibility_s", [0.0, 120.0])
@pytest.mark.parametrize("window_s", [None, 300.0, LONG_S])
@pytest.mark.parametrize("lookup", [ADVISORY, AUTHORITATIVE])
@virtual
async def test_a_charge_whose_answer_was_lost_is_found_by_looking_up(lookup, window_s, visibility_s):
    world = World()
    alpha = Forgetful(world, executes=1, contract=contract(lookup, window_s, visibility_s), shows_after_s=visibility_s)
    payment = await settle_over(world, alpha, LONG_S)
    assert payment.state is PaymentState.SUCCESS
    assert [attempt.gateway for attempt in payment.attempts] == ["alpha"]
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_gateway_without_look_up_is_sent_the_identical_request_again():
    world = World()
    alpha = Forgetful(world, executes=1, contract=contract(NONE, LONG_S))
    payment = await settle_over(world, alpha, 60)
    assert payment.state is PaymentState.SUCCESS
    assert alpha.lookups == []
    first, second = alpha.requests
    assert first == second
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_without_look_up_and_keys_the_doubt_stays_until_evidence_comes_from_outside():
    world = World()
    alpha = Forgetful(world, executes=1, contract=contract(NONE, None))
    payment = await settle_over(world, alpha, LONG_S)
    assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
    assert len(alpha.requests) == 1
    assert alpha.lookups == []
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_nothing_is_resent_after_the_keys_window_and_the_doubt_stays():
    world = World()
    alpha = Forgetful(world, executes=99, contract=contract(NONE, 100.0))
    payment = await settle_over(world, alpha, LONG_S)
    assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
    assert 1 < len(alpha.requests) < 10
    assert len({request.idempotency_key for request in alpha.requests}) == 1


@virtual
async def test_no_resend_leaves_in_the_last_tenth_of_the_keys_window():
    world = World()
    sent_at: list[float] = []

    async def charge(request):
        sent_at.append(world.clock.monotonic())
        return LOST

    alpha = Adapter(charge, name="alpha", contract=contract(NONE, 100.0))
    await settle_over(world, alpha, 1_000, check_delays_s=(1,), breaker=PATIENT)
    assert len(sent_at) > 5
    assert 70.0 < max(sent_at) - sent_at[0] < 90.0


@virtual
async def test_an_advisory_not_found_never_ends_the_doubt():
    world = World()
    alpha = Forgetful(world, executes=99, contract=contract(ADVISORY, None))
    payment = await settle_over(world, alpha, LONG_S)
    assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
    assert len(alpha.lookups) > 5
    assert world.charges() == []


@virtual
async def test_an_authoritative_not_found_moves_the_payment_on_but_only_when_a_charge_would_be_visible():
    world = World()
    alpha = Forgetful(world, executes=99, contract=contract(AUTHORITATIVE, None, 120.0))
    started = world.clock.now()
    payment = await settle_over(world, alpha, 3_600)
    assert payment.state is PaymentState.SUCCESS
    assert [(a.gateway, a.status) for a in payment.attempts] == [
        ("alpha", AttemptStatus.FAILED),
        ("beta", AttemptStatus.APPROVED),
    ]
    first, second = payment.attempts
    assert first.failure is not None
    assert first.failure.reason is Reason.NEVER_RECEIVED
    assert (second.started_at - started).total_seconds() >= 120
    assert world.charges() == [("beta", 10_000)]


@virtual
async def test_a_resend_that_was_executed_unseen_is_not_charged_again_elsewhere():
    """A charge may be invisible for a while after the last send, which is much later than the first one."""
    world = World()
    executed_at: list[float] = []

    async def charge(request):
        if not executed_at and world.clock.monotonic() > 40:
            alpha.take(request)
            executed_at.append(world.clock.monotonic())
        return LOST

    async def look(request):
        is_visible = executed_at and world.clock.monotonic() - executed_at[0] >= 60
        return approval(request) if is_visible else NotFound()

    alpha = Adapter(
        charge, lookup=look, name="alpha", contract=contract(AUTHORITATIVE, 100.0, 60.0), ledger=world.ledger
    )
    payment = await settle_over(world, alpha, 3_600, check_delays_s=(5,), breaker=PATIENT)
    assert len(executed_at) == 1
    assert world.charges() == [("alpha", 10_000)]
    assert payment.state is PaymentState.SUCCESS


@virtual
async def test_a_charge_executed_at_the_end_of_a_slow_call_is_waited_for_until_it_would_be_visible():
    world = World()
    executed_at: list[float] = []

    async def charge(request):
        await elapse(29)
        alpha.take(request)
        executed_at.append(world.clock.monotonic())
        await elapse(1_000)

    async def look(request):
        return approval(request) if world.clock.monotonic() - executed_at[0] >= 20 else NotFound()

    alpha = Adapter(
        charge, lookup=look, name="alpha", contract=contract(AUTHORITATIVE, None, 20.0), ledger=world.ledger
    )
    payment = await settle_over(world, alpha, 3_600)
    assert world.charges() == [("alpha", 10_000)]
    assert payment.state is PaymentState.SUCCESS


@virtual
async def test_a_look_up_proves_absence_as_of_when_it_was_asked_not_answered():
    """The provider reads its books at once, before the charge can be seen, and answers when it would be."""
    world = World()
    visible_at: list[float] = []

    async def charge(request):
        await elapse(29)
        alpha.take(request)
        visible_at.append(world.clock.monotonic() + 20)
        await elapse(1_000)

    async def look(request):
        asked_at = world.clock.monotonic()
        await elapse(25)
        return approval(request) if asked_at >= visible_at[0] else NotFound()

    alpha = Adapter(
        charge, lookup=look, name="alpha", contract=contract(AUTHORITATIVE, None, 20.0), ledger=world.ledger
    )
    payment = await settle_over(world, alpha, 3_600)
    assert len(alpha.lookups) > 1
    assert world.charges() == [("alpha", 10_000)]
    assert payment.state is PaymentState.SUCCESS


@virtual
async def test_absence_proves_nothing_while_the_adapter_still_works_on_the_charge():
    world = World()

    async def stubborn(request):
        for _ in range(3):
            try:
                await elapse(100)
            except asyncio.CancelledError:
                continue
        return alpha.take(request)

    alpha = Adapter(stubborn, name="alpha", contract=contract(AUTHORITATIVE, None), ledger=world.ledger)
    await settle_over(world, alpha, 3_600)
    assert len(world.charges()) == 1


@pytest.mark.parametrize(
    "answer",
    [
        LOST,
        Pending(reference="p-1"),
        Duplicate(),
        GatewayError("no"),
        NotSentError("down"),
        TimeoutError(),
        "garbage",
        None,
    ],
    ids=lambda answer: type(answer).__name__,
)
@virtual
async def test_a_look_up_that_brings_no_answer_proves_nothing(answer):
    world = World()
    answers = iter([answer, answer, answer])

    async def look(request):
        found = next(answers, None)
        if len(alpha.lookups) > 3:
            return approved[0]
        if isinstance(found, BaseException):
            raise found
        return found

    async def charge(request):
        approved.append(alpha.take(request))
        return LOST

    approved: list[object] = []
    alpha = Adapter(charge, lookup=look, name="alpha", contract=contract(AUTHORITATIVE, None), ledger=world.ledger)
    payment = await settle_over(world, alpha, 600)
    assert payment.state is PaymentState.SUCCESS
    assert len(alpha.lookups) == 4
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_look_up_can_find_a_decline():
    world = World()
    declined = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR)
    alpha = Adapter(LOST, lookup=declined, name="alpha", contract=contract(AUTHORITATIVE, None))
    payment = await settle_over(world, alpha, 60)
    assert payment.state is PaymentState.FAILURE
    assert [attempt.gateway for attempt in payment.attempts] == ["alpha"]


@pytest.mark.parametrize("first", [Pending(reference="p-1"), Duplicate(reference="p-1")], ids=["pending", "duplicate"])
@virtual
async def test_pending_and_duplicate_are_neither_success_nor_failure(first):
    world = World()
    alpha = Adapter(first, lookup=first, name="alpha", contract=contract(AUTHORITATIVE, None))
    payment = await settle_over(world, alpha, LONG_S)
    assert (payment.state, payment.in_doubt) == (PaymentState.PROCESSING, True)
    assert [attempt.gateway for attempt in payment.attempts] == ["alpha"]


@virtual
async def test_checks_come_at_growing_distances():
    world = World()
    asked_at: list[float] = []

    async def look(request):
        asked_at.append(world.clock.monotonic())
        return LOST

    alpha = Adapter(LOST, lookup=look, name="alpha", contract=contract(AUTHORITATIVE, None))
    async with engine_of(world, alpha, check_delays_s=(10, 60, 600)) as aegis:
        await aegis.pay(**order())
        await elapse(1_400)
    gaps = [later - earlier for earlier, later in zip([0.0, *asked_at], asked_at, strict=False)]
    assert gaps == pytest.approx([10, 60, 600, 600], abs=2.1)


@virtual
async def test_time_alone_changes_no_money_state():
    world = World()
    alpha = Adapter(LOST, lookup=NotFound(), name="alpha", contract=contract(ADVISORY, None))
    async with engine_of(world, alpha, wake_interval_s=60) as aegis:
        payment = await aegis.pay(**order())
        await elapse(4 * LONG_S)
        later = await aegis.get_payment(payment.id)
    assert later.state is PaymentState.PROCESSING
    assert later.in_doubt
    assert set(await world.types(payment.id)) == {
        "payment.initiated",
        "payment.authenticated",
        "payment.processing",
        "payment.outcome_unknown",
    }


@virtual
async def test_processing_a_payment_in_doubt_answers_at_once_and_sends_nothing():
    world = World()
    alpha = Adapter(LOST, lookup=NotFound(), name="alpha", contract=contract(ADVISORY, None))
    async with engine_of(world, alpha) as aegis:
        payment = await aegis.pay(**order())
        assert payment.in_doubt
        assert await aegis.process_payment(payment.id) == payment
        assert await aegis.pay(**order()) == payment
    assert len(alpha.requests) == 1
    assert alpha.lookups == []
