"""Every text of every event is either sealed or known to be no word of anybody."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest

from aegispay.domain import events as e
from aegispay.domain.event_codec import ADAPTERS, decode
from aegispay.domain.evidence import Evidence
from aegispay.domain.outcome import (
    ActionKind,
    Declined,
    DeclineKind,
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NextAction,
    NotProcessed,
    OutcomeUnknown,
    Pending,
    Reason,
)
from aegispay.domain.payment_events import CANCEL_WORDS
from aegispay.domain.state import OperationKind
from aegispay.outbox.envelope import public_event
from aegispay.ports import StoredEvent
from aegispay.storage.personal import PERSONAL, encode_parts, is_personal, put_back
from tests import builders as b

IDENTIFIERS = {
    "PaymentInitiated": {
        "fingerprint",
        "trace",
        "request.idempotency_key",
        "request.currency",
        "request.merchant",
        "request.gateway",
        "request.retry_of",
        "request.strategy",
        "request.customer.id",
        "request.payment_method.token",
        "request.payment_method.brand",
        "request.payment_method.bank_code",
        "request.payment_method.provider",
    },
    "ActionRequired": {"gateway", "reference"},
    # What strategies and the retry policy say is the configuration's: the same for every customer.
    "AttemptStarted": {
        "gateway",
        "operation_id",
        "idempotency_key",
        "request_digest",
        "decision.strategy",
        "decision.order",
        "decision.candidates.gateway",
        "decision.candidates.dropped",
        "decision.candidates.facts",
        "decision.candidates.parts",
        "decision.probe",
        "decision.why",
        "decision.preferred",
        "decision.preferred_by",
    },
    "AttemptFailed": {"outcome.code", "outcome.advice", "retry.why", "retry.gateway"},
    "RetryPutOff": {"retry.why", "retry.gateway"},
    "OutcomeBecameUnknown": {"outcome.code", "outcome.reference"},
    "OutcomeResolved": {"evidence"},
    "PaymentAuthorized": {"reference"},
    "PaymentSucceeded": {"reference"},
    "PaymentFailed": {"code", "gateway"},
    "PaymentChargedBack": {"reference"},
    "OperationRequested": {"operation_id", "idempotency_key", "key"},
    "OperationSucceeded": {"operation_id", "reference", "evidence"},
    "OperationFailed": {"operation_id", "evidence", "outcome.code", "outcome.advice"},
    "OperationBecameUnknown": {"operation_id", "outcome.code", "outcome.reference"},
    "PaymentEnriched": {"hook"},
    "HookJudged": {"hook"},
    "IncidentOpened": {"incident_id"},
    "IncidentClosed": {"incident_id", "operator"},
    "PaymentUnparked": {"operator"},
}
"""Texts that are no words: ids, keys, codes, names of gateways, hooks and operators, and our own configuration."""


def texts(hint, path=()):
    """Yield the paths of all texts in what a type hint allows."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return
    if hint in (str, Any):
        yield ".".join(path)
    elif dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        for field in dataclasses.fields(hint):
            yield from texts(hints[field.name], (*path, field.name))
    else:
        origin = typing.get_origin(hint)
        inner = typing.get_args(hint)
        if origin is typing.Annotated:
            inner = inner[:1]
        if origin in (typing.Union, types.UnionType, typing.Annotated, tuple, list, dict):
            for each in inner:
                yield from texts(each, path)


def named(fields, path=()):
    for name in fields:
        within = fields[name] if isinstance(fields, dict) else True
        if within is True:
            yield ".".join((*path, name))
        else:
            yield from named(within, (*path, name))


@pytest.mark.parametrize("made", ADAPTERS, ids=lambda made: made.__name__)
def test_every_text_of_an_event_is_sealed_or_known_to_be_an_identifier(made):
    sealed, open_ = set(named(PERSONAL.get(made, {}))), IDENTIFIERS.get(made.__name__, set())
    found = set(texts(made))
    covered = {path for path in found if any(path == each or path.startswith(f"{each}.") for each in sealed)}
    assert found - covered - open_ == set()
    assert open_ - found == set(), "no longer there"
    assert covered & open_ == set()


def test_the_walk_finds_texts_in_unions_lists_and_objects():
    assert set(texts(e.AttemptStarted)) >= {"decision.candidates.dropped", "decision.order", "gateway"}
    assert set(texts(e.AttemptFailed)) >= {"outcome.message", "retry.why"}
    assert "request.metadata" in set(texts(e.PaymentInitiated))
    assert "request.customer.billing_address.line1" in set(texts(e.PaymentInitiated))


WORD = "Quagmire"
SAID = f"ask Zebulon {WORD}"
DECLINED = Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, code="51", message=SAID)
OF_OPERATION = {"at": b.NOW, "kind": OperationKind.REFUND, "operation_id": "op"}
LATER = {"checks": 1, "next_check_at": b.NOW + timedelta(minutes=1)}
UNKNOWN = OutcomeUnknown(reason=Reason.TIMEOUT, code="504", message=SAID)

