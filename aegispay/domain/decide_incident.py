"""Incidents: opened once each, closed by a person."""

from __future__ import annotations

from datetime import datetime

from aegispay.domain import commands as c
from aegispay.domain import events as e
from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.rejection import Rejection
from aegispay.domain.state import OperationKind

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


def decide_chargeback(payment: Payment, command: c.ReportChargeback) -> Events:
    """Take in that money was taken back; where more goes back than came in, a person must look."""
    if command.reference in payment.chargebacks:
        return ()
    said = f"dispute {command.reference} over {command.amount_minor} {command.currency} (minor units)"
    incident_id = f"{payment.id}-chargeback-{command.reference}"
    if command.currency != payment.currency or command.amount_minor <= 0 or payment.captured_minor == 0:
        detail = f"{said} does not fit a payment that captured {payment.captured_minor} {payment.currency}"
        return incident(payment, at=command.at, incident_id=incident_id, reason=Reason.CHARGEBACK, detail=detail)
    taken = e.PaymentChargedBack(at=command.at, reference=command.reference, amount_minor=command.amount_minor)
    returned = payment.refunded_minor + payment.reserved_minor(OperationKind.REFUND) + payment.charged_back_minor
    if returned + command.amount_minor <= payment.captured_minor:
        return (taken,)
    detail = f"{said} comes on top of {returned} returned before; only {payment.captured_minor} were captured"
    return (
        taken,
        *incident(payment, at=command.at, incident_id=incident_id, reason=Reason.CHARGEBACK, detail=detail),
    )
