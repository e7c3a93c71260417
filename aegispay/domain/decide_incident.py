"""Incidents: opened once each, closed by a person."""

from __future__ import annotations

from datetime import datetime

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection

Events = tuple[e.Event, ...]


def incident(payment: Payment, *, at: datetime, incident_id: str, reason: Reason, detail: str) -> Events:
    """Return what opens the incident, or nothing when it has been opened before, whether or not it is closed by now."""
    if any(known.id == incident_id for known in payment.incidents):
        return ()
    return (e.IncidentOpened(at=at, incident_id=incident_id, reason=reason, detail=detail),)


def decide_open_incident(payment: Payment, command: c.OpenIncident) -> Events:
    """Open an incident, once."""
    return incident(
        payment, at=command.at, incident_id=command.incident_id, reason=command.reason, detail=command.detail
    )


def decide_close_incident(payment: Payment, command: c.CloseIncident) -> Events | Rejection:
    """Close an incident that is open."""
    if not any(known.id == command.incident_id and known.is_open for known in payment.incidents):
        return Rejection.NO_SUCH_OPEN_INCIDENT
    return (
        e.IncidentClosed(
            at=command.at, incident_id=command.incident_id, operator=command.operator, detail=command.detail
        ),
    )
