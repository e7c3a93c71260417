"""What users may rely on: names, documentation, errors with a way out, and two faces with the same methods."""

from __future__ import annotations

import inspect
import re

import pytest

import aegispay
from aegispay import AegisPay, BlockingAegisPay
from aegispay.domain.decide import decide
from aegispay.domain.payment_method import Card, NetBanking, PayLater, Wallet
from tests import builders as b

NAMES = {
    "the engine": ["AegisPay", "BlockingAegisPay", "AegisPayConfig", "ConfigurationRevision", "EngineHealth",
                   "EngineMetrics", "DoubtMetrics", "GatewayMetrics", "BreakerMetrics", "PaymentPage", "PaymentFields",
                   "PaymentFilters"],
    "policies": ["RetryPolicy", "RetryRule", "RetryAction", "RetryBudget", "Backoff", "NetworkCap", "BreakerPolicy",
                 "BreakerScope", "BreakerState", "HealthCheckPolicy", "LimitPolicy", "AdaptivePolicy"],
    "hooks": ["Hook", "Hooks", "HookReport", "ReviewVerdict"],
    "routing": ["RoutingStrategy", "Strategy", "HighestSuccessRate", "LowestLatency", "CostOptimised", "RoundRobin",
                "Weighted", "MultiObjective", "ObjectiveWeights", "Thompson", "Newcomers", "Geographic", "AbSplit",
                "Arm", "RuleBased", "Rule", "Comparison", "AllOf", "AnyOf", "Not", "Operator", "RoutingDecision",
                "RoutePreview", "RoutePrice", "RouteFields"],
    "payments": ["Payment", "PaymentState", "CaptureMode", "Attempt", "AttemptStatus", "Failure", "Operation",
                 "OperationKind", "OperationStatus", "Incident", "Evidence", "Verdict", "Money", "Customer",
                 "Address", "PaymentMethod", "PaymentMethodType", "Card", "Upi", "NetBanking", "Wallet", "PayLater",
                 "Event", "EventType", "StoredEvent"],
    "gateways": ["Gateway", "CapturingGateway", "VoidingGateway", "RefundingGateway", "OperatingGateway",
                 "ActionGateway", "NotifyingGateway", "GatewayContract", "CaptureSupport", "LookupAuthority", "Fee",
                 "ChargeRequest", "OperationRequest", "GatewayHealth", "NotFound", "Notification", "NotificationKind",
                 "Receipt", "SimulatedGateway"],
    "outcomes": ["Outcome", "Approved", "RequiresAction", "NextAction", "Pending", "Declined", "DeclineKind",
                 "NotProcessed", "OutcomeUnknown", "InvalidRequest", "GatewayMisconfigured", "Duplicate", "Reason"],
    "events out": ["Subscription", "SubscriptionStatus", "SubscriptionState", "SubscriberKind", "RetrySchedule",
                   "DeadLetter", "EventTransaction", "EffectivelyOnce", "WebhookEndpoint", "WebhookPolicy",
                   "WebhookStatus", "WebhookAttempt", "WebhookLog", "WebhookReplay", "new_webhook_secret",
                   "public_event", "cloud_event", "event_schema", "ConsoleSink", "JsonLinesSink", "fan_out"],
    "looking back": ["GroupBy", "StatisticsFilters", "StatisticsRow", "ErasureReport", "ErasureRecord"],
    "logs, metrics, traces": ["configure_logging", "redact_standard_logging", "redact_event", "RedactingFilter",
                              "CallMetrics", "ActorMetrics", "CommitMetrics", "SubscriberMetrics", "Distribution",
                              "NoExport", "trace_id_of", "outgoing_headers"],
    "stores": ["SqliteStore", "MemoryStore", "EventStore", "Clock"],
    "errors": ["AegisPayError", "RequestError", "ValidationError", "FieldError", "CardDataError",
               "CurrencyMismatchError", "ConfigurationError", "ConfigurationConflictError", "HookRefusedError",
               "UnknownHookError", "LimitReachedError", "UnsafeAddressError", "DuplicateSubscriberError",
               "UnknownSubscriberError", "DeadLetterNotFoundError", "CustomerBusyError", "IdempotencyConflictError",
               "PaymentNotFoundError", "IllegalTransitionError",
               "OperationRefusedError", "NotInDoubtError", "GatewayError", "UnknownGatewayError",
               "UnsupportedOperationError", "WebhookRefusedError", "RefusedWebhook", "DuplicateGatewayError",
               "NoGatewayError", "NotSentError", "StoreError", "VersionConflictError", "FencedError",
               "StoreUnavailableError", "CommitUnknownError", "StoreOpenError", "StoreLockedError",
               "NewerSchemaError", "CorruptStoreError", "CursorAheadError", "EffectsRefusedError",
               "ErasureUnfinishedError", "UnreadableEventError", "EngineStateError", "EngineClosedError",
               "OverloadedError",
               "BeingAskedError", "PaymentParkedError", "PaymentTimeoutError", "EngineFailedError"],
}  # fmt: skip
"""Removing or renaming one of these breaks somebody; add a name here when you add it there."""

