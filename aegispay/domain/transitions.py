"""The formal state machine: one table that guards at run time, draws the pictures and is checked exhaustively."""

from __future__ import annotations

from dataclasses import dataclass

from aegispay.domain.events import EventType as E
from aegispay.domain.state import PaymentState as S


@dataclass(frozen=True, slots=True)
class Transition:
    """One legal arrow.

    Attributes:
        source: state before; ``None`` before the payment exists.
        event: the fact that causes it.
        target: state after; a target equal to the source records something without moving.
        when: in words, for the pictures.
        commands: which commands may lead to it.
    """

    source: S | None
    event: E
    target: S
    when: str
    commands: tuple[str, ...]


def _operation(state: S, kind: str, *requests: str) -> tuple[Transition, ...]:
    steps = (
        ("requested", requests),
        ("succeeded", ("RecordOperation",)),
        ("failed", ("RecordOperation",)),
        ("unknown", ("RecordOperation",)),
    )
    return tuple(
        Transition(state, E(f"payment.{kind}_{step}"), state, f"{kind} {step}", commands) for step, commands in steps
    )


_CHARGE = (
    Transition(None, E.PAYMENT_INITIATED, S.INITIATED, "created", ("CreatePayment",)),
    Transition(S.INITIATED, E.PAYMENT_ENRICHED, S.INITIATED, "metadata added by a hook", ("EnrichPayment",)),
    Transition(S.INITIATED, E.PAYMENT_AUTHENTICATED, S.AUTHENTICATED, "payer authenticated", ("AuthenticatePayment",)),
    Transition(S.INITIATED, E.PAYMENT_ACTION_REQUIRED, S.REQUIRES_ACTION, "payer needed", ("RequireAction",)),
    Transition(S.PROCESSING, E.PAYMENT_ACTION_REQUIRED, S.REQUIRES_ACTION, "payer needed", ("RecordOutcome",)),
    Transition(S.REQUIRES_ACTION, E.PAYMENT_ACTION_REQUIRED, S.REQUIRES_ACTION, "more time to act", ("RecordOutcome",)),
    Transition(S.REQUIRES_ACTION, E.PAYMENT_ACTION_COMPLETED, S.AUTHENTICATED, "challenge passed", ("CompleteAction",)),
    Transition(
        S.REQUIRES_ACTION,
        E.PAYMENT_ACTION_COMPLETED,
        S.PROCESSING,
        "challenge passed",
        ("CompleteAction", "RecordOutcome"),
    ),
    Transition(
        S.REQUIRES_ACTION,
        E.ATTEMPT_FAILED,
        S.REQUIRES_ACTION,
        "attempt failed",
        ("CompleteAction", "ExpirePayment", "RecordOutcome"),
    ),
    Transition(
        S.REQUIRES_ACTION,
        E.PAYMENT_FAILED,
        S.FAILURE,
        "challenge failed or expired",
        ("CompleteAction", "ExpirePayment", "RecordOutcome"),
    ),
    Transition(S.INITIATED, E.PAYMENT_FAILED, S.FAILURE, "refused", ("RefusePayment",)),
    Transition(S.AUTHENTICATED, E.PAYMENT_FAILED, S.FAILURE, "refused", ("RefusePayment",)),
    Transition(S.AUTHENTICATED, E.PAYMENT_PROCESSING, S.PROCESSING, "attempt started", ("StartAttempt",)),
    Transition(S.PROCESSING, E.PAYMENT_RETRY_ATTEMPTED, S.PROCESSING, "next attempt", ("StartAttempt",)),
    Transition(S.PROCESSING, E.ATTEMPT_FAILED, S.PROCESSING, "attempt failed", ("RecordOutcome",)),
    Transition(S.PROCESSING, E.RETRY_PUT_OFF, S.PROCESSING, "retry put off", ("PutOffRetry",)),
    Transition(S.PROCESSING, E.OUTCOME_UNKNOWN, S.PROCESSING, "outcome unknown", ("RecordOutcome",)),
    Transition(S.PROCESSING, E.OUTCOME_RESOLVED, S.PROCESSING, "outcome resolved", ("RecordOutcome",)),
    Transition(S.PROCESSING, E.PAYMENT_AUTHORIZED, S.AUTHORIZED, "approved, manual capture", ("RecordOutcome",)),
    Transition(S.PROCESSING, E.PAYMENT_SUCCEEDED, S.SUCCESS, "approved, automatic capture", ("RecordOutcome",)),
    Transition(S.PROCESSING, E.PAYMENT_FAILED, S.FAILURE, "failed, none left", ("RecordOutcome", "RefusePayment")),
)

