"""What a provider holds of one charge or authorization, and which operations that allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aegispay.domain.contract import CaptureSupport, GatewayContract
from aegispay.domain.outcome import Declined, DeclineKind, Reason
from aegispay.gateways.entry import EntryKind, EntryStatus, LedgerEntry
from aegispay.gateways.script import declined


@dataclass(frozen=True, slots=True)
class Holding:
    """The sum of the entries about one charge or authorization; amounts in minor units.

    Attributes:
        since: when the authorization was given; ``None`` for a charge, which does not expire.
        is_closed: nothing can be captured any more.
        capturing_minor: held by captures that are still to be decided; refunding_minor by refunds.
        is_closing: a void or final capture is still to be decided.
    """

    authorized_minor: int
    since: datetime | None
    captured_minor: int
    refunded_minor: int
    capturing_minor: int
    refunding_minor: int
    is_closed: bool
    is_voided: bool
    is_closing: bool

    @classmethod
    def of(cls, entries: Sequence[LedgerEntry]) -> Holding:
        """Add up the entries about one charge or authorization."""
        done = [entry for entry in entries if entry.is_done]
        latest = {entry.reference: entry for entry in entries}
        still_open = [entry for entry in latest.values() if entry.status is EntryStatus.OPEN]
        collected = _minor(done, EntryKind.CHARGE)
        return cls(
            authorized_minor=collected + _minor(done, EntryKind.AUTHORIZE),
            since=next((entry.at for entry in done if entry.kind is EntryKind.AUTHORIZE), None),
            captured_minor=collected + _minor(done, EntryKind.CAPTURE),
            refunded_minor=_minor(done, EntryKind.REFUND),
            capturing_minor=_minor(still_open, EntryKind.CAPTURE),
            refunding_minor=_minor(still_open, EntryKind.REFUND),
            is_closed=any(entry.is_final or entry.kind is EntryKind.CHARGE for entry in done),
            is_voided=any(entry.kind is EntryKind.VOID for entry in done),
            is_closing=any(entry.is_final or entry.kind is EntryKind.VOID for entry in still_open),
        )

    @property
    def left_minor(self) -> int:
        """What is authorized and neither captured nor about to be."""
        return self.authorized_minor - self.captured_minor - self.capturing_minor

    def refusal(self, kind: EntryKind, amount_minor: int, contract: GatewayContract, now: datetime) -> Declined | None:
        """Return why the operation cannot be done; ``None`` when it can."""
        code = self._obstacle(kind, amount_minor, contract, now)
        if code is None:
            return None
        reason = Reason.AUTHORIZATION_EXPIRED if code == "authorization_expired" else Reason.DECLINED_OTHER
        return declined(DeclineKind.HARD, reason, code)

    def _obstacle(self, kind: EntryKind, amount_minor: int, contract: GatewayContract, now: datetime) -> str | None:
        if kind is EntryKind.REFUND:
            return self._obstacle_to_refund(amount_minor)
        if self.is_voided:
            return "already_voided"
        if self.is_closed or self.captured_minor >= self.authorized_minor:
            return "already_captured"
        if self.since is not None and now >= self.since + timedelta(seconds=contract.authorization_validity_s):
            return "authorization_expired"
        if self.is_closing or (kind is EntryKind.VOID and self.capturing_minor > 0):
            return "in_other_operation"
        return None if kind is EntryKind.VOID else self._obstacle_to_capture(amount_minor, contract)

    def _obstacle_to_capture(self, amount_minor: int, contract: GatewayContract) -> str | None:
        if amount_minor > self.left_minor:
            return "amount_too_large"
        if contract.capture is CaptureSupport.FULL and amount_minor < self.authorized_minor:
            return "no_partial_capture"
        return None

    def _obstacle_to_refund(self, amount_minor: int) -> str | None:
        if self.captured_minor == 0:
            return "not_captured"
        left_minor = self.captured_minor - self.refunded_minor - self.refunding_minor
        return "amount_too_large" if amount_minor > left_minor else None


def _minor(entries: Iterable[LedgerEntry], kind: EntryKind) -> int:
    return sum(entry.amount_minor for entry in entries if entry.kind is kind)