METHODS = [
    "open", "close", "create_payment", "pay", "process_payment", "get_payment", "get_payment_by_idempotency_key",
    "list_payments", "payment_events", "payment_ref", "capture_payment", "refund_payment", "cancel_payment",
    "complete_action", "resolve_payment", "close_incident", "unpark_payment", "receive_webhook", "metrics",
    "register_gateway", "enable_gateway", "disable_gateway", "gateway_metrics", "health", "supervision_tree",
    "preview_route", "force_breaker", "reset_breaker", "configure", "configuration", "configuration_history",
    "review_payment", "validate", "subscribe", "unsubscribe", "subscriptions", "dead_letters", "dead_letter",
    "replay_dead_letter", "drop_dead_letter", "add_webhook_endpoint", "remove_webhook_endpoint",
    "enable_webhook_endpoint", "webhook_endpoints", "webhook_log", "replay_webhook", "export_payment", "statistics",
    "erase_customer", "erasures", "latest_metrics",
]  # fmt: skip

TOKEN = "tok_0a1b2c3d4e"
ERRORS = [getattr(aegispay, name) for name in NAMES["errors"] if name not in {"FieldError", "RefusedWebhook"}]
PUBLIC_CLASSES = [thing for name in aegispay.__all__ if isinstance(thing := getattr(aegispay, name), type)]


def own_methods(cls):
    ours = [vars(base) for base in reversed(cls.__mro__) if base.__module__.startswith("aegispay")]
    named = {name: thing for names in ours for name, thing in names.items() if not name.startswith("_")}
    return {name: thing for name, thing in named.items() if inspect.isfunction(thing)}


def test_the_public_names_are_these_and_in_these_groups():
    assert aegispay.__all__ == [name for group in NAMES.values() for name in group]


def test_every_public_name_is_there():
    assert [name for name in aegispay.__all__ if not hasattr(aegispay, name)] == []


@pytest.mark.parametrize("face", [AegisPay, BlockingAegisPay])
def test_the_public_methods_are_these(face):
    assert sorted(own_methods(face)) == sorted(METHODS)


@pytest.mark.parametrize("cls", PUBLIC_CLASSES, ids=lambda cls: cls.__name__)
def test_a_public_class_and_its_methods_are_documented(cls):
    assert written_doc(cls), cls
    assert [name for name, method in own_methods(cls).items() if not written_doc(method)] == []


def written_doc(thing):
    """Return the docstring, unless it is what a dataclass makes up."""
    doc = (thing.__doc__ or "").strip()
    return "" if doc.startswith(f"{thing.__name__}(") else doc


@pytest.mark.parametrize("name", METHODS)
def test_the_blocking_face_has_the_same_parameters(name):
    def parameters(face):
        return [
            (p.name, p.kind, p.default, p.annotation)
            for p in inspect.signature(getattr(face, name)).parameters.values()
        ]

    assert parameters(BlockingAegisPay) == parameters(AegisPay)