_CANCEL = (
    Transition(S.INITIATED, E.PAYMENT_CANCELLED, S.CANCELLED, "cancelled", ("CancelPayment", "ExpirePayment")),
    Transition(
        S.REQUIRES_ACTION,
        E.PAYMENT_CANCELLED,
        S.CANCELLED,
        "cancelled",
        ("CancelPayment", "CompleteAction", "ExpirePayment", "RecordOutcome"),
    ),
    Transition(
        S.REQUIRES_ACTION, E.PAYMENT_CANCEL_REQUESTED, S.REQUIRES_ACTION, "cancel remembered", ("CancelPayment",)
    ),
    Transition(S.AUTHENTICATED, E.PAYMENT_CANCELLED, S.CANCELLED, "cancelled", ("CancelPayment",)),
    Transition(S.PROCESSING, E.PAYMENT_CANCEL_REQUESTED, S.PROCESSING, "cancel remembered", ("CancelPayment",)),
    Transition(
        S.PROCESSING,
        E.PAYMENT_CANCELLED,
        S.CANCELLED,
        "failed, cancel remembered",
        ("RecordOutcome", "CancelPayment"),
    ),
    Transition(
        S.AUTHORIZED,
        E.PAYMENT_CANCELLED,
        S.CANCELLED,
        "voided or expired",
        ("RecordOperation", "RecordOutcome", "ExpirePayment"),
    ),
)

_MONEY = (
    *_operation(S.AUTHORIZED, "capture", "RequestOperation"),
    *_operation(S.AUTHORIZED, "void", "CancelPayment", "RepeatCancel", "RecordOutcome"),
    Transition(S.AUTHORIZED, E.AUTHORIZATION_EXPIRING, S.AUTHORIZED, "expiry announced", ("ExpirePayment",)),
    Transition(
        S.AUTHORIZED,
        E.PAYMENT_SUCCEEDED,
        S.SUCCESS,
        "captured",
        ("RecordOperation", "RecordOutcome", "ExpirePayment"),
    ),
    *_operation(S.SUCCESS, "refund", "RequestOperation", "RepeatCancel", "RecordOutcome"),
    *_operation(S.PARTIALLY_REFUNDED, "refund", "RequestOperation", "RepeatCancel"),
    *(
        Transition(state, E.PAYMENT_CHARGED_BACK, state, "charged back", ("ReportChargeback",))
        for state in (S.AUTHORIZED, S.SUCCESS, S.PARTIALLY_REFUNDED, S.REFUNDED)
    ),
    Transition(S.SUCCESS, E.PAYMENT_PARTIALLY_REFUNDED, S.PARTIALLY_REFUNDED, "part refunded", ("RecordOperation",)),
    Transition(S.SUCCESS, E.PAYMENT_REFUNDED, S.REFUNDED, "all refunded", ("RecordOperation",)),
    Transition(
        S.PARTIALLY_REFUNDED,
        E.PAYMENT_PARTIALLY_REFUNDED,
        S.PARTIALLY_REFUNDED,
        "part refunded",
        ("RecordOperation",),
    ),
    Transition(S.PARTIALLY_REFUNDED, E.PAYMENT_REFUNDED, S.REFUNDED, "rest refunded", ("RecordOperation",)),
)

_ANYWHERE = tuple(
    Transition(state, event, state, words, commands)
    for state in S
    for event, words, commands in (
        (
            E.INCIDENT_OPENED,
            "incident opened",
            ("RecordOutcome", "RecordOperation", "ReportChargeback", "OpenIncident"),
        ),
        (E.INCIDENT_CLOSED, "incident closed", ("CloseIncident",)),
        (E.HOOK_JUDGED, "hook's verdict", ("JudgePayment",)),
        (E.PAYMENT_PARKED, "parked", ("ParkPayment",)),
        (E.PAYMENT_UNPARKED, "unparked", ("UnparkPayment",)),
    )
)

TRANSITIONS: tuple[Transition, ...] = (*_CHARGE, *_CANCEL, *_MONEY, *_ANYWHERE)
"""Every legal transition; anything else is illegal."""

_TARGETS: dict[tuple[S | None, E], frozenset[S]] = {}
_COMMANDS: dict[S | None, frozenset[str]] = {}
for _row in TRANSITIONS:
    _key = (_row.source, _row.event)
    _TARGETS[_key] = _TARGETS.get(_key, frozenset()) | {_row.target}
    _COMMANDS[_row.source] = _COMMANDS.get(_row.source, frozenset()) | set(_row.commands)


def targets(source: S | None, event: E) -> frozenset[S]:
    """Return the states `event` may lead to from `source`; empty when it is illegal there."""
    return _TARGETS.get((source, event), frozenset())


def commands(source: S | None) -> frozenset[str]:
    """Return the names of the commands that can have an effect in `source`."""
    return _COMMANDS.get(source, frozenset())


def arrows() -> tuple[tuple[S | None, S, str], ...]:
    """Return the arrows of a picture: (source, target, words), loops left out, in the order of the table."""
    seen: dict[tuple[S | None, S], list[str]] = {}
    for row in TRANSITIONS:
        if row.source is not row.target:
            words = seen.setdefault((row.source, row.target), [])
            if row.when not in words:
                words.append(row.when)
    return tuple((source, target, " / ".join(words)) for (source, target), words in seen.items())
