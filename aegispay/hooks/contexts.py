"""What hooks are given. All of it is frozen or a copy: a hook changes nothing except by its verdict."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aegispay.domain.customer import Customer
from aegispay.domain.enriched import enriched_request
from aegispay.domain.event import Event
from aegispay.domain.payment import Failure, Operation, Payment
from aegispay.domain.request import PaymentRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """A new payment that is asked for and not stored yet: for pre-validation, custom validation and enrichment.

    Attributes:
        at: the engine's clock, aware UTC.
        request: what is asked for; tokens only.
    """

    at: datetime
    request: PaymentRequest

    @property
    def customer(self) -> Customer | None:
        """Who pays."""
        return self.request.customer


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentContext:
    """A payment before its first attempt (post-validation, fraud check), or before any attempt (routing).

    Attributes:
        at: the engine's clock, aware UTC.
        excluded: for routing, gateways that may not be tried again.
    """

    at: datetime
    payment: Payment
    excluded: frozenset[str] = frozenset()

    @property
    def request(self) -> PaymentRequest:
        """The request, with what hooks added to its metadata."""
        return enriched_request(self.payment)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionContext:
    """A new capture or refund that is asked for and not stored yet.

    Attributes:
        at: the engine's clock, aware UTC.
        kind: ``capture`` or ``refund``.
        amount_minor: how much, in minor units; ``None`` for all that is left.
        reason: the asker's words.
    """

    at: datetime
    payment: Payment
    kind: str
    amount_minor: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomContext:
    """Whatever the host validates by `hooks.validate`."""

    at: datetime
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorContext:
    """Something went wrong: an attempt failed and no other would follow, or nobody knows what came of something.

    Attributes:
        at: the engine's clock, aware UTC.
        payment: as it would be without a verdict.
        failure: what is known of it.
        is_unknown: whether it may have moved money all the same: then nothing is tried again and nothing returned.
        operation: the capture, void or refund it is about; ``None`` when it is the charge.
    """

    at: datetime
    payment: Payment
    failure: Failure
    is_unknown: bool
    operation: Operation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """Something that has happened and is on disk.

    Attributes:
        payment: as it is after the append that the event belongs to.
        version: the event's place in the payment's stream, from 1.
    """

    payment: Payment
    version: int
    event: Event

    @property
    def event_id(self) -> str:
        """The event's stable id."""
        return f"{self.payment.id}-{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleContext:
    """A call of an operation.

    Attributes:
        at: the engine's clock, aware UTC.
        operation: ``create``, ``process``, ``capture``, ``cancel``, ``refund``, ``complete_action`` or ``resolve``.
        request: for ``create``, what is asked for.
        payment: after, what came of it.
        error: after, the name of the error that it ended with.
    """

    at: datetime
    operation: str
    payment_id: str
    request: PaymentRequest | None = None
    payment: Payment | None = None
    error: str | None = None


def own_request(request: PaymentRequest) -> PaymentRequest:
    """Return a request whose metadata is a copy."""
    return request if not request.metadata else replace(request, metadata=copy.deepcopy(request.metadata))


def own_payment(payment: Payment) -> Payment:
    """Return a payment whose metadata is a copy."""
    if not payment.request.metadata and not payment.added_metadata:
        return payment
    added = copy.deepcopy(payment.added_metadata)
    return replace(payment, request=own_request(payment.request), added_metadata=added)