@pytest.mark.parametrize("name", METHODS)
def test_the_blocking_face_waits_and_answers_the_same(name):
    awaitable, blocking = getattr(AegisPay, name), getattr(BlockingAegisPay, name)
    assert not inspect.iscoroutinefunction(blocking)
    assert inspect.signature(blocking).return_annotation == inspect.signature(awaitable).return_annotation


def test_the_two_faces_are_made_alike():
    assert inspect.signature(BlockingAegisPay) == inspect.signature(AegisPay)


BY_POSITION = {
    "resolve_payment": 2, "review_payment": 2, "close_incident": 2, "receive_webhook": 3, "validate": 2,
    "subscribe": 2, "dead_letter": 2, "replay_dead_letter": 2, "drop_dead_letter": 2,
}  # fmt: skip
"""How many arguments can be given by position: one, unless what belongs together reads better side by side."""


@pytest.mark.parametrize("name", METHODS)
def test_arguments_past_the_first_are_by_keyword(name):
    _, *rest = inspect.signature(getattr(AegisPay, name)).parameters.values()
    by_keyword = [p.kind in {p.KEYWORD_ONLY, p.VAR_KEYWORD} for p in rest]
    assert all(by_keyword[BY_POSITION.get(name, 1) :])
    assert not any(by_keyword[: BY_POSITION.get(name, 0)])


ANY_METHOD_RAISES = {"EngineClosedError", "EngineFailedError"}
RAISE_NOTHING_ELSE = {"close", "configuration", "health", "latest_metrics", "supervision_tree"}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_raises(name):
    doc = inspect.getdoc(getattr(AegisPay, name)) or ""
    assert ("Raises:" in doc or "raises what" in doc) is (name not in RAISE_NOTHING_ELSE)


@pytest.mark.parametrize("name", METHODS)
def test_what_a_method_says_it_raises_is_public(name):
    doc = inspect.getdoc(getattr(AegisPay, name)) or ""
    named = re.findall(r"^    (\w+): ", doc.partition("Raises:")[2], flags=re.MULTILINE)
    public = {error.__name__ for error in ERRORS} | {"ImportError"}
    assert [error for error in named if error not in public] == []


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_says_what_to_do(error):
    assert issubclass(error, aegispay.AegisPayError)
    assert error.hint.strip().endswith(".")
    is_a_family = error is aegispay.AegisPayError or aegispay.AegisPayError in error.__bases__
    assert is_a_family or error.hint != aegispay.AegisPayError.hint, "a hint of its own"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_belongs_to_one_family(error):
    families = {
        aegispay.RequestError, aegispay.GatewayError, aegispay.StoreError, aegispay.EngineStateError,
    }  # fmt: skip
    assert len(families & set(error.__mro__)) == (0 if error is aegispay.AegisPayError else 1)


def test_a_hint_can_be_given_for_one_case():
    assert aegispay.StoreError("full", hint="Free space.").hint == "Free space."


METHODS_OF_PAYMENT = [
    Card(token=TOKEN),
    Wallet(provider="paypal", token=TOKEN),
    PayLater(provider="klarna", token=TOKEN),
    NetBanking(bank_code="HDFC", token=TOKEN),
]


@pytest.mark.parametrize("method", METHODS_OF_PAYMENT, ids=lambda method: type(method).__name__)
def test_no_repr_shows_a_token(method):
    command = b.create(payment_method=method)
    payment = b.after(command, b.authenticate(), b.start())
    shown = [method, command, *decide(None, command), payment, payment.request, *payment.attempts]
    assert [thing for thing in shown if TOKEN in repr(thing) or TOKEN in str(thing)] == []


def test_an_engine_that_is_not_open_shows_that():
    assert repr(AegisPay(aegispay.MemoryStore())) == "<AegisPay closed>"
    assert repr(BlockingAegisPay(aegispay.MemoryStore())) == "<BlockingAegisPay closed>"
