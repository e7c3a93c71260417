"""Adapters that misbehave in every way a program can: the engine stays whole and the outcome stays unknown."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    Approved,
    AttemptStatus,
    Declined,
    DeclineKind,
    GatewayContract,
    GatewayMisconfigured,
    InvalidRequest,
    NotFound,
    NotProcessed,
    NotSentError,
    OutcomeUnknown,
    PaymentState,
    Reason,
    RequiresAction,
)
from aegispay.domain.events import encode
from tests.integration.engine.rig import Adapter, World, approval, elapse, order, virtual

PAN = "4242424242424242"
ASK_ME = GatewayContract(idempotency_window_s=None, timeout_s=30.0)


class OddError(BaseException):
    """Not even an Exception."""


async def pay_at(adapter, *, world=None, after_s=0.0):
    """Pay with `adapter` first and alpha behind it; return the payment and the world."""
    world = world or World("alpha")
    adapter.contract = ASK_ME
    world.gateways.insert(0, adapter)
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        if after_s:
            await elapse(after_s)
            payment = await aegis.get_payment(payment.id)
    return payment, world


def doubt(payment):
    assert payment.state is PaymentState.PROCESSING
    assert payment.in_doubt
    (attempt,) = payment.attempts
    assert attempt.failure is not None
    return attempt.failure


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("a bug"), Reason.CONNECTION_LOST),
        (ValueError(), Reason.CONNECTION_LOST),
        (ConnectionResetError(), Reason.CONNECTION_LOST),
        (StopAsyncIteration(), Reason.CONNECTION_LOST),
        (ExceptionGroup("several", [ValueError("x")]), Reason.CONNECTION_LOST),
        (SystemExit(3), Reason.CONNECTION_LOST),
        (asyncio.CancelledError(), Reason.CONNECTION_LOST),
        (TimeoutError(), Reason.TIMEOUT),
        (OddError(), Reason.TIMEOUT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
@virtual
async def test_whatever_an_adapter_raises_leaves_the_outcome_unknown(error, reason):
    payment, world = await pay_at(Adapter(error))
    assert doubt(payment).reason is reason
    assert world["alpha"].calls == 0


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "approved",
        b"approved",
        {"type": "approved", "reference": "r", "amount_minor": 10_000, "currency": "USD"},
        200,
        True,
        object(),
        NotFound(),
        Approved,
        [Approved(reference="r", amount_minor=10_000, currency="USD")],
    ],
    ids=lambda answer: repr(answer).split(" at 0x")[0][:30],
)
@virtual
async def test_an_answer_that_is_no_outcome_leaves_the_outcome_unknown(answer):
    payment, world = await pay_at(Adapter(answer))
    assert doubt(payment).reason is Reason.UNREADABLE_ANSWER
    assert world["alpha"].calls == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"reference": ""},
        {"reference": None},
        {"reference": 17},
        {"reference": "x" * 256},
        {"reference": "a\nb"},
        {"reference": "\ud800"},
        {"amount_minor": "10000"},
        {"amount_minor": 10_000.0},
        {"amount_minor": True},
        {"amount_minor": None},
        {"currency": None},
        {"currency": 840},
        {"currency": "\ud800"},
        {"currency": "USD" * 10_000},
        {"currency": PAN},
    ],
    ids=lambda fields: repr(fields)[:40],
)
@virtual
async def test_an_approval_with_impossible_fields_is_unreadable(fields):
    async def charge(request):
        return approval(request, **fields)

    payment, world = await pay_at(Adapter(charge))
    assert doubt(payment).reason is Reason.UNREADABLE_ANSWER
    assert world["alpha"].calls == 0
    assert PAN.encode() not in await written(world)


@pytest.mark.parametrize(
    "answer",
    [
        Declined(kind="sometimes", reason=Reason.DO_NOT_HONOR),
        Declined(kind=DeclineKind.HARD, reason="because"),
        Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, message=7),
        Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, message="\ud800"),
        NotProcessed(reason=None),
        RequiresAction(reference="r", action=None),
        OutcomeUnknown(reason=Reason.TIMEOUT, code=object()),
    ],
    ids=lambda answer: repr(answer)[:60],
)
@virtual
async def test_an_outcome_with_impossible_fields_is_unreadable(answer):
    payment, world = await pay_at(Adapter(answer))
    assert doubt(payment).reason is Reason.UNREADABLE_ANSWER
    assert world["alpha"].calls == 0


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"amount_minor": 9_999}, "9999 USD"),
        ({"amount_minor": 10_001}, "10001 USD"),
        ({"amount_minor": 0}, "0 USD"),
        ({"amount_minor": -10_000}, "-10000 USD"),
        ({"currency": "EUR"}, "10000 EUR"),
        ({"currency": "usd"}, "10000 usd"),
    ],
    ids=repr,
)
@virtual
async def test_an_approval_of_something_else_is_never_success_but_an_incident_with_both_values(changes, got):
    async def charge(request):
        return approval(request, **changes)

    payment, world = await pay_at(Adapter(charge))
    assert doubt(payment).reason is Reason.AMOUNT_MISMATCH
    (incident,) = payment.incidents
    assert incident.is_open
    assert "10000 USD" in incident.detail
    assert got in incident.detail
    assert payment.captured_minor == 0
    assert world["alpha"].calls == 0


@pytest.mark.parametrize(
    "answer",
    [
        Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code=PAN, message=f"card {PAN} was declined"),
        InvalidRequest(message=f"pan={PAN}", code=PAN),
        GatewayMisconfigured(message="4242 4242 4242 4242 refused"),
        NotProcessed(reason=Reason.RATE_LIMITED, message=f"{PAN} again"),
        OutcomeUnknown(reason=Reason.GATEWAY_FAULT, message=f"lost {PAN}"),
        NotSentError(f"no route for {PAN}"),
        RuntimeError(f"POST failed: {PAN}"),
        ValueError(PAN),
    ],
    ids=lambda answer: type(answer).__name__,
)
@virtual
async def test_a_card_number_in_what_a_gateway_says_is_in_no_event(answer, caplog):
    caplog.set_level(0)
    payment, world = await pay_at(Adapter(answer))
    assert payment.version >= 4
    everything = (await written(world)).replace(b" ", b"")
    assert PAN.encode() not in everything
    assert PAN not in caplog.text.replace(" ", "")
    assert PAN not in repr(payment)


async def written(world) -> bytes:
    """Return everything that was stored, as bytes."""
    return b"".join(encode(stored.event) for stored in await world.store.read_all())


@virtual
async def test_what_a_gateway_says_is_kept_short():
    declined = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="c" * 10_000, message="m" * 10_000)
    payment, _ = await pay_at(Adapter(declined))
    assert payment.failure is not None
    assert (len(payment.failure.code), len(payment.failure.message)) == (100, 500)


@virtual
async def test_a_not_sent_error_whose_text_cannot_be_written_still_moves_the_payment_on():
    payment, world = await pay_at(Adapter(NotSentError("name \udcff not known")))
    assert payment.state is PaymentState.SUCCESS
    assert [(a.gateway, a.status) for a in payment.attempts] == [
        ("odd", AttemptStatus.FAILED),
        ("alpha", AttemptStatus.APPROVED),
    ]
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_hanging_gateway_is_unknown_after_its_timeout():
    async def hang(request):
        await elapse(100_000)

    world = World("alpha")
    started = world.clock.monotonic()
    payment, _ = await pay_at(Adapter(hang), world=world)
    assert doubt(payment).reason is Reason.TIMEOUT
    assert payment.attempts[0].failure.message == "no answer within 30 s"
    assert (payment.updated_at - payment.created_at).total_seconds() == pytest.approx(30)
    assert world.clock.monotonic() - started == pytest.approx(30)


@virtual
async def test_a_gateway_that_swallows_its_cancellation_keeps_nobody_waiting():
    async def stubborn(request):
        for _ in range(5):
            try:
                await elapse(1_000)
            except asyncio.CancelledError:
                continue

    world = World("alpha")
    payment, _ = await pay_at(Adapter(stubborn), world=world)
    assert doubt(payment).reason is Reason.TIMEOUT
    # 30 s for the call, 1 s for the adapter to take in that the engine closes.
    assert world.clock.monotonic() == pytest.approx(31)


@virtual
async def test_the_answer_of_a_method_that_is_not_async_is_an_answer_and_the_log_says_what_is_wrong(caplog):
    class Plain(Adapter):
        def charge(self, request):
            return approval(request)

    payment, world = await pay_at(Plain())
    assert payment.state is PaymentState.SUCCESS
    assert world["alpha"].calls == 0
    assert "adapter_not_async" in caplog.text


@virtual
async def test_a_bad_gateway_does_not_disturb_the_others():
    world = World("alpha")
    odd = Adapter(SystemExit(1), contract=ASK_ME)
    async with world.engine(odd) as aegis:
        odd_payments = [aegis.pay(**order(f"odd-{n}", gateway="odd")) for n in range(10)]
        good_payments = [aegis.pay(**order(f"good-{n}", gateway="alpha")) for n in range(10)]
        payments = await asyncio.gather(*odd_payments, *good_payments)
    states = [payment.state for payment in payments]
    assert states[10:] == [PaymentState.SUCCESS] * 10
    assert PaymentState.SUCCESS not in states[:10]


@virtual
async def test_the_request_names_everything_a_gateway_needs():
    async def charge(request):
        return approval(request)

    adapter = Adapter(charge)
    payment, _ = await pay_at(adapter)
    (request,) = adapter.requests
    (attempt,) = payment.attempts
    assert request.payment_id == payment.id
    assert (request.reference, request.idempotency_key) == (attempt.operation_id, attempt.idempotency_key)
    assert request.money == payment.money
    assert request.payment_method == payment.payment_method
    assert request.timeout_s == 30.0


class Forwarding:
    """A wrapper as people write it: what it does not know, it takes from what it wraps."""

    def __init__(self, wrapped):
        self._wrapped = wrapped

    def __getattr__(self, name):
        return getattr(self._wrapped, name)


@virtual
async def test_a_wrapper_that_forwards_by_getattr_is_a_gateway_with_all_it_can_do():
    world, inner = World(), World("inner")
    world.gateways = []
    async with world.engine(Forwarding(inner["inner"])) as aegis:
        payment = await aegis.pay(**order(capture="manual"))
        captured = await aegis.capture_payment(payment.id, idempotency_key="c")
    assert captured.state is PaymentState.SUCCESS
