"""Every parameter through which something may come in that is about handing events on, audit and export."""

from __future__ import annotations

from typing import Any

from tests.hazards.public_inputs import Call, Input, Paid


def _ignored(event: object) -> None:
    """Take an event and do nothing."""


def _subscribed(**changes: Any) -> dict[str, Any]:
    return {"events": "payment.*", "handler": _ignored, "name": "odd"} | changes


def _subscribe(name: str) -> Call:
    return lambda paid, said: paid.aegis.subscribe(**_subscribed(**{name: said}))


def _counted(name: str) -> Call:
    return lambda paid, said: paid.aegis.statistics(**{name: said})


async def _sql(paid: Paid, said: str) -> object:
    setup = [f'CREATE TABLE "t{said}" (a)']
    return await paid.aegis.subscribe(**_subscribed(name="sql", transactional=True, setup=setup))


_SUBSCRIBER = {
    "dead_letter": {"event_id": "e"},
    "replay_dead_letter": {"event_id": "e", "operator": "o"},
    "drop_dead_letter": {"event_id": "e", "operator": "o", "reason": "r"},
}
_NAMED = {
    "unsubscribe": {},
    "enable_webhook_endpoint": {"operator": "o"},
    "remove_webhook_endpoint": {},
    "replay_webhook": {"operator": "o"},
    "webhook_log": {},
}


def _letter(method: str, field: str, given: dict[str, str]) -> Call:
    fields = {"subscriber": "nobody", **given}
    return lambda paid, said: getattr(paid.aegis, method)(**fields | {field: said})


def _named(method: str, given: dict[str, str], **changes: Any) -> Call:
    return lambda paid, said: getattr(paid.aegis, method)(said, **given)


def _other(method: str, field: str, given: dict[str, str]) -> Call:
    return lambda paid, said: getattr(paid.aegis, method)("nobody", **given | {field: said})


def _erased(field: str) -> Call:
    fields = {"customer_id": "nobody", "merchant": "m", "operator": "o", "reason": "r"}

    def call(paid: Paid, said: Any) -> Any:
        given = fields | {field: said}
        return paid.aegis.erase_customer(given.pop("customer_id"), **given)

    return call


_INPUTS: dict[str, Call] = {
    **{f"subscribe.{name}": _subscribe(name) for name in ("events", "handler", "name", "from_", "concurrency")},
    **{f"subscribe.{name}": _subscribe(name) for name in ("timeout_s", "retry", "ordered", "transactional")},
    "subscribe.setup": _sql,
    **{
        f"{method}.{field}": _letter(method, field, given)
        for method, given in _SUBSCRIBER.items()
        for field in ("subscriber", *given)
    },
    **{f"{method}.name": _named(method, given) for method, given in _NAMED.items()},
    "unsubscribe.forget": _other("unsubscribe", "forget", {}),
    "enable_webhook_endpoint.operator": _other("enable_webhook_endpoint", "operator", {}),
    "remove_webhook_endpoint.forget": _other("remove_webhook_endpoint", "forget", {}),
    **{
        f"replay_webhook.{field}": _other("replay_webhook", field, {"operator": "o"})
        for field in ("operator", "event_ids", "since", "limit")
    },
    **{f"webhook_log.{field}": _other("webhook_log", field, {}) for field in ("before", "limit")},
    **{f"erase_customer.{field}": _erased(field) for field in ("customer_id", "merchant", "operator", "reason")},
    "add_webhook_endpoint.endpoint": lambda p, s: p.aegis.add_webhook_endpoint(s),
    "add_webhook_endpoint.from_": lambda p, s: p.aegis.add_webhook_endpoint(s, from_=s),
    "export_payment.payment_id": lambda p, s: p.aegis.export_payment(s),
}
_READ_ONLY: dict[str, Call] = {
    "export_payment.personal": lambda p, s: p.aegis.export_payment(p.captured.id, personal=s),
    "dead_letters.subscriber": lambda p, s: p.aegis.dead_letters(s),
    "erasures.limit": lambda p, s: p.aegis.erasures(limit=s),
    "dead_letters.limit": lambda p, s: p.aegis.dead_letters(limit=s),
    "dead_letters.after": lambda p, s: p.aegis.dead_letters(after=(s, 0)),
    **{
        f"statistics.{name}": _counted(name)
        for name in (
            *("by", "limit", "merchant", "state", "customer_id", "gateway", "currency", "created_after"),
            *("created_before", "in_doubt", "has_incident", "parked", "after"),
        )
    },
}

OUTBOX_INPUTS: tuple[Input, ...] = (
    *(Input(name, call) for name, call in _INPUTS.items()),
    *(Input(name, call, is_read_only=True) for name, call in _READ_ONLY.items()),
)
