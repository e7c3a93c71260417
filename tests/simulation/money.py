"""What must be true of money in every story, by the providers' books and by what left for them."""

from __future__ import annotations

from collections.abc import Iterator

from aegispay import Attempt, LookupAuthority, Operation, OperationKind, Payment, PaymentState
from aegispay.domain.outcome import Reason
from aegispay.gateways.ledger import EntryKind, LedgerEntry, captured_minor, charges, refunded_minor
from aegispay.ports import GatewayRequest
from tests.simulation.providers import CONTRACTS
from tests.simulation.world import Story

_NOT_CHARGED = frozenset({PaymentState.FAILURE, PaymentState.CANCELLED, PaymentState.INITIATED})


def _at_most_one_charge(story: Story) -> Iterator[str]:
    """P1: over all gateways, one payment is begun once and never takes more than its amount."""
    for payment_id, entries in charges(story.ledger).items():
        where = ", ".join(f"{entry.gateway} {entry.amount_minor}" for entry in entries)
        if payment_id not in story.final:
            yield f"{payment_id} was charged and is not in the store"
        elif sum(entry.amount_minor for entry in entries) > story.final[payment_id].amount_minor:
            yield f"{payment_id} was charged too much: {where}"
    for payment_id, entries in _done(story).items():
        begun = [f"{entry.gateway} {entry.amount_minor}" for entry in entries if entry.kind.begins]
        if len(begun) > 1:
            yield f"{payment_id} was charged or authorized {len(begun)} times: {', '.join(begun)}"


def _nothing_done_twice(story: Story) -> Iterator[str]:
    """P1 for operations: each is carried out once."""
    for payment_id, entries in _done(story).items():
        references = [entry.reference for entry in entries]
        for reference in sorted(set(references)):
            if references.count(reference) > 1:
                yield f"{payment_id}: {reference} was carried out {references.count(reference)} times"


def _no_more_out_than_in(story: Story) -> Iterator[str]:
    """P5 in the books: no more is returned than was taken, no more taken and released than was authorized."""
    for payment_id, entries in _done(story).items():
        taken = captured_minor(story.ledger, payment_id)
        if refunded_minor(story.ledger, payment_id) > taken:
            yield f"{payment_id}: {refunded_minor(story.ledger, payment_id)} refunded of {taken}"
        held = sum(entry.amount_minor for entry in entries if entry.kind.begins)
        is_voided = any(entry.kind is EntryKind.VOID for entry in entries)
        is_captured_after = is_voided and entries[-1].kind is EntryKind.CAPTURE
        if taken > held or is_captured_after:
            yield f"{payment_id}: {taken} captured of {held}{', after it was voided' if is_voided else ''}"


def _ledger_agrees(story: Story) -> Iterator[str]:
    """Engine and books agree, or an incident says that they do not."""
    done = _done(story)
    for payment_id, payment in story.final.items():
        if payment.in_doubt or any(each.is_open and _explains(each.reason) for each in payment.incidents):
            continue
        entries = done.get(payment_id, [])
        begun = [entry for entry in entries if entry.kind.begins]
        if payment.authorized_minor and [entry.gateway for entry in begun] != [payment.gateway]:
            yield f"{payment_id} is {payment.state} at {payment.gateway}, charged by {[e.gateway for e in begun]}"
        if payment.state in _NOT_CHARGED and not payment.authorized_minor and begun:
            yield f"{payment_id} is {payment.state}, charged by {[entry.gateway for entry in begun]}"
        engine = (payment.authorized_minor, payment.captured_minor, payment.refunded_minor)
        books = (
            sum(entry.amount_minor for entry in begun),
            captured_minor(story.ledger, payment_id),
            refunded_minor(story.ledger, payment_id),
        )
        if engine != books:
            yield f"{payment_id}: (authorized, captured, refunded) is {engine} here, {books} in the books"
        yield from _operations_agree(payment, entries)


def _operations_agree(payment: Payment, entries: list[LedgerEntry]) -> Iterator[str]:
    here = {op.id for op in payment.operations if op.status.value == "succeeded"}
    there = {entry.reference for entry in entries if not entry.kind.begins}
    if here != there:
        yield f"{payment.id}: done here only {sorted(here - there)}, in the books only {sorted(there - here)}"


def _explains(reason: Reason) -> bool:
    return reason in {Reason.LATE_APPROVAL, Reason.CONFLICTING_ANSWER, Reason.UNKNOWN_OPERATION}


