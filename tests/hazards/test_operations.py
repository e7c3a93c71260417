"""Hazards of captures, voids, refunds and the payer's return, over a whole engine; see docs/hazards.md."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from aegispay import GatewayContract, OperationStatus, PaymentState, Reason
from aegispay.domain.ids import derive_payment_id
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import Approved, NotProcessed, OutcomeUnknown
from aegispay.errors import IllegalTransitionError, OperationRefusedError, PaymentNotFoundError
from aegispay.gateways.entry import EntryKind
from aegispay.gateways.script import Fault
from aegispay.ports import Receipt
from aegispay.testing import run_virtual
from tests.integration.engine.books import MUTE, agreed, authorized, charged, deliver, operations, settled
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

TROUBLE = {"lost": OutcomeUnknown(reason=Reason.GATEWAY_FAULT), "not sent": NotProcessed(reason=Reason.NOT_SENT)}
KINDS = ["charge", "authorize", "capture", "void", "refund"]


def approved(payment_id, name="evt", *, number=1, kind=NotificationKind.CHARGE, amount_minor=10_000):
    taken = Approved(reference=f"ref-{name}", amount_minor=amount_minor, currency="USD")
    return Notification(id=name, kind=kind, reference=f"{payment_id}-a{number}", outcome=taken)


# --- A ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["tok_declined", "tok_refuse_connection"])
@virtual
async def test_a3_the_late_success_of_a_failed_payment_is_an_incident_that_somebody_sees(token):
    world = World()
    async with world.engine() as aegis:
        before = await aegis.pay(**order(token=token))
        assert before.state is PaymentState.FAILURE
        await deliver(world, aegis, approved(before.id))
        payment = await agreed(world, aegis, before.id)
        assert [(i.reason, i.is_open) for i in payment.incidents] == [(Reason.LATE_APPROVAL, True)]
        assert (await aegis.metrics()).incidents == 1
        (listed,) = (await aegis.list_payments(has_incident=True)).payments
        assert listed == payment


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
@virtual
async def test_a3_the_late_success_of_a_failed_operation_is_an_incident(kind):
    world = World(contract=MUTE)
    world["alpha"].script(kind, Fault.RATE_LIMIT)
    async with world.engine() as aegis:
        before, payment = await begun(aegis, kind)
        assert operations(payment) == [(kind, "failed", 10_000)]
        said = Notification(
            id="late",
            kind=NotificationKind(kind),
            reference=payment.operations[0].id,
            outcome=Approved(reference="late", amount_minor=10_000, currency="USD"),
        )
        await deliver(world, aegis, said)
        payment = await agreed(world, aegis, before.id)
        assert operations(payment) == [(kind, "failed", 10_000)]
        assert [incident.reason for incident in payment.incidents] == [Reason.LATE_APPROVAL]


@virtual
async def test_a3_the_late_success_of_an_attempt_that_is_in_doubt_is_applied():
    world = World(contract=MUTE)
    world["alpha"].script("charge", Fault.ERROR_AFTER)
    async with world.engine() as aegis:
        before = await aegis.pay(**order())
        await elapse(3_600)
        (said,) = world["alpha"].notifications()
        await deliver(world, aegis, said)
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.incidents) == (PaymentState.SUCCESS, ())


async def begun(aegis, kind):
    """Start an operation; return the payment before and after."""
    if kind == "refund":
        before = await charged(aegis)
        return before, await aegis.refund_payment(before.id, idempotency_key="k")
    before = await authorized(aegis)
    if kind == "capture":
        return before, await aegis.capture_payment(before.id, idempotency_key="k")
    return before, await aegis.cancel_payment(before.id)


def dying(world, kind):
    """Return a provider after whose answer to a call of the kind nothing is written any more."""

    def answer(mine):
        async def perform(request):
            approval = odd.take(request, EntryKind(mine))
            if mine == kind:
                world.store.faults = _dead
            return approval

        return perform

    async def look(request):
        entry = world.ledger.find_reference("odd", request.reference)
        return Approved(reference=f"odd-{entry.reference}", amount_minor=entry.amount_minor, currency=entry.currency)

    methods = {each: answer(each) for each in KINDS}
    odd = Adapter(
        methods.pop("charge"), **methods, lookup=look, operation_lookup=look, ledger=world.ledger, clock=world.clock
    )
    world.gateways.clear()
    return odd


def _dead(_place):
    raise OSError("the process is gone")


@pytest.mark.parametrize("kind", KINDS)
@virtual
async def test_a12_after_a_crash_between_the_answer_and_its_commit_it_is_unknown_and_done_once_under_one_key(kind):
    world = World()
    odd = dying(world, kind)
    async with world.engine(odd, shutdown_s=1) as aegis:
        work = aegis.pay(**order(capture="manual")) if kind == "authorize" else begin_or_pay(aegis, kind)
        asked = asyncio.create_task(work)
        await elapse(1)
    await asyncio.gather(asked, return_exceptions=True)
    world.store.faults = None
    (payment_id,) = {entry.payment_id for entry in world.ledger.entries()}
    before = await world.types(payment_id)
    async with world.engine(odd) as aegis:
        await settled(aegis, payment_id)
        payment = await agreed(world, aegis, payment_id)
    after = (await world.types(payment_id))[len(before) :]
    unknown = "payment.outcome_unknown" if kind in {"charge", "authorize"} else f"payment.{kind}_unknown"
    assert after[0] == unknown
    assert not any("failed" in name for name in after)
    assert len(payment.attempts) == 1
    sends = odd.requests if kind in {"charge", "authorize"} else odd.operations
    assert {request.idempotency_key for request in sends} == {sends[0].idempotency_key}
    assert [entry.kind.value for entry in world.ledger.entries()].count(kind) == 1


async def begin_or_pay(aegis, kind):
    return await (aegis.pay(**order()) if kind == "charge" else begun(aegis, kind))


# --- B ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop_seed", range(5))
@virtual
async def test_b4_two_equal_refunds_with_two_keys_are_two_and_one_key_asked_twice_is_one(loop_seed):
    world = World(latency_s=(0.1, 1.0))
    async with world.engine() as aegis:
        before = await charged(aegis)
        keys = ["r1", "r2", "r1", "r2"]
        await asyncio.gather(*(aegis.refund_payment(before.id, idempotency_key=k, amount="10.00") for k in keys))
        payment = await agreed(world, aegis, before.id)
        assert operations(payment) == [("refund", "succeeded", 1_000)] * 2, f"seed {loop_seed}"
    assert world.moved() == [("charge", 10_000), ("refund", 1_000), ("refund", 1_000)]


@virtual
async def test_b4_two_equal_refunds_stay_two_when_both_answers_are_lost():
    world = World()
    world["alpha"].script("refund", Fault.HANG_AFTER, times=2)
    async with world.engine() as aegis:
        before = await charged(aegis)
        keys = ["r1", "r2"]
        await asyncio.gather(*(aegis.refund_payment(before.id, idempotency_key=k, amount="10.00") for k in keys))
        payment = await settled(aegis, before.id)
        assert payment.refunded_minor == 2_000
        await agreed(world, aegis, before.id)


# --- C ------------------------------------------------------------------------------------------------------


async def void_against_capture(seed):
    source = random.Random(seed)
    world = World(latency_s=(0.0, 1.0), seed=seed, contract=GatewayContract(visibility_delay_s=source.choice((0, 30))))
    for kind in ("capture", "void"):
        if source.random() < 0.4:
            world["alpha"].script(kind, source.choice((Fault.HANG_AFTER, Fault.HANG_BEFORE, Fault.RAISE_AFTER)))
    async with world.engine() as aegis:
        before = await authorized(aegis)
        asked = [aegis.cancel_payment(before.id), aegis.capture_payment(before.id, idempotency_key="c")]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        payment = await settled(aegis, before.id)
        await agreed(world, aegis, before.id)
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    return payment, [kind for kind, _ in world.moved()], errors


def test_c1_of_void_and_capture_at_once_one_wins_and_the_other_is_told():
    winners = set()
    for seed in range(200):
        payment, moved, errors = run_virtual(void_against_capture(seed), seed=seed)
        assert len(moved) == 2, f"seed {seed}"
        winners.add(moved[1])
        (error,) = errors
        assert isinstance(error, OperationRefusedError | IllegalTransitionError), f"seed {seed}"
        expected = PaymentState.SUCCESS if moved[1] == "capture" else PaymentState.CANCELLED
        assert payment.state is expected, f"seed {seed}"
    assert winners == {"capture", "void"}


@pytest.mark.parametrize("moment_s", [0.0, 0.5, 1.0, 1.5, 5.0, 29.0, 31.0, 40.0])
@pytest.mark.parametrize("trouble", ["none", "hangs", *TROUBLE])
@virtual
async def test_c2_after_a_cancel_was_accepted_no_charge_leaves(moment_s, trouble):
    world = World()
    sent_at = []

    def provider(name):
        async def charge(request):
            sent_at.append(world.clock.monotonic())
            await elapse(86_400.0 if trouble == "hangs" else 1.0)
            return TROUBLE.get(trouble) or made.take(request)

        async def refund(request):
            return made.take(request)

        made = Adapter(charge, refund=refund, name=name, ledger=world.ledger, clock=world.clock)
        return made

    world.gateways.clear()
    async with world.engine(provider("alpha"), provider("beta")) as aegis:
        created = await aegis.create_payment(**order())
        paying = asyncio.create_task(aegis.process_payment(created.id))
        await elapse(moment_s)
        try:
            await aegis.cancel_payment(created.id)
        except IllegalTransitionError:
            assert (await aegis.get_payment(created.id)).state in {PaymentState.SUCCESS, PaymentState.FAILURE}
        cancelled_at = world.clock.monotonic()
        await paying
        await elapse(7_200)
        await agreed(world, aegis, created.id)
        assert [at for at in sent_at if at > cancelled_at] == []


@virtual
async def test_c5_a_webhook_for_a_payment_that_does_not_exist_yet_is_kept_and_makes_no_ghost():
    world = World(contract=MUTE)
    payment_id = derive_payment_id(world.store.salt, "default", "order-1")
    async with world.engine() as aegis:
        assert await deliver(world, aegis, approved(payment_id)) is Receipt.STORED
        with pytest.raises(PaymentNotFoundError):
            await aegis.get_payment(payment_id)
        world["alpha"].script("charge", Fault.ERROR_AFTER)
        before = await aegis.pay(**order())
        assert (before.id, before.in_doubt) == (payment_id, True)
        await elapse(60)
        payment = await agreed(world, aegis, payment_id)
        assert (payment.state, payment.incidents) == (PaymentState.SUCCESS, ())


@pytest.mark.parametrize("loop_seed", range(10))
@virtual
async def test_c5_a_webhook_while_the_charge_is_under_way_settles_it_once(loop_seed):
    world = World(contract=MUTE)
    world["alpha"].script("charge", Fault.HANG_AFTER)
    async with world.engine() as aegis:
        paying = asyncio.create_task(aegis.pay(**order()))
        while not world.moved():
            await elapse(0.001)
        (said,) = world["alpha"].notifications()
        await deliver(world, aegis, said)
        payment = await paying
        await elapse(60)
        assert await agreed(world, aegis, payment.id) == payment
        assert payment.state is PaymentState.SUCCESS, f"seed {loop_seed}"


@pytest.mark.parametrize("loop_seed", range(25))
@virtual
async def test_c6_the_return_and_the_webhook_at_once_are_one_charge(loop_seed):
    world = World(latency_s=(0.0, 1.0), seed=loop_seed)
    async with world.engine() as aegis:
        before = await aegis.pay(**order(token="tok_requires_action"))
        world["alpha"].pass_challenge(before.attempts[0].id)
        (said,) = world["alpha"].notifications()
        await asyncio.gather(*(aegis.complete_action(before.id) for _ in range(3)), deliver(world, aegis, said))
        payment = await agreed(world, aegis, before.id)
        assert (payment.state, payment.incidents) == (PaymentState.SUCCESS, ()), f"seed {loop_seed}"
    assert world.moved() == [("charge", 10_000)]


@virtual
async def test_c6_the_return_and_the_webhook_at_once_are_one_authorization_and_one_capture():
    world = World()
    async with world.engine() as aegis:
        before = await aegis.pay(**order(token="tok_requires_action", capture="manual"))
        world["alpha"].pass_challenge(before.attempts[0].id)
        (said,) = world["alpha"].notifications()
        await asyncio.gather(aegis.complete_action(before.id), deliver(world, aegis, said))
        asked = (aegis.capture_payment(before.id, idempotency_key="c") for _ in range(3))
        await asyncio.gather(*asked)
        await agreed(world, aegis, before.id)
    assert world.moved() == [("authorize", 10_000), ("capture", 10_000)]


# --- G ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NotificationKind)
@virtual
async def test_g6_a_gateway_reports_only_about_money_that_it_holds(kind):
    world = World("alpha", "beta", contract=MUTE)
    world["alpha"].script("charge", Fault.REFUSE_CONNECTION)
    for each in ("capture", "refund"):
        world["beta"].script(each, Fault.ERROR_BEFORE)
    async with world.engine() as aegis:
        before = await charged(aegis)
        assert [attempt.gateway for attempt in before.attempts] == ["alpha", "beta"]
        before = await aegis.refund_payment(before.id, idempotency_key="r", amount="10.00")
        (refund,) = before.operations
        assert refund.status is OperationStatus.UNKNOWN
        for number, reference in enumerate((before.attempts[1].id, refund.id)):
            outcome = Approved(reference=f"other-{number}", amount_minor=1_000, currency="USD")
            said = Notification(id=f"evt-{number}", kind=kind, reference=reference, outcome=outcome)
            assert await deliver(world, aegis, said, "alpha") is Receipt.STORED
        assert await agreed(world, aegis, before.id) == before


@pytest.mark.parametrize(("mine", "other"), list(itertools.permutations(("order-1", "order-2"))))
@virtual
async def test_g6_a_report_about_one_payment_never_touches_another(mine, other):
    world = World(contract=MUTE)
    world["alpha"].script("charge", Fault.ERROR_BEFORE, times=2)
    async with world.engine() as aegis:
        payments = {key: await aegis.pay(**order(key)) for key in ("order-1", "order-2")}
        await deliver(world, aegis, approved(payments[mine].id))
        assert (await aegis.get_payment(payments[mine].id)).state is PaymentState.SUCCESS
        assert await aegis.get_payment(payments[other].id) == payments[other]
