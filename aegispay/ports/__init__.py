"""What the engine needs from the outside: a store, gateways, a clock. Adapters implement these."""

from aegispay.ports.configuration import ConfigurationRecord
from aegispay.ports.gateway import (
    ActionGateway,
    CapturingGateway,
    Gateway,
    NotifyingGateway,
    OperatingGateway,
    RefundingGateway,
    VoidingGateway,
)
from aegispay.ports.marks import Mark, MarkLimit
from aegispay.ports.outbox import (
    Delivery,
    DeliveryCounts,
    DeliveryState,
    OutboxStore,
    Progress,
    Subscriber,
    SubscriberKind,
    WebhookAttempt,
)
from aegispay.ports.privacy import Erasure, ErasureRecord, PrivacyStore
from aegispay.ports.requests import (
    ChargeRequest,
    GatewayHealth,
    GatewayRequest,
    NotFound,
    OperationRequest,
)
from aegispay.ports.store import (
    Append,
    Doubts,
    EventStore,
    InboxEntry,
    Parking,
    PaymentQuery,
    Receipt,
    RowPage,
    StoredEvent,
    StoreReport,
)
from aegispay.ports.time import (
    Clock,
)

__all__ = [
    "ActionGateway",
    "Append",
    "CapturingGateway",
    "ChargeRequest",
    "Clock",
    "ConfigurationRecord",
    "Delivery",
    "DeliveryCounts",
    "DeliveryState",
    "Doubts",
    "Erasure",
    "ErasureRecord",
    "EventStore",
    "Gateway",
    "GatewayHealth",
    "GatewayRequest",
    "InboxEntry",
    "Mark",
    "MarkLimit",
    "NotFound",
    "NotifyingGateway",
    "OperatingGateway",
    "OperationRequest",
    "OutboxStore",
    "Parking",
    "PaymentQuery",
    "PrivacyStore",
    "Progress",
    "Receipt",
    "RefundingGateway",
    "RowPage",
    "StoreReport",
    "StoredEvent",
    "Subscriber",
    "SubscriberKind",
    "VoidingGateway",
    "WebhookAttempt",
]
