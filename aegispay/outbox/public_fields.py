"""Which fields of an event are published, and which stay inside."""

from __future__ import annotations

from typing import Any

from aegispay.domain import care_events as care
from aegispay.domain import hook_events as hooks
from aegispay.domain import operation_events as operations
from aegispay.domain import payment_events as payments
from aegispay.domain.event import Event

Hidden = dict[str, Any]
"""Names of fields that stay inside: ``True`` for all of a field, or the same again for parts of it."""

_ENVELOPE: Hidden = {"at": True}
"""It stands in the envelope, as `occurred_at`."""

_PERSONAL: Hidden = dict.fromkeys(("email", "phone", "name", "billing_address", "shipping_address"), True)
_OF_METHOD: Hidden = dict.fromkeys(("token", "vpa", "last4", "expiry_month", "expiry_year"), True)
"""They say whose it is, or whoever has them may be able to charge."""

_WORDS: Hidden = {"outcome": {"message": True}}
"""What a gateway said; it may repeat anything that it was told."""

_HIDDEN: dict[type[Event], Hidden] = {
    payments.PaymentInitiated: {
        "request": {"customer": _PERSONAL, "payment_method": _OF_METHOD, "metadata": True, "return_url": True},
        "fingerprint": True,
        "fingerprint_salt": True,
        "trace": True,
    },
    # What the payer has to open lets its holder act for him.
    payments.ActionRequired: {"action": {"url": True, "payload": True}},
    payments.AttemptStarted: {
        "idempotency_key": True,
        "request_digest": True,
        "decision": True,
        "configuration": True,
    },
    payments.AttemptFailed: _WORDS,
    payments.OutcomeBecameUnknown: _WORDS | {"resends_until": True, "settles_s": True},
    payments.OutcomeResolved: {"detail": True},
    operations.OperationRequested: {"idempotency_key": True, "reason": True},
    operations.OperationSucceeded: {"detail": True},
    operations.OperationFailed: _WORDS | {"detail": True},
    operations.OperationBecameUnknown: _WORDS | {"resends_until": True, "settles_s": True},
    # Hooks see the whole request, and their words may repeat it.
    payments.PaymentFailed: {"message": True},
    hooks.PaymentEnriched: {"metadata": True},
    hooks.HookJudged: {"reason": True},
    care.PaymentParked: {"cause": True},
    care.IncidentOpened: {"detail": True},
    care.IncidentClosed: {"operator": True, "detail": True},
    care.PaymentUnparked: {"operator": True, "reason": True},
}
"""Personal data, what merchant, hooks and operators wrote for themselves, secrets, and how the engine works inside.

Nothing that erasing a customer takes away is published, so that an event is published the same before and after it.
"""


def hidden_fields(made: type[Event]) -> Hidden:
    """Return what of an event of this class is not published."""
    return _ENVELOPE | _HIDDEN.get(made, {})
