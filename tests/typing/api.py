"""The public API used the way users use it. Never run: mypy and pyright, both strict, must accept every line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type

from aegispay import (
    AegisPay,
    AegisPayConfig,
    AegisPayError,
    Approved,
    BlockingAegisPay,
    CaptureSupport,
    Card,
    ChargeRequest,
    ConsoleSink,
    Customer,
    DeadLetter,
    Declined,
    Distribution,
    EngineHealth,
    EngineMetrics,
    ErasureRecord,
    ErasureReport,
    Event,
    EventTransaction,
    EventType,
    Gateway,
    GatewayContract,
    GatewayHealth,
    GroupBy,
    IdempotencyConflictError,
    JsonLinesSink,
    LookupAuthority,
    MemoryStore,
    Money,
    NotFound,
    Outcome,
    Payment,
    PaymentMethod,
    PaymentPage,
    PaymentState,
    Reason,
    RetrySchedule,
    RoutingStrategy,
    SimulatedGateway,
    SqliteStore,
    StatisticsRow,
    StoredEvent,
    SubscriberKind,
    Subscription,
    SubscriptionState,
    SubscriptionStatus,
    Upi,
    ValidationError,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookReplay,
    WebhookStatus,
    cloud_event,
    fan_out,
    new_webhook_secret,
    public_event,
)
from aegispay.testing import run_virtual, running_clock


class OwnGateway:
    """Fits the protocol without inheriting from it."""

    name = "own"
    contract = GatewayContract(
        lookup=LookupAuthority.ADVISORY, timeout_s=5, capture=CaptureSupport.NONE, void=False, refund=False
    )

    async def charge(self, request: ChargeRequest) -> Outcome:
        return Approved(reference="r", amount_minor=request.money.amount_minor, currency=request.money.currency)

    async def fetch_payment(self, request: ChargeRequest) -> Outcome | NotFound:
        return NotFound()

    async def health_check(self) -> GatewayHealth:
        return GatewayHealth(is_up=True)


def make_engines(gateway: Gateway) -> tuple[AegisPay, ...]:
    config = AegisPayConfig(routing=RoutingStrategy.LOWEST_LATENCY, in_flight_max=10)
    return (
        AegisPay("payments.db"),
        AegisPay(Path("payments.db"), gateways=[gateway, SimulatedGateway("alpha")], config=config),
        AegisPay(SqliteStore("payments.db"), gateways=(OwnGateway(),)),
        AegisPay(MemoryStore(), gateways=iter([OwnGateway()])),
    )


async def take_payments(aegis: AegisPay) -> None:
    created = await aegis.create_payment(
        idempotency_key="order_1",
        amount="100.00",
        currency="USD",
        payment_method=Card(token="tok_visa", last4="4242"),
        customer=Customer(id="cust_1"),
        metadata={"basket": [1, 2, {"nested": None}]},
        merchant="shop",
        gateway="alpha",
    )
    assert_type(created, Payment)
    assert_type(await aegis.process_payment(created.id), Payment)
    for amount in ("1.00", 1, Decimal("1.00"), 1.5):
        await aegis.pay(idempotency_key="k", amount=amount, currency="EUR", payment_method=Upi(vpa="a@b"))
    method: Mapping[str, Any] = {"type": "wallet", "provider": "paypal"}
    await aegis.pay(idempotency_key="k", amount=1, currency="EUR", payment_method=method, customer={"id": "c"})


async def read(aegis: AegisPay, payment_id: str) -> None:
    assert_type(await aegis.get_payment(payment_id), Payment)
    assert_type(await aegis.get_payment_by_idempotency_key("order_1", merchant="shop"), Payment)
    page = await aegis.list_payments(
        state=PaymentState.SUCCESS, created_after=datetime(2026, 1, 1, tzinfo=UTC), limit=5
    )
    assert_type(page, PaymentPage)
    assert_type(page.next_cursor, str | None)
    for stored in await aegis.payment_events(payment_id):
        assert_type(stored, StoredEvent)
        assert_type(stored.event, Event)


async def operate(aegis: AegisPay, gateway: Gateway) -> None:
    await aegis.register_gateway(gateway)
    await aegis.disable_gateway("alpha", reason="maintenance")
    await aegis.enable_gateway("alpha")
    for metrics in await aegis.gateway_metrics():
        assert_type(metrics.name, str)
    assert_type((await aegis.gateway_metrics("alpha")).health, float)
    assert_type(await aegis.health(), EngineHealth)
    assert_type((await aegis.supervision_tree()).render(), str)
    assert_type(await aegis.unpark_payment("pay_1", operator="mira"), Payment)


async def mail(event: StoredEvent) -> None:
    assert_type(event.event_id, str)
    assert_type(public_event(event), dict[str, Any])
    assert_type(cloud_event(event, merchant="shop"), dict[str, Any])


def count(event: StoredEvent, transaction: EventTransaction) -> None:
    transaction.execute("INSERT INTO sales VALUES (?, ?)", (event.payment_id, event.version))


async def hand_on(aegis: AegisPay) -> None:
    handed = await aegis.subscribe("payment.*", mail, name="mailer", from_="start", retry=RetrySchedule())
    assert_type(handed, Subscription)
    await aegis.subscribe([EventType.PAYMENT_SUCCEEDED], count, name="sales", transactional=True, setup=["CREATE …"])
    await aegis.subscribe("*", fan_out(ConsoleSink(), JsonLinesSink("events.jsonl")), name="lines", from_=7)
    for each in await aegis.subscriptions():
        assert_type(each, SubscriptionStatus)
        assert_type(each.state, SubscriptionState)
        assert_type(each.kind, SubscriberKind)
    for letter in await aegis.dead_letters("mailer"):
        assert_type(letter, DeadLetter)
        await aegis.replay_dead_letter("mailer", letter.event_id, operator="mira")
    await aegis.add_webhook_endpoint(
        WebhookEndpoint(name="shop", url="https://shop.example.com", secrets=[new_webhook_secret()])
    )
    for endpoint in await aegis.webhook_endpoints():
        assert_type(endpoint, WebhookStatus)
    log = await aegis.webhook_log("shop")
    assert_type(log.attempts, tuple[WebhookAttempt, ...])
    assert_type(await aegis.replay_webhook("shop", since=7, operator="mira"), WebhookReplay)


async def look_back(aegis: AegisPay) -> None:
    assert_type(await aegis.export_payment("pay_1"), dict[str, Any])
    for row in await aegis.statistics(["state", GroupBy.GATEWAY], merchant="shop"):
        assert_type(row, StatisticsRow)
    assert_type(await aegis.erase_customer("c", operator="mira", reason="asked"), ErasureReport)
    assert_type(await aegis.erasures(), tuple[ErasureRecord, ...])
    assert_type(aegis.latest_metrics(), EngineMetrics)
    for call in (await aegis.metrics()).calls:
        assert_type(call.latency, Distribution)


def look_at(payment: Payment) -> str:
    assert_type(payment.money, Money)
    assert_type(payment.gateway, str | None)
    assert_type(payment.in_doubt, bool)
    if payment.failure is not None:
        assert_type(payment.failure.reason, Reason)
    return str(payment.money)


def name_the_method(method: PaymentMethod) -> str:
    return method.token if isinstance(method, Card) else method.type


def why(outcome: Outcome) -> Reason | None:
    match outcome:
        case Declined(reason=reason):
            return reason
        case Approved():
            return None
        case _:
            return None


def block() -> Payment | None:
    with BlockingAegisPay("payments.db", gateways=[SimulatedGateway("alpha", latency_s=(0.1, 0.2))]) as aegis:
        try:
            return aegis.pay(idempotency_key="k", amount="1.00", currency="EUR", payment_method=Card(token="t"))
        except ValidationError as error:
            assert_type([problem.field for problem in error.errors], list[str])
        except IdempotencyConflictError as error:
            assert_type(error.fields, tuple[str, ...])
        except AegisPayError as error:
            assert_type(error.hint, str)
    return None


async def in_virtual_time() -> Payment:
    engine = AegisPay(MemoryStore(), gateways=[SimulatedGateway("a", latency_s=30)], clock=running_clock())
    async with engine as aegis:
        await asyncio.gather(aegis.health())
        return await aegis.pay(idempotency_key="k", amount=1, currency="EUR", payment_method=Card(token="t"))


assert_type(run_virtual(in_virtual_time(), seed=1), Payment)