def _sends_are_identical(story: Story) -> Iterator[str]:
    """Everything sent under one reference is the same to the letter, and no key serves two references."""
    keys: dict[tuple[str, str], str] = {}
    first: dict[str, GatewayRequest] = {}
    for sent in story.wire:
        request = sent.request
        if first.setdefault(request.reference, request) != request:
            yield f"{request.reference} was sent with another body or key"
        if keys.setdefault((sent.gateway, request.idempotency_key), request.reference) != request.reference:
            yield f"{request.idempotency_key} served two references"


def _no_send_unexplained(story: Story) -> Iterator[str]:
    """No more leaves than the log and the deaths of processes account for, and nothing that it does not know."""
    known: dict[str, int] = {}
    for payment in story.final.values():
        for sent in (*payment.attempts, *payment.operations):
            unknown = sum(_is_doubt(stored.event, sent) for stored in story.events[payment.id])
            known[sent.id] = 1 + unknown + story.lives
    for reference in sorted({sent.request.reference for sent in story.wire}):
        sends = sum(sent.request.reference == reference for sent in story.wire)
        if sends > known.get(reference, 0):
            yield f"{reference} left {sends} times, the log allows {known.get(reference, 0)}"


def _is_doubt(event: object, sent: Attempt | Operation) -> bool:
    if isinstance(sent, Operation):
        return getattr(event, "operation_id", None) == sent.id and getattr(event, "checks", None) is not None
    return getattr(event, "number", None) == sent.number and getattr(event, "checks", None) is not None


def _no_charge_after_cancel(story: Story) -> Iterator[str]:
    """Once a cancel is remembered, no attempt begins; and what proves approved is given back."""
    for payment_id, events in story.events.items():
        names = [stored.event.type.value for stored in events]
        if "payment.cancel_requested" in names:
            after = names[names.index("payment.cancel_requested") :]
            if "payment.processing" in after or "payment.retry_attempted" in after:
                yield f"{payment_id}: an attempt began after its cancel"
        payment = story.final[payment_id]
        is_over = payment.unwanted_minor <= 0 or payment.is_cancel_given_up
        if payment.is_cancel_requested and not is_over:
            yield f"{payment_id}: cancelled, and {payment.unwanted_minor} are kept: {payment!r}"


def _wishes_granted(story: Story) -> Iterator[str]:
    """What was taken on is in the log: the operation of that key."""
    for payment_id, wish in story.granted:
        payment = story.final[payment_id]
        if wish.kind == "cancel":
            is_there = payment.is_cancel_requested or payment.state is PaymentState.CANCELLED
            is_there = is_there or any(op.kind is OperationKind.VOID for op in payment.operations)
        else:
            assert wish.key is not None
            is_there = payment.operation(OperationKind(wish.kind), wish.key) is not None
        if not is_there:
            yield f"{payment_id}: {wish} was granted and is not in the log"


def _doubts_settled(story: Story) -> Iterator[str]:
    """What the gateway's contract knows a way to find out was found out without a person."""
    for payment in story.left:
        for doubt in payment.doubts:
            if not _may_stay(story, payment, doubt):
                yield f"{doubt.id} at {payment.gateway} was left in doubt: {doubt.failure}"


def _may_stay(story: Story, payment: Payment, doubt: Attempt | Operation) -> bool:
    if any(incident.reason is Reason.AMOUNT_MISMATCH for incident in payment.incidents):
        return True
    assert payment.gateway is not None
    entry = story.ledger.find_reference(payment.gateway, doubt.id)
    match CONTRACTS[payment.gateway].lookup:
        case LookupAuthority.AUTHORITATIVE:
            return False
        case LookupAuthority.ADVISORY:
            # That the provider has it shows; that it has not proves nothing.
            return entry is None
        case LookupAuthority.NONE:
            return True


def _done(story: Story) -> dict[str, list[LedgerEntry]]:
    found: dict[str, list[LedgerEntry]] = {}
    for entry in story.ledger.entries():
        if entry.is_done:
            found.setdefault(entry.payment_id, []).append(entry)
    return found


PROMISES = (
    _at_most_one_charge,
    _nothing_done_twice,
    _no_more_out_than_in,
    _ledger_agrees,
    _sends_are_identical,
    _no_send_unexplained,
    _no_charge_after_cancel,
    _wishes_granted,
    _doubts_settled,
)
