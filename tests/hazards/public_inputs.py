"""Every parameter of every public method that a merchant or an operator may put a secret into by mistake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aegispay import AegisPay, Payment
from tests.integration.engine.rig import Adapter, order


@dataclass(frozen=True)
class Paid:
    """An engine with one payment of each kind that calls can be about."""

    aegis: AegisPay
    captured: Payment
    authorized: Payment
    doubtful: Payment
    challenged: Payment


Call = Callable[[Paid, Any], Awaitable[object]]


@dataclass(frozen=True)
class Input:
    """One place for a text from outside; `call` uses it with the secret.

    Attributes:
        is_read_only: the text is only compared with what is known, so that any text is fine.
    """

    name: str
    call: Call
    is_read_only: bool = False


_ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")
_METHODS: dict[str, dict[str, Any]] = {
    "card": {"token": "t", "brand": "visa", "last4": "4242", "expiry_month": 1, "expiry_year": 2030},
    "upi": {"vpa": "a@bank"},
    "net_banking": {"bank_code": "HDFC", "token": "t"},
    "wallet": {"provider": "p", "token": "t"},
    "pay_later": {"provider": "p", "token": "t"},
}
REQUEST_FIELDS = (
    "idempotency_key",
    "amount",
    "currency",
    "capture",
    "merchant",
    "gateway",
    "retry_of",
    "return_url",
    "strategy",
)


def _requests() -> dict[str, Callable[[str], dict[str, Any]]]:
    """Return by name what is changed in a request that holds the secret."""
    made: dict[str, Callable[[str], dict[str, Any]]] = {}
    for field in REQUEST_FIELDS:
        made[field] = lambda said, field=field: {field: said}
    for kind, fields in _METHODS.items():
        made[f"payment_method.{kind}.type"] = lambda said: {"payment_method": {"type": said}}
        for field in (*fields, "number", "cvv"):
            made[f"payment_method.{kind}.{field}"] = lambda said, kind=kind, fields=fields, field=field: {
                "payment_method": {"type": kind, **fields, field: said}
            }
    for field in ("id", "email", "phone", "name"):
        made[f"customer.{field}"] = lambda said, field=field: {"customer": {"id": "c", field: said}}
    for which in ("billing_address", "shipping_address"):
        for field in _ADDRESS:
            made[f"customer.{which}.{field}"] = lambda said, which=which, field=field: {
                "customer": {"id": "c", which: {"country": "US", field: said}}
            }
    made["metadata value"] = lambda said: {"metadata": {"note": said}}
    made["metadata text around"] = lambda said: {"metadata": {"note": f'paid "with"\n{said}.'}}
    made["metadata deep"] = lambda said: {"metadata": {"a": [{"b": [said]}]}}
    made["metadata key"] = lambda said: {"metadata": {said: 1}}
    made["metadata deep key"] = lambda said: {"metadata": {"a": [{said: {"b": 1}}]}}
    made["metadata number"] = lambda said: {"metadata": {"n": int("".join(filter(str.isdigit, said)))}}
    made["unknown name"] = lambda said: {said: 1}
    return made


def _submitted(method: str, change: Callable[[str], dict[str, Any]], key: str) -> Call:
    return lambda paid, said: getattr(paid.aegis, method)(**order(key) | change(said))


FILTERS = (
    *("merchant", "state", "customer_id", "gateway", "currency", "after", "in_doubt", "has_incident", "parked"),
    *("created_after", "created_before", "limit"),
)


def _listed(name: str) -> Call:
    return lambda paid, said: paid.aegis.list_payments(**{name: said})


async def _ref(paid: Paid, said: str) -> object:
    return paid.aegis.payment_ref(said)


_INPUTS: dict[str, Call] = {
    "process_payment.payment_id": lambda p, s: p.aegis.process_payment(s),
    "payment_ref.payment_id": _ref,
    "capture_payment.payment_id": lambda p, s: p.aegis.capture_payment(s, idempotency_key="k"),
    "capture_payment.idempotency_key": lambda p, s: p.aegis.capture_payment(p.authorized.id, idempotency_key=s),
    "capture_payment.amount": lambda p, s: p.aegis.capture_payment(p.authorized.id, idempotency_key="k", amount=s),
    "capture_payment.currency": lambda p, s: p.aegis.capture_payment(p.authorized.id, idempotency_key="k", currency=s),
    "capture_payment.is_final": lambda p, s: p.aegis.capture_payment(p.authorized.id, idempotency_key="k", is_final=s),
    "refund_payment.payment_id": lambda p, s: p.aegis.refund_payment(s, idempotency_key="k"),
    "refund_payment.idempotency_key": lambda p, s: p.aegis.refund_payment(p.captured.id, idempotency_key=s),
    "refund_payment.amount": lambda p, s: p.aegis.refund_payment(p.captured.id, idempotency_key="k", amount=s),
    "refund_payment.currency": lambda p, s: p.aegis.refund_payment(p.captured.id, idempotency_key="k", currency=s),
    "refund_payment.reason": lambda p, s: p.aegis.refund_payment(
        p.captured.id, idempotency_key="k-reason", amount="1.00", reason=s
    ),
    "cancel_payment.payment_id": lambda p, s: p.aegis.cancel_payment(s),
    "cancel_payment.reason": lambda p, s: p.aegis.cancel_payment(p.authorized.id, reason=s),
    "cancel_payment.idempotency_key": lambda p, s: p.aegis.cancel_payment(p.authorized.id, idempotency_key=s),
    "complete_action.payment_id": lambda p, s: p.aegis.complete_action(s),
    "resolve_payment.payment_id": lambda p, s: p.aegis.resolve_payment(s, "executed", evidence="e", operator="o"),
    "resolve_payment.verdict": lambda p, s: p.aegis.resolve_payment(p.doubtful.id, s, evidence="e", operator="o"),
    "resolve_payment.evidence": lambda p, s: p.aegis.resolve_payment(
        p.doubtful.id, "executed", evidence=f"saw {s}", operator="o"
    ),
    "resolve_payment.operator": lambda p, s: p.aegis.resolve_payment(
        p.doubtful.id, "executed", evidence="e", operator=s
    ),
    "resolve_payment.reference": lambda p, s: p.aegis.resolve_payment(
        p.doubtful.id, "executed", evidence="e", operator="o", reference=s
    ),
    "resolve_payment.gateway_reference": lambda p, s: p.aegis.resolve_payment(
        p.doubtful.id, "executed", evidence="e", operator="o", gateway_reference=s
    ),
    "resolve_payment.amount": lambda p, s: p.aegis.resolve_payment(
        p.doubtful.id, "executed", evidence="e", operator="o", amount=s
    ),
    "close_incident.payment_id": lambda p, s: p.aegis.close_incident(s, "i", operator="o", detail="d"),
    "close_incident.incident_id": lambda p, s: p.aegis.close_incident(p.captured.id, s, operator="o", detail="d"),
    "close_incident.operator": lambda p, s: p.aegis.close_incident(p.captured.id, "i", operator=s, detail="d"),
    "close_incident.detail": lambda p, s: p.aegis.close_incident(p.captured.id, "i", operator="o", detail=s),
    "unpark_payment.payment_id": lambda p, s: p.aegis.unpark_payment(s, operator="o"),
    "unpark_payment.operator": lambda p, s: p.aegis.unpark_payment(p.captured.id, operator=s),
    "receive_webhook.gateway": lambda p, s: p.aegis.receive_webhook(s, {}, b""),
    "receive_webhook.headers": lambda p, s: p.aegis.receive_webhook("alpha", {"webhook-id": s, s: "x"}, b"{}"),
    "receive_webhook.body": lambda p, s: p.aegis.receive_webhook("alpha", {}, s.encode()),
    "register_gateway.gateway": lambda p, s: p.aegis.register_gateway(Adapter(name=s)),
    "disable_gateway.name": lambda p, s: p.aegis.disable_gateway(s, reason="r"),
    "disable_gateway.reason": lambda p, s: p.aegis.disable_gateway("idle", reason=s),
    "enable_gateway.name": lambda p, s: p.aegis.enable_gateway(s),
    "gateway_metrics.name": lambda p, s: p.aegis.gateway_metrics(s),
    "force_breaker.name": lambda p, s: p.aegis.force_breaker(s, state="closed", reason="r"),
    "force_breaker.state": lambda p, s: p.aegis.force_breaker("idle", state=s, reason="r"),
    "force_breaker.reason": lambda p, s: p.aegis.force_breaker("idle", state="closed", reason=s),
    "force_breaker.operation": lambda p, s: p.aegis.force_breaker("idle", state="closed", reason="r", operation=s),
    "reset_breaker.name": lambda p, s: p.aegis.reset_breaker(s),
    "reset_breaker.operation": lambda p, s: p.aegis.reset_breaker("idle", operation=s),
    "review_payment.payment_id": lambda p, s: p.aegis.review_payment(s, "accept", operator="o", reason="r"),
    "review_payment.verdict": lambda p, s: p.aegis.review_payment(p.captured.id, s, operator="o", reason="r"),
    "review_payment.operator": lambda p, s: p.aegis.review_payment(p.captured.id, "accept", operator=s, reason="r"),
    "review_payment.reason": lambda p, s: p.aegis.review_payment(p.captured.id, "accept", operator="o", reason=s),
    "configure.operator": lambda p, s: p.aegis.configure(routing="round_robin", operator=s, reason="r"),
    "configure.reason": lambda p, s: p.aegis.configure(routing="round_robin", operator="o", reason=s),
    "configure.expected_revision": lambda p, s: p.aegis.configure(operator="o", reason="r", expected_revision=s),
    "configure.changes": lambda p, s: p.aegis.configure(limits={s: {}}, operator="o", reason="r"),
    "configure.changes name": lambda p, s: p.aegis.configure(**{s: 1}, operator="o", reason="r"),
    "configure.changes strategy": lambda p, s: p.aegis.configure(
        routing={"kind": "weighted", "weights": {s: 1}}, operator="o", reason="r"
    ),
    "configure.changes words": lambda p, s: p.aegis.configure(
        retry={"rules": [{"reason": "do_not_honor", "action": "fail", "why": f"as {s} said"}]}, operator="o", reason="r"
    ),
}

_READ_ONLY: dict[str, Call] = {
    "get_payment.payment_id": lambda p, s: p.aegis.get_payment(s),
    "payment_events.payment_id": lambda p, s: p.aegis.payment_events(s),
    "get_payment_by_idempotency_key.idempotency_key": lambda p, s: p.aegis.get_payment_by_idempotency_key(s),
    "get_payment_by_idempotency_key.merchant": lambda p, s: p.aegis.get_payment_by_idempotency_key("k", merchant=s),
    # What the payer's return carried may hold anything; it reaches the gateway and nothing else.
    "complete_action.parameters": lambda p, s: p.aegis.complete_action(
        p.challenged.id, parameters={"payload": s, s: "x"}
    ),
    "configuration_history.before": lambda p, s: p.aegis.configuration_history(before=s),
    "configuration_history.limit": lambda p, s: p.aegis.configuration_history(limit=s),
    "validate.name": lambda p, s: p.aegis.validate(s, {}),
    "validate.value": lambda p, s: p.aegis.validate("nobody", s),
    **{f"list_payments.{name}": _listed(name) for name in FILTERS},
}

_ROUTE_FIELDS = {
    name: change for name, change in _requests().items() if name.split(".")[0] not in {"retry_of", "return_url"}
}

INPUTS: tuple[Input, ...] = (
    *(
        Input(f"preview_route.{name}", _submitted("preview_route", change, "preview"))
        for name, change in _ROUTE_FIELDS.items()
    ),
    *(
        Input(f"{method}.{name}", _submitted(method, change, f"{method}-{number}"))
        for method in ("create_payment", "pay")
        for number, (name, change) in enumerate(_requests().items())
    ),
    *(Input(name, call) for name, call in _INPUTS.items()),
    *(Input(name, call, is_read_only=True) for name, call in _READ_ONLY.items()),
)
