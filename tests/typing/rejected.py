"""Mistakes that a type checker must find. Never run: an ignore here that nothing needs is an error in itself."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from aegispay import AegisPay, Card, GatewayContract, Money, Payment, PaymentState, Upi

CARD = Card(token="tok_visa")


class NoLookUp:
    name = "no_look_up"
    contract = GatewayContract()


async def wrong_requests(aegis: AegisPay) -> None:
    await aegis.pay(idempotency_key="k", amount=[1], currency="EUR", payment_method=CARD)  # type: ignore[arg-type]
    await aegis.pay(amount=1, currency="EUR", payment_method=CARD)  # type: ignore[call-arg]
    await aegis.pay(idempotency_key="k", amount=1, payment_method=CARD)  # type: ignore[call-arg]
    await aegis.get_payment_by_idempotency_key("k", "shop")  # type: ignore[call-arg]
    await aegis.pay(idempotency_key="k", amount=1, currency=840, payment_method=CARD)  # type: ignore[arg-type]
    await aegis.pay(idempotency_key="k", amount=1, currency="EUR", payment_method="card")  # type: ignore[arg-type]
    await aegis.pay(idempotency_key="k", amount=1, currency="EUR", payment_method=CARD, cvv="1")  # type: ignore[call-arg]
    await aegis.list_payments(state="paid")  # type: ignore[arg-type]
    await aegis.disable_gateway("alpha")  # type: ignore[call-arg]
    await aegis.unpark_payment("pay_1", "mira")  # type: ignore[call-arg]


async def wrong_questions(aegis: AegisPay) -> None:
    await aegis.subscribe("payment.*", print)  # type: ignore[call-arg]
    await aegis.subscribe("payment.*", print, name="m", from_="beginning")  # type: ignore[arg-type]
    await aegis.subscribe(7, print, name="m")  # type: ignore[arg-type]
    await aegis.drop_dead_letter("m", "pay_1-1", operator="mira")  # type: ignore[call-arg]
    await aegis.add_webhook_endpoint("https://shop.example.com")  # type: ignore[arg-type]
    await aegis.statistics("state", country="DE")  # type: ignore[call-arg]
    await aegis.erase_customer("c")  # type: ignore[call-arg]


def wrong_engines() -> None:
    AegisPay(42)  # type: ignore[arg-type]
    AegisPay("payments.db", [])  # type: ignore[call-arg]
    AegisPay("payments.db", gateways=[NoLookUp()])  # type: ignore[list-item]


def wrong_values(payment: Payment) -> None:
    Card("tok_visa")  # type: ignore[call-arg, arg-type]
    Upi()  # type: ignore[call-arg]
    Money(1.5, "EUR")  # type: ignore[arg-type]
    payment.state = PaymentState.SUCCESS  # type: ignore[misc]
