"""What a gateway reports by itself, once its signature has been verified."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.outcome import Outcome


class NotificationKind(StrEnum):
    """What a notification is about."""

    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    CHARGEBACK = "chargeback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One fact a gateway reports.

    Attributes:
        id: the gateway's id of the event, the same for every delivery.
        reference: our name of what it is about, as sent in its request: of the attempt for a charge or chargeback.
        outcome: what became of it; a chargeback is `Approved` with the gateway's id of the dispute and its amount.
    """

    id: str
    kind: NotificationKind
    reference: str
    outcome: Outcome
