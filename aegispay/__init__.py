"""AegisPay: a payment-orchestration engine you embed in your Python process."""

from aegispay.actors.gateway_metrics import BreakerMetrics, GatewayMetrics
from aegispay.api.hooks import ReviewVerdict
from aegispay.blocking import BlockingAegisPay
from aegispay.config import AegisPayConfig
from aegispay.delivery_errors import (
    CursorAheadError,
    CustomerBusyError,
    DeadLetterNotFoundError,
    DuplicateSubscriberError,
    EffectsRefusedError,
    ErasureUnfinishedError,
    UnknownSubscriberError,
    UnreadableEventError,
    UnsafeAddressError,
)
from aegispay.domain.adaptive import AdaptivePolicy
from aegispay.domain.breaker import BreakerPolicy, BreakerScope, BreakerState
from aegispay.domain.conditions import AllOf, AnyOf, Comparison, Not, Operator
from aegispay.domain.contract import CaptureSupport, Fee, GatewayContract, LookupAuthority
from aegispay.domain.customer import Address, Customer
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.domain.events import Event, EventType
from aegispay.domain.evidence import Evidence, Verdict
from aegispay.domain.liveness import HealthCheckPolicy
from aegispay.domain.money import Money
from aegispay.domain.notification import Notification, NotificationKind
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
from aegispay.domain.payment import Attempt, Failure, Incident, Operation, Payment
from aegispay.domain.payment_method import Card, NetBanking, PayLater, PaymentMethod, PaymentMethodType, Upi, Wallet
from aegispay.domain.request import CaptureMode
from aegispay.domain.retry import Backoff, NetworkCap, RetryAction, RetryBudget, RetryPolicy, RetryRule
from aegispay.domain.routing import (
    AbSplit,
    Arm,
    CostOptimised,
    Geographic,
    HighestSuccessRate,
    LowestLatency,
    MultiObjective,
    Newcomers,
    ObjectiveWeights,
    RoundRobin,
    RoutingDecision,
    RoutingStrategy,
    Rule,
    RuleBased,
    Strategy,
    Thompson,
    Weighted,
)
from aegispay.domain.state import AttemptStatus, OperationKind, OperationStatus, PaymentState
from aegispay.domain.throttle import LimitPolicy
from aegispay.engine import AegisPay
from aegispay.errors import (
    AegisPayError,
    BeingAskedError,
    CardDataError,
    CommitUnknownError,
    ConfigurationConflictError,
    ConfigurationError,
    CorruptStoreError,
    CurrencyMismatchError,
    DuplicateGatewayError,
    EngineClosedError,
    EngineFailedError,
    EngineStateError,
    FencedError,
    FieldError,
    GatewayError,
    HookRefusedError,
    IdempotencyConflictError,
    IllegalTransitionError,
    LimitReachedError,
    NewerSchemaError,
    NoGatewayError,
    NotInDoubtError,
    NotSentError,
    OperationRefusedError,
    OverloadedError,
    PaymentNotFoundError,
    PaymentParkedError,
    PaymentTimeoutError,
    RefusedWebhook,
    RequestError,
    StoreError,
    StoreLockedError,
    StoreOpenError,
    StoreUnavailableError,
    UnknownGatewayError,
    UnknownHookError,
    UnsupportedOperationError,
    ValidationError,
    VersionConflictError,
    WebhookRefusedError,
)
from aegispay.fields import PaymentFields, PaymentFilters, RouteFields, StatisticsFilters
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.hooks import Hook, HookReport, Hooks
from aegispay.observability.console import configure_logging
from aegispay.observability.redaction import redact_event
from aegispay.observability.series import Distribution
from aegispay.observability.snapshot import (
    ActorMetrics,
    CallMetrics,
    CommitMetrics,
    DoubtMetrics,
    EngineMetrics,
    SubscriberMetrics,
)
from aegispay.observability.stdlib import RedactingFilter, redact_standard_logging
from aegispay.observability.tracing import NoExport, trace_id_of
from aegispay.outbox.cloud_events import cloud_event
from aegispay.outbox.console_sink import ConsoleSink
from aegispay.outbox.consumer import EffectivelyOnce
from aegispay.outbox.dead_letters import DeadLetter
from aegispay.outbox.envelope import public_event
from aegispay.outbox.fan_out import fan_out
from aegispay.outbox.json_lines import JsonLinesSink
from aegispay.outbox.schemas import event_schema
from aegispay.outbox.statuses import SubscriptionState, SubscriptionStatus
from aegispay.outbox.subscriptions import Subscription
from aegispay.outbox.transaction import EventTransaction
from aegispay.outbox.webhooks.endpoint import WebhookEndpoint, WebhookPolicy, new_webhook_secret
from aegispay.outbox.webhooks.registry import WebhookLog, WebhookReplay, WebhookStatus
from aegispay.ports import (
    ActionGateway,
    CapturingGateway,
    ChargeRequest,
    Clock,
    ErasureRecord,
    EventStore,
    Gateway,
    GatewayHealth,
    NotFound,
    NotifyingGateway,
    OperatingGateway,
    OperationRequest,
    Receipt,
    RefundingGateway,
    StoredEvent,
    SubscriberKind,
    VoidingGateway,
    WebhookAttempt,
)
from aegispay.ports.audit import GroupBy, StatisticsRow
from aegispay.ports.tracing import outgoing_headers
from aegispay.revisions import ConfigurationRevision
from aegispay.storage.memory import MemoryStore
from aegispay.storage.sqlite import SqliteStore
from aegispay.views import EngineHealth, ErasureReport, PaymentPage, RoutePreview, RoutePrice