SPOKEN = {
    "redirect": e.ActionRequired(
        at=b.NOW,
        gateway="alpha",
        action=NextAction(kind=ActionKind.REDIRECT, url=f"https://a/{WORD}", payload=SAID, expires_at=b.LATER),
    ),
    **{
        f"attempt {type(outcome).__name__}": e.AttemptFailed(at=b.NOW, number=1, outcome=outcome)
        for outcome in (
            DECLINED,
            NotProcessed(reason=Reason.NOT_SENT, message=SAID),
            InvalidRequest(message=SAID),
            GatewayMisconfigured(message=SAID),
        )
    },
    "doubt": e.OutcomeBecameUnknown(at=b.NOW, number=1, outcome=UNKNOWN, **LATER),
    "verdict": e.OutcomeResolved(at=b.NOW, number=1, evidence=Evidence.OPERATOR, detail=f"olga: {SAID}"),
    "other evidence": e.OutcomeResolved(at=b.NOW, number=1, evidence=Evidence.LOOKUP, detail=f"it says: {SAID}"),
    "cancel asked": e.CancelRequested(at=b.NOW, reason=SAID),
    "cancelled": e.PaymentCancelled(at=b.NOW, reason=SAID),
    "failed": e.PaymentFailed(at=b.NOW, reason=Reason.DO_NOT_HONOR, message=SAID),
    "refund": e.OperationRequested(
        **OF_OPERATION, amount_minor=1, idempotency_key="k", deadline_at=b.LATER, reason=SAID
    ),
    "refunded": e.OperationSucceeded(**OF_OPERATION, reference="r", evidence=Evidence.OPERATOR, detail=f"olga: {SAID}"),
    "refund failed": e.OperationFailed(**OF_OPERATION, outcome=DECLINED),
    "refund not executed": e.OperationFailed(
        **OF_OPERATION,
        outcome=NotProcessed(reason=Reason.OPERATOR_VERDICT),
        evidence=Evidence.OPERATOR,
        detail=f"olga: {SAID}",
    ),
    "refund in doubt": e.OperationBecameUnknown(**OF_OPERATION, outcome=UNKNOWN, **LATER),
    "review": e.IncidentOpened(at=b.NOW, incident_id="i", reason=Reason.REVIEW_WANTED, detail=SAID),
    "reviewed": e.IncidentClosed(at=b.NOW, incident_id="i", operator="olga", detail=SAID),
    "parked": e.PaymentParked(at=b.NOW, cause=SAID),
    "unparked": e.PaymentUnparked(at=b.NOW, operator="olga", reason=SAID),
}


def erased(event):
    data, _ = encode_parts(event)
    return decode(event.type, 1, data)


@pytest.mark.parametrize("event", SPOKEN.values(), ids=SPOKEN)
def test_words_are_taken_out_and_put_back_to_the_letter(event):
    data, personal = encode_parts(event)
    assert WORD not in data
    assert personal is not None
    assert WORD in personal
    assert decode(event.type, 1, put_back(data, personal)) == event
    assert not is_personal(erased(event))
    assert WORD not in str(erased(event))


@pytest.mark.parametrize("event", SPOKEN.values(), ids=SPOKEN)
def test_an_event_is_published_the_same_before_and_after_its_customer_is_erased(event):
    def published(each):
        return public_event(StoredEvent(position=1, payment_id=b.ID, version=1, event=each, recorded_at=b.NOW, hash=""))

    assert published(event) == published(erased(event))
    assert WORD not in str(published(event))


def test_what_an_erased_event_still_says_is_who_and_what_but_not_in_which_words():
    assert erased(SPOKEN["verdict"]).detail == "olga"
    assert erased(SPOKEN["refunded"]).detail == "olga"
    assert erased(SPOKEN["other evidence"]).detail == ""
    assert erased(SPOKEN["cancelled"]).reason == "requested"
    assert erased(SPOKEN["refund failed"]).outcome == dataclasses.replace(DECLINED, message="")


WORDLESS = {
    **{f"cancelled {word}": e.PaymentCancelled(at=b.NOW, reason=word) for word in sorted(CANCEL_WORDS)},
    **{f"{type(each).__name__}": e.OutcomeBecameUnknown(at=b.NOW, number=1, outcome=each, **LATER)
       for each in (Pending(reference="r"), Duplicate(reference="r"), OutcomeUnknown(reason=Reason.TIMEOUT))},
    "amounts": e.IncidentOpened(at=b.NOW, incident_id="i", reason=Reason.AMOUNT_MISMATCH, detail="asked for 5, did 6"),
    "success": e.OperationSucceeded(**OF_OPERATION, reference="r"),
    "wait": e.ActionRequired(at=b.NOW, gateway="a", action=NextAction(kind=ActionKind.WAIT, expires_at=b.LATER)),
}  # fmt: skip


@pytest.mark.parametrize("event", WORDLESS.values(), ids=WORDLESS)
def test_what_nobody_wrote_stays_in_the_open(event):
    assert encode_parts(event)[1] is None


CARD_LIKE = "4111111111111111"


@pytest.mark.parametrize(
    "event",
    [
        e.OutcomeBecameUnknown(
            at=b.NOW,
            number=1,
            outcome=OutcomeUnknown(
                reason=Reason.AMOUNT_MISMATCH, code=CARD_LIKE, message=f"asked for 1, the gateway did {CARD_LIKE}"
            ),
            **LATER,
        ),
        e.IncidentOpened(at=b.NOW, incident_id="i", reason=Reason.REVIEW_WANTED, detail=f"amount {CARD_LIKE}"),
    ],
    ids=["amount", "incident"],
)
def test_what_an_event_says_about_money_is_not_refused_when_it_is_sealed(event):
    data, personal = encode_parts(event)
    assert decode(event.type, 1, put_back(data, personal)) == event
