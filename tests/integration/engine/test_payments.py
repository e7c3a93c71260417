"""Create, process, pay, read: the plain life of a payment through the public methods."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from aegispay import (
    Address,
    AttemptStatus,
    Card,
    Customer,
    EventType,
    NetBanking,
    PayLater,
    PaymentNotFoundError,
    PaymentState,
    Upi,
    ValidationError,
    Wallet,
)
from tests.integration.engine.rig import World, elapse, order, virtual

CUSTOMER = Customer(
    id="cust-1",
    email="payer@example.com",
    phone="+14155550100",
    name="Pat Payer",
    billing_address=Address(line1="1 Main Street", city="Oslo", country="NO"),
    shipping_address=Address(country="SE"),
)
METADATA = {"order": {"lines": [{"sku": "A-1", "count": 2}, {"sku": "B", "price": 1.5}], "gift": None}, "paid": True}


@virtual
async def test_a_created_payment_is_initiated_durable_and_not_yet_at_a_gateway():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order())
        assert payment.state is PaymentState.INITIATED
        assert payment.version == 1
        assert payment.attempts == ()
        assert str(payment.money) == "100.00 USD"
        assert await aegis.get_payment(payment.id) == payment
        assert world["alpha"].calls == 0


@virtual
async def test_processing_a_created_payment_charges_it_once():
    world = World()
    async with world.engine() as aegis:
        created = await aegis.create_payment(**order())
        payment = await aegis.process_payment(created.id)
    assert payment.state is PaymentState.SUCCESS
    assert (payment.authorized_minor, payment.captured_minor, payment.refunded_minor) == (10_000, 10_000, 0)
    assert world.charges() == [("alpha", 10_000)]
    assert await world.types(payment.id) == [
        "payment.initiated",
        "payment.authenticated",
        "payment.processing",
        "payment.succeeded",
    ]


@virtual
async def test_pay_does_both_in_two_commits():
    world = World()
    commits: list[str] = []
    world.store.faults = commits.append
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
    assert payment.state is PaymentState.SUCCESS
    assert commits.count("after_commit") == 2
    assert world.charges(payment.id) == [("alpha", 10_000)]


@virtual
async def test_the_intent_is_on_disk_before_the_gateway_is_called():
    world = World()
    seen: list[list[str]] = []
    charge = world["alpha"].charge

    async def watched(request):
        seen.append(await world.types(request.payment_id))
        return await charge(request)

    world["alpha"].charge = watched
    async with world.engine() as aegis:
        await aegis.pay(**order())
    assert seen == [["payment.initiated", "payment.authenticated", "payment.processing"]]


@virtual
async def test_an_attempt_keeps_gateway_key_reference_and_status():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
    (attempt,) = payment.attempts
    (entry,) = world.ledger.entries()
    assert attempt.status is AttemptStatus.APPROVED
    assert attempt.gateway == payment.gateway == "alpha"
    assert attempt.idempotency_key == entry.idempotency_key
    assert attempt.operation_id == entry.reference
    assert attempt.reference is not None
    assert attempt.reference.startswith("alpha_")


@virtual
async def test_repeated_calls_answer_the_same_payment_and_charge_nothing_more():
    world = World()
    async with world.engine() as aegis:
        first = await aegis.pay(**order())
        assert await aegis.pay(**order()) == first
        assert await aegis.create_payment(**order()) == first
        assert await aegis.process_payment(first.id) == first
        assert await aegis.get_payment(first.id) == first
        assert await aegis.get_payment_by_idempotency_key("order-1") == first
    assert world["alpha"].calls == 1


@virtual
async def test_repeated_calls_answer_the_same_after_a_restart():
    world = World()
    async with world.engine() as aegis:
        first = await aegis.pay(**order())
    async with world.engine() as aegis:
        assert await aegis.pay(**order()) == first
        assert await aegis.process_payment(first.id) == first
    assert world["alpha"].calls == 1


@pytest.mark.parametrize("token", ["tok_visa", "tok_declined"])
@virtual
async def test_processing_a_final_payment_makes_no_gateway_call(token):
    world = World()
    async with world.engine() as aegis:
        final = await aegis.pay(**order(token=token))
        calls = world["alpha"].calls
        assert await aegis.process_payment(final.id) == final
        assert world["alpha"].calls == calls == 1


@virtual
async def test_two_calls_to_process_join_the_one_charge():
    world = World(latency_s=3.0)
    async with world.engine() as aegis:
        created = await aegis.create_payment(**order())
        first, second = await asyncio.gather(aegis.process_payment(created.id), aegis.process_payment(created.id))
    assert first == second
    assert first.state is PaymentState.SUCCESS
    assert world["alpha"].calls == 1


@virtual
async def test_a_payment_answers_while_its_charge_runs():
    world = World(latency_s=20.0)
    async with world.engine() as aegis:
        paying = asyncio.create_task(aegis.pay(**order()))
        await elapse(1)
        now = await aegis.create_payment(**order())
        assert now.state is PaymentState.PROCESSING
        assert (await aegis.get_payment(now.id)).attempts[0].status is AttemptStatus.STARTED
        assert not paying.done()
        assert (await paying).state is PaymentState.SUCCESS


@virtual
async def test_different_payments_do_not_wait_for_each_other():
    world = World("alpha")
    world["alpha"].latency_s = (5.0, 5.0)
    async with world.engine() as aegis:
        started = world.clock.monotonic()
        payments = await asyncio.gather(*(aegis.pay(**order(f"order-{n}")) for n in range(50)))
        assert world.clock.monotonic() - started == pytest.approx(5.0)
    assert {payment.state for payment in payments} == {PaymentState.SUCCESS}
    assert len({payment.id for payment in payments}) == len(world.charges()) == 50


@pytest.mark.parametrize(
    "method",
    [
        Card(token="tok_visa", brand="visa", last4="4242", expiry_month=12, expiry_year=2030),
        Upi(vpa="payer@bank"),
        NetBanking(bank_code="HDFC", token="tok_bank"),
        Wallet(provider="apple_pay", token="tok_wallet"),
        PayLater(provider="klarna"),
    ],
    ids=lambda method: method.type.value,
)
@virtual
async def test_every_payment_method_is_charged_and_kept(method):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(payment_method=method))
        assert payment.state is PaymentState.SUCCESS
    async with world.engine() as aegis:
        assert (await aegis.get_payment(payment.id)).payment_method == method


@pytest.mark.parametrize(
    ("currency", "amount", "minor", "text"),
    [
        ("JPY", "1500", 1_500, "1500 JPY"),
        ("USD", "15.5", 1_550, "15.50 USD"),
        ("KWD", "1.234", 1_234, "1.234 KWD"),
        ("CLF", "1.2345", 12_345, "1.2345 CLF"),
        ("EUR", Decimal("0.01"), 1, "0.01 EUR"),
        ("EUR", 19.99, 1_999, "19.99 EUR"),
        ("INR", 7, 700, "7.00 INR"),
    ],
)
@virtual
async def test_amounts_are_exact_in_every_kind_of_currency(currency, amount, minor, text):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(amount=amount, currency=currency))
    async with world.engine() as aegis:
        payment = await aegis.get_payment(payment.id)
    assert payment.captured_minor == minor
    assert str(payment.money) == text
    assert [(e.amount_minor, e.currency) for e in world.ledger.entries()] == [(minor, currency)]


@virtual
async def test_customer_metadata_and_merchant_are_kept_through_processing_and_restart():
    world = World()
    fields = order(customer=CUSTOMER, metadata=METADATA, merchant="shop.eu")
    async with world.engine() as aegis:
        created = await aegis.create_payment(**fields)
        paid = await aegis.process_payment(created.id)
        assert (paid.customer, paid.metadata, paid.merchant) == (CUSTOMER, METADATA, "shop.eu")
    async with world.engine() as aegis:
        read = await aegis.get_payment(created.id)
    assert read == paid
    assert (read.created_at, read.id, read.money) == (created.created_at, created.id, created.money)


@virtual
async def test_what_the_caller_changes_afterwards_does_not_reach_the_payment():
    world = World()
    metadata = {"tags": ["a"]}
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**order(metadata=metadata))
        metadata["tags"].append("b")
        assert (await aegis.get_payment(payment.id)).metadata == {"tags": ["a"]}
        assert (await aegis.pay(**order(metadata={"tags": ["a"]}))).metadata == {"tags": ["a"]}


@virtual
async def test_a_retry_is_a_new_payment_that_names_the_failed_one():
    world = World()
    async with world.engine() as aegis:
        failed = await aegis.pay(**order(token="tok_insufficient_funds"))
        again = await aegis.pay(**order("order-1-again", retry_of=failed.id))
        assert failed.state is PaymentState.FAILURE
        assert again.state is PaymentState.SUCCESS
        assert again.id != failed.id
        assert (await aegis.get_payment(again.id)).request.retry_of == failed.id
        assert await aegis.get_payment(failed.id) == failed


@pytest.mark.parametrize("token", ["tok_error_after_charge", "tok_visa", None], ids=["in_doubt", "success", "unknown"])
@virtual
async def test_a_retry_of_a_payment_that_may_still_succeed_is_refused(token):
    world = World()
    async with world.engine() as aegis:
        named = "pay_" + "0" * 26 if token is None else (await aegis.pay(**order(token=token))).id
        charged = world.charges()
        with pytest.raises(ValidationError, match="retry_of"):
            await aegis.pay(**order("again", retry_of=named))
        assert world.charges() == charged


@virtual
async def test_a_finished_payment_answers_the_same_without_any_gateway():
    world = World()
    async with world.engine() as aegis:
        paid = await aegis.pay(**order())
    world.gateways.clear()
    async with world.engine() as aegis:
        assert await aegis.process_payment(paid.id) == paid
        assert await aegis.pay(**order()) == paid


@virtual
async def test_one_key_of_two_merchants_is_two_payments():
    world = World()
    async with world.engine() as aegis:
        one = await aegis.pay(**order(merchant="one"))
        two = await aegis.pay(**order(merchant="two", amount="5.00"))
        assert await aegis.get_payment_by_idempotency_key("order-1", merchant="one") == one
        assert await aegis.get_payment_by_idempotency_key("order-1", merchant="two") == two
    assert sorted(world.charges()) == [("alpha", 500), ("alpha", 10_000)]


@virtual
async def test_events_are_numbered_without_gaps_and_keep_their_ids():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        events = await aegis.payment_events(payment.id)
    assert [event.version for event in events] == [1, 2, 3, 4]
    assert [event.event_id for event in events] == [f"{payment.id}-{n}" for n in (1, 2, 3, 4)]
    assert events[-1].event.type is EventType.PAYMENT_SUCCEEDED
    async with world.engine() as aegis:
        assert await aegis.payment_events(payment.id) == events


@pytest.mark.parametrize("method", ["get_payment", "process_payment", "payment_events"])
@virtual
async def test_an_unknown_payment_is_named_in_the_error(method):
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(PaymentNotFoundError, match="pay_nobody") as caught:
            await getattr(aegis, method)("pay_nobody")
        assert caught.value.hint
        with pytest.raises(PaymentNotFoundError, match="'never-used'"):
            await aegis.get_payment_by_idempotency_key("never-used")


@virtual
async def test_time_of_the_last_change_never_goes_back():
    world = World(latency_s=2.0)
    async with world.engine() as aegis:
        created = await aegis.create_payment(**order())
        await elapse(5)
        paid = await aegis.process_payment(created.id)
    assert created.created_at == created.updated_at == paid.created_at
    assert (paid.updated_at - paid.created_at).total_seconds() == pytest.approx(7.0)