__all__ = [  # noqa: RUF022 - grouped by what a reader looks for
    # the engine
    "AegisPay",
    "BlockingAegisPay",
    "AegisPayConfig",
    "ConfigurationRevision",
    "EngineHealth",
    "EngineMetrics",
    "DoubtMetrics",
    "GatewayMetrics",
    "BreakerMetrics",
    "PaymentPage",
    "PaymentFields",
    "PaymentFilters",
    # policies
    "RetryPolicy",
    "RetryRule",
    "RetryAction",
    "RetryBudget",
    "Backoff",
    "NetworkCap",
    "BreakerPolicy",
    "BreakerScope",
    "BreakerState",
    "HealthCheckPolicy",
    "LimitPolicy",
    "AdaptivePolicy",
    # hooks
    "Hook",
    "Hooks",
    "HookReport",
    "ReviewVerdict",
    # routing
    "RoutingStrategy",
    "Strategy",
    "HighestSuccessRate",
    "LowestLatency",
    "CostOptimised",
    "RoundRobin",
    "Weighted",
    "MultiObjective",
    "ObjectiveWeights",
    "Thompson",
    "Newcomers",
    "Geographic",
    "AbSplit",
    "Arm",
    "RuleBased",
    "Rule",
    "Comparison",
    "AllOf",
    "AnyOf",
    "Not",
    "Operator",
    "RoutingDecision",
    "RoutePreview",
    "RoutePrice",
    "RouteFields",
    # payments
    "Payment",
    "PaymentState",
    "CaptureMode",
    "Attempt",
    "AttemptStatus",
    "Failure",
    "Operation",
    "OperationKind",
    "OperationStatus",
    "Incident",
    "Evidence",
    "Verdict",
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
    "CapturingGateway",
    "VoidingGateway",
    "RefundingGateway",
    "OperatingGateway",
    "ActionGateway",
    "NotifyingGateway",
    "GatewayContract",
    "CaptureSupport",
    "LookupAuthority",
    "Fee",
    "ChargeRequest",
    "OperationRequest",
    "GatewayHealth",
    "NotFound",
    "Notification",
    "NotificationKind",
    "Receipt",
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
    # events out
    "Subscription",
    "SubscriptionStatus",
    "SubscriptionState",
    "SubscriberKind",
    "RetrySchedule",
    "DeadLetter",
    "EventTransaction",
    "EffectivelyOnce",
    "WebhookEndpoint",
    "WebhookPolicy",
    "WebhookStatus",
    "WebhookAttempt",
    "WebhookLog",
    "WebhookReplay",
    "new_webhook_secret",
    "public_event",
    "cloud_event",
    "event_schema",
    "ConsoleSink",
    "JsonLinesSink",
    "fan_out",
    # looking back
    "GroupBy",
    "StatisticsFilters",
    "StatisticsRow",
    "ErasureReport",
    "ErasureRecord",
    # logs, metrics, traces
    "configure_logging",
    "redact_standard_logging",
    "redact_event",
    "RedactingFilter",
    "CallMetrics",
    "ActorMetrics",
    "CommitMetrics",
    "SubscriberMetrics",
    "Distribution",
    "NoExport",
    "trace_id_of",
    "outgoing_headers",
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
    "ConfigurationError",
    "ConfigurationConflictError",
    "HookRefusedError",
    "UnknownHookError",
    "LimitReachedError",
    "UnsafeAddressError",
    "DuplicateSubscriberError",
    "UnknownSubscriberError",
    "DeadLetterNotFoundError",
    "CustomerBusyError",
    "IdempotencyConflictError",
    "PaymentNotFoundError",
    "IllegalTransitionError",
    "OperationRefusedError",
    "NotInDoubtError",
    "GatewayError",
    "UnknownGatewayError",
    "UnsupportedOperationError",
    "WebhookRefusedError",
    "RefusedWebhook",
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
    "CursorAheadError",
    "EffectsRefusedError",
    "ErasureUnfinishedError",
    "UnreadableEventError",
    "EngineStateError",
    "EngineClosedError",
    "OverloadedError",
    "BeingAskedError",
    "PaymentParkedError",
    "PaymentTimeoutError",
    "EngineFailedError",
]
