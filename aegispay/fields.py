"""The keyword arguments of the public methods, declared once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from aegispay.domain.breaker import BreakerPolicy
from aegispay.domain.card_data import mask_card_numbers
from aegispay.domain.customer import Customer
from aegispay.domain.health import Weights
from aegispay.domain.liveness import HealthCheckPolicy
from aegispay.domain.money import Amount
from aegispay.domain.payment_method import PaymentMethod
from aegispay.domain.request import CaptureMode
from aegispay.domain.retry import RetryPolicy
from aegispay.domain.routing import RoutingStrategy, Strategy
from aegispay.domain.state import PaymentState
from aegispay.domain.throttle import LimitPolicy
from aegispay.errors import FieldError, ValidationError


class RouteFields(TypedDict):
    """What a payment is made of, as far as routing looks at it: see `PaymentFields`."""

    idempotency_key: NotRequired[str]
    amount: Amount
    currency: str
    payment_method: PaymentMethod | Mapping[str, Any]
    customer: NotRequired[Customer | Mapping[str, Any] | None]
    metadata: NotRequired[Mapping[str, Any] | None]
    capture: NotRequired[CaptureMode | str]
    merchant: NotRequired[str]
    gateway: NotRequired[str | None]
    strategy: NotRequired[str | None]


class PaymentFields(TypedDict):
    """What a payment is made of.

    Attributes:
        idempotency_key: 1 to 255 printable characters, chosen by you, the same for every repetition of one request.
        amount: major units ("100.00"), exact: too many decimals are an error. A float is taken by its shortest form.
        currency: ISO 4217 code.
        payment_method: `Card`, `Upi`, `NetBanking`, `Wallet`, `PayLater`, or a mapping with a ``type``. Tokens only.
        customer: `Customer`, or the same as a mapping.
        metadata: any JSON object within limits; kept as it is, or refused.
        capture: ``automatic`` collects the money at once; ``manual`` only reserves it, for `capture_payment`.
        merchant: whose key this is; keys of different merchants never meet.
        gateway: the only gateway that may be used.
        retry_of: id of a failed payment that this one repeats.
        return_url: http or https address to which the gateway sends the payer back after a challenge or redirect.
        strategy: the routing strategy for this payment: a name of `AegisPayConfig.strategies`, or of one that needs
            no settings; the engine's own where this is left out.
    """

    idempotency_key: str
    amount: Amount
    currency: str
    payment_method: PaymentMethod | Mapping[str, Any]
    customer: NotRequired[Customer | Mapping[str, Any] | None]
    metadata: NotRequired[Mapping[str, Any] | None]
    capture: NotRequired[CaptureMode | str]
    merchant: NotRequired[str]
    gateway: NotRequired[str | None]
    retry_of: NotRequired[str | None]
    return_url: NotRequired[str | None]
    strategy: NotRequired[str | None]


_NEEDED = ("idempotency_key", "amount", "currency", "payment_method")
_KNOWN = tuple(PaymentFields.__annotations__)
_ROUTE_NEEDED = ("amount", "currency", "payment_method")
_ROUTE_KNOWN = tuple(RouteFields.__annotations__)


def check_route_names(fields: Mapping[str, object]) -> None:
    """Do what `check_names` does, for the question where a payment would go.

    Raises:
        ValidationError: naming each of them.
    """
    check_names(fields, known=_ROUTE_KNOWN, needed=_ROUTE_NEEDED)


def check_names(
    fields: Mapping[str, object], *, known: tuple[str, ...] = _KNOWN, needed: tuple[str, ...] = _NEEDED
) -> None:
    """Refuse arguments that a payment does not have, and ask for those it needs.

    Raises:
        ValidationError: naming each of them.
    """
    wrong = [
        FieldError(mask_card_numbers(str(name))[:40], f"is not known; there are {', '.join(known)}")
        for name in fields
        if name not in known
    ]
    wrong += [FieldError(name, "is missing") for name in needed if name not in fields]
    if wrong:
        raise ValidationError(wrong)


StrategyLike = Strategy | RoutingStrategy | str | Mapping[str, Any]
"""A strategy, the name of one that needs no settings, or a mapping with its ``kind``."""


class ConfigurationChanges(TypedDict, total=False):
    """Settings that may change while the engine runs; `AegisPayConfig` says what each of them is."""

    routing: StrategyLike
    strategies: Mapping[str, StrategyLike]
    retry: RetryPolicy | Mapping[str, Any]
    breaker: BreakerPolicy | Mapping[str, Any]
    health_weights: Weights | Mapping[str, Any]
    health_checks: HealthCheckPolicy | Mapping[str, Any]
    approvals_half_life_s: float
    limits: Mapping[str, LimitPolicy | Mapping[str, Any]]
    limits_default: LimitPolicy | Mapping[str, Any]


class PaymentFilters(TypedDict, total=False):
    """Which payments to list; every one given must match.

    Attributes:
        created_after: inclusive, aware. created_before: exclusive, aware.
        limit: page size, 1 to 1,000; 100 by default.
        after: the previous page's `next_cursor`.
    """

    merchant: str
    state: PaymentState
    customer_id: str
    gateway: str
    currency: str
    in_doubt: bool
    has_incident: bool
    parked: bool
    created_after: datetime
    created_before: datetime
    limit: int
    after: str


class StatisticsFilters(TypedDict, total=False):
    """Which payments to count; every one given must match.

    Attributes:
        created_after: inclusive, aware. created_before: exclusive, aware.
    """

    merchant: str
    state: PaymentState
    customer_id: str
    gateway: str
    currency: str
    in_doubt: bool
    has_incident: bool
    created_after: datetime
    created_before: datetime
