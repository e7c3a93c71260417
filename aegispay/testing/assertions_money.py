"""Two assertions about money: nobody is charged twice, and engine and providers agree to the last minor unit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from aegispay.domain.outcome import Reason
from aegispay.domain.payment import Payment
from aegispay.domain.state import OperationStatus
from aegispay.gateways.entry import EntryKind, LedgerEntry
from aegispay.testing.assertions_evidence import Evidence, Finding

_EXPLAINS = frozenset(
    {
        Reason.AMOUNT_MISMATCH,
        Reason.LATE_APPROVAL,
        Reason.CONFLICTING_ANSWER,
        Reason.UNKNOWN_OPERATION,
        Reason.CHARGEBACK,
    }
)
"""Incidents that say themselves that engine and provider disagree about money."""


def no_duplicates(evidence: Evidence) -> Iterator[Finding]:
    """One idempotency key, one payment; one payment, one charge over all gateways, and never more than its amount."""
    name = "no_duplicates"
    keys: defaultdict[tuple[str, str], list[Payment]] = defaultdict(list)
    for payment in evidence.payments:
        keys[payment.merchant, payment.idempotency_key].append(payment)
    for (_, key), payments in keys.items():
        ids = {payment.id for payment in payments}
        if len(ids) > 1:
            yield Finding(name, min(ids), f"key {key!r} has {len(ids)} payments: {', '.join(sorted(ids))}")
        begun = [entry for each in sorted(ids) for entry in evidence.done.get(each, ()) if entry.kind.begins]
        if len(begun) > 1:
            yield Finding(name, begun[0].payment_id, f"key {key!r} was charged {len(begun)} times: {_said(begun)}")
    amounts = {payment.id: payment.amount_minor for payment in evidence.payments}
    for payment_id, entries in evidence.done.items():
        taken = _sum(entries, EntryKind.CHARGE, EntryKind.CAPTURE)
        if payment_id not in amounts:
            yield Finding(name, payment_id, f"money moved for a payment that nobody knows: {_said(entries)}")
        elif taken > amounts[payment_id]:
            yield Finding(name, payment_id, f"{taken} were taken of {amounts[payment_id]}: {_said(entries)}")
        for reference, times in Counter(entry.reference for entry in entries).items():
            if times > 1:
                yield Finding(name, payment_id, f"{reference} was carried out {times} times")


def money_is_conserved(evidence: Evidence) -> Iterator[Finding]:
    """What the log says was authorized, captured and refunded is what the books say, in integers.

    A payment in doubt claims nothing yet, and one with an open incident says itself that the two disagree.
    """
    for payment in evidence.payments:
        is_explained = any(each.is_open and each.reason in _EXPLAINS for each in payment.incidents)
        if payment.in_doubt or payment.has_open_operation or payment.open_attempt is not None or is_explained:
            continue
        entries = evidence.done.get(payment.id, [])
        here = {
            "authorized": payment.authorized_minor,
            "captured": payment.captured_minor,
            "refunded": payment.refunded_minor,
        }
        there = {
            "authorized": _sum(entries, EntryKind.CHARGE, EntryKind.AUTHORIZE),
            "captured": _sum(entries, EntryKind.CHARGE, EntryKind.CAPTURE),
            "refunded": _sum(entries, EntryKind.REFUND),
        }
        for what, minor in here.items():
            if minor != there[what]:
                text = f"the log says {what} {minor}, the books {there[what]}"
                yield Finding("money_is_conserved", payment.id, text)
        yield from _operations(payment, entries)


def _operations(payment: Payment, entries: list[LedgerEntry]) -> Iterator[Finding]:
    here = {op.id for op in payment.operations if op.status is OperationStatus.SUCCEEDED}
    there = {entry.reference for entry in entries if not entry.kind.begins}
    for operation_id in sorted(here ^ there):
        where = "only in the log" if operation_id in here else "only in the books"
        yield Finding("money_is_conserved", payment.id, f"{operation_id} was carried out {where}")


def _sum(entries: list[LedgerEntry], *kinds: EntryKind) -> int:
    return sum(entry.amount_minor for entry in entries if entry.kind in kinds)


def _said(entries: list[LedgerEntry]) -> str:
    return ", ".join(f"{entry.gateway} {entry.kind} {entry.amount_minor}" for entry in entries)
