"""AegisPay: a payment-orchestration engine you embed in your Python process."""

from aegispay.actors.gateway import GatewayMetrics
from aegispay.blocking import BlockingAegisPay
from aegispay.config import AegisConfig
from aegispay.domain.breaker import BreakerPolicy
from aegispay.domain.contract import CaptureSupport, Fee, GatewayContract, LookupAuthority
from aegispay.domain.customer import Address, Customer
from aegispay.domain.events import Event, EventType
from aegispay.domain.money import Money
from aegispay.domain.outcome import (
    Approved,
    Declined,
    DeclineKind,
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NextAction,
    NotProcessed,
    Outcome,
    OutcomeUnknown,
    Pending,
    Reason,
    RequiresAction,
)
from aegispay.domain.payment import Attempt, Failure, Payment
from aegispay.domain.payment_method import Card, NetBanking, PayLater, PaymentMethod, PaymentMethodType, Upi, Wallet
from aegispay.domain.retry import RetryPolicy
from aegispay.domain.routing import RoutingStrategy
from aegispay.domain.state import AttemptStatus, PaymentState
from aegispay.engine import AegisPay
from aegispay.errors import (
    AegisPayError,
    CardDataError,
    CommitUnknownError,
    CorruptStoreError,
    CurrencyMismatchError,
    DuplicateGatewayError,
    EngineClosedError,
    EngineFailedError,
    EngineStateError,
    FencedError,
    FieldError,
    GatewayError,
    IdempotencyConflictError,
    IllegalTransitionError,
    NewerSchemaError,
    NoGatewayError,
    NotSentError,
    OverloadedError,
    PaymentNotFoundError,
    PaymentParkedError,
    PaymentTimeoutError,
    RequestError,
    StoreError,
    StoreLockedError,
    StoreOpenError,
    StoreUnavailableError,
    UnknownGatewayError,
    ValidationError,
    VersionConflictError,
)
from aegispay.fields import PaymentFields, PaymentFilters
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.ports import ChargeRequest, Clock, EventStore, Gateway, GatewayHealth, NotFound, StoredEvent
from aegispay.storage.memory import MemoryStore
from aegispay.storage.sqlite import SqliteStore
from aegispay.views import EngineHealth, PaymentPage

__all__ = [  # noqa: RUF022 - grouped by what a reader looks for
    # the engine
    "AegisPay",
    "BlockingAegisPay",
    "AegisConfig",
    "RetryPolicy",
    "BreakerPolicy",
    "RoutingStrategy",
    "EngineHealth",
    "GatewayMetrics",
    "PaymentPage",
    "PaymentFields",
    "PaymentFilters",
    # payments
    "Payment",
    "PaymentState",
    "Attempt",
    "AttemptStatus",
    "Failure",
    "Money",
    "Customer",
    "Address",
    "PaymentMethod",
    "PaymentMethodType",
    "Card",
    "Upi",
    "NetBanking",
    "Wallet",
    "PayLater",
    "Event",
    "EventType",
    "StoredEvent",
    # gateways
    "Gateway",
    "GatewayContract",
    "CaptureSupport",
    "LookupAuthority",
    "Fee",
    "ChargeRequest",
    "GatewayHealth",
    "NotFound",
    "SimulatedGateway",
    # outcomes
    "Outcome",
    "Approved",
    "RequiresAction",
    "NextAction",
    "Pending",
    "Declined",
    "DeclineKind",
    "NotProcessed",
    "OutcomeUnknown",
    "InvalidRequest",
    "GatewayMisconfigured",
    "Duplicate",
    "Reason",
    # stores
    "SqliteStore",
    "MemoryStore",
    "EventStore",
    "Clock",
    # errors
    "AegisPayError",
    "RequestError",
    "ValidationError",
    "FieldError",
    "CardDataError",
    "CurrencyMismatchError",
    "IdempotencyConflictError",
    "PaymentNotFoundError",
    "IllegalTransitionError",
    "GatewayError",
    "UnknownGatewayError",
    "DuplicateGatewayError",
    "NoGatewayError",
    "NotSentError",
    "StoreError",
    "VersionConflictError",
    "FencedError",
    "StoreUnavailableError",
    "CommitUnknownError",
    "StoreOpenError",
    "StoreLockedError",
    "NewerSchemaError",
    "CorruptStoreError",
    "EngineStateError",
    "EngineClosedError",
    "OverloadedError",
    "PaymentParkedError",
    "PaymentTimeoutError",
    "EngineFailedError",
]
