"""Facts that call for a person: gateway and engine disagree, or the payment had to be set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aegispay.domain.event import Event
from aegispay.domain.event_type import EventType
from aegispay.domain.outcome import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpened(Event):
    """Gateway and engine disagree about money; a person must look."""

    incident_id: str
    reason: Reason
    detail: str

    type: ClassVar[EventType] = EventType.INCIDENT_OPENED


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentClosed(Event):
    """A person looked and said what is true."""

    incident_id: str
    operator: str
    detail: str

    type: ClassVar[EventType] = EventType.INCIDENT_CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentParked(Event):
    """The payment's actor crashed too often; commands are refused until an operator unparks it."""

    cause: str

    type: ClassVar[EventType] = EventType.PAYMENT_PARKED


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentUnparked(Event):
    """An operator lets the payment go on.

    Attributes:
        reason: the operator's words; may be empty.
    """

    operator: str
    reason: str = ""

    type: ClassVar[EventType] = EventType.PAYMENT_UNPARKED
