"""What must be true of every story, whatever happened in it; each broken promise is a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from aegispay import Payment, PaymentState
from aegispay.domain import events as e
from aegispay.domain.evolve import evolve
from aegispay.domain.invariants import violations
from aegispay.domain.projection import project
from aegispay.domain.request import parse_request
from aegispay.gateways.ledger import charges
from tests.simulation.providers import CONTRACTS
from tests.simulation.world import Story

_CHARGED = frozenset({PaymentState.SUCCESS})
_NOT_CHARGED = frozenset({PaymentState.FAILURE, PaymentState.CANCELLED, PaymentState.INITIATED})


def broken(story: Story) -> list[str]:
    """Return every promise that the story breaks; empty when it keeps them all."""
    found: list[str] = []
    for check in _PROMISES:
        try:
            found.extend(f"{check.__name__.strip('_')}: {problem}" for problem in check(story))
        except Exception as error:
            found.append(f"{check.__name__.strip('_')} could not be checked: {error!r}")
    return found


def _states(story: Story, payment_id: str) -> list[Payment]:
    """Return the payment after each of its events."""
    payment: Payment | None = None
    states: list[Payment] = []
    for stored in story.events[payment_id]:
        payment = evolve(payment, stored.event, payment_id=payment_id)
        states.append(payment)
    return states


def _replay(story: Story) -> Iterator[str]:
    for payment_id, final in story.final.items():
        states = _states(story, payment_id)
        if states[-1] != final:
            yield f"{payment_id}: replay and state differ"
        if project(final) != story.rows[payment_id]:
            yield f"{payment_id}: the row is not the payment's"
        versions = [stored.version for stored in story.events[payment_id]]
        if versions != list(range(1, len(versions) + 1)):
            yield f"{payment_id}: versions {versions}"
        for state in states:
            yield from (f"{payment_id} v{state.version} breaks {each}" for each in violations(state))


def _at_most_one_charge(story: Story) -> Iterator[str]:
    """P1: over all gateways, one payment is charged once and never more than its amount."""
    for payment_id, entries in charges(story.ledger).items():
        where = ", ".join(f"{entry.gateway} {entry.amount_minor}" for entry in entries)
        if len(entries) > 1:
            yield f"{payment_id} was charged {len(entries)} times: {where}"
        if payment_id not in story.final:
            yield f"{payment_id} was charged and is not in the store"
        elif sum(entry.amount_minor for entry in entries) > story.final[payment_id].amount_minor:
            yield f"{payment_id} was charged too much: {where}"


def _ledger_agrees(story: Story) -> Iterator[str]:
    charged = charges(story.ledger)
    for payment_id, payment in story.final.items():
        by = [entry.gateway for entry in charged.get(payment_id, ())]
        if payment.state in _CHARGED and by != [payment.gateway]:
            yield f"{payment_id} is {payment.state} at {payment.gateway}, charged by {by}"
        if payment.state in _NOT_CHARGED and by:
            yield f"{payment_id} is {payment.state}, charged by {by}"


def _nothing_guessed(story: Story) -> Iterator[str]:
    """P2: after an unknown outcome nothing follows about that attempt but checks, until evidence is in."""
    for payment_id, events in story.events.items():
        in_doubt = False
        for stored in events:
            event = stored.event
            if isinstance(event, e.OutcomeBecameUnknown):
                in_doubt = True
            elif isinstance(event, e.OutcomeResolved):
                in_doubt = False
            elif in_doubt and isinstance(
                event, e.AttemptStarted | e.AttemptFailed | e.PaymentFailed | e.PaymentSucceeded | e.PaymentCancelled
            ):
                yield f"{payment_id} v{stored.version}: {event.type} without evidence"


def _answers_hold(story: Story) -> Iterator[str]:
    """P3: what a caller was told is what the log says for that version, for ever."""
    states: dict[str, list[Payment]] = {}
    for answer in story.answers:
        told = answer.payment
        if told.id not in story.final:
            yield f"{told.id} was acknowledged and is lost"
            continue
        if told.id not in states:
            states[told.id] = _states(story, told.id)
        if told.version > len(states[told.id]) or states[told.id][told.version - 1] != told:
            yield f"{told.id}: a caller was told {told!r}, which is not in the log"


def _one_key(story: Story) -> Iterator[str]:
    """P4: one key is one payment, and nobody gets an answer to another request than his own."""
    ids: dict[str, set[str]] = {}
    for payment in story.final.values():
        ids.setdefault(payment.idempotency_key, set()).add(payment.id)
    yield from (f"{key} made {len(made)} payments" for key, made in ids.items() if len(made) > 1)
    fingerprints = {payment.idempotency_key: payment.fingerprint for payment in story.final.values()}
    for answer in story.answers:
        if answer.payment.fingerprint != parse_request(**answer.order.fields).fingerprint():
            yield f"{answer.order.key}: a caller got the answer to another request"
    for order in story.conflicts:
        if fingerprints[order.key] == parse_request(**order.fields).fingerprint():
            yield f"{order.key}: a caller was told of a conflict with his own request"


def _all_ended(story: Story) -> Iterator[str]:
    for payment_id, payment in story.final.items():
        if payment.is_parked:
            yield f"{payment_id} is still parked"
        if not payment.state.is_final and not _may_stay_open(story, payment):
            yield f"{payment_id} never ended: {payment!r} at {payment.gateway}"


def _all_answered(story: Story) -> Iterator[str]:
    yield from story.surprises


_PROMISES = (
    _replay,
    _at_most_one_charge,
    _ledger_agrees,
    _nothing_guessed,
    _answers_hold,
    _one_key,
    _all_ended,
    _all_answered,
)


def _may_stay_open(story: Story, payment: Payment) -> bool:
    """Say whether a person has to end this one: the payer, or an operator because nobody can be asked."""
    if payment.state is PaymentState.REQUIRES_ACTION:
        return True
    if not payment.in_doubt or payment.gateway is None:
        return False
    if any(incident.is_open for incident in payment.incidents):
        return True
    was_charged = payment.id in charges(story.ledger)
    match payment.gateway:
        case "hearsay":
            return not was_charged
        case "keys_only":
            # Once the key's window is over it can be asked no more.
            return CONTRACTS["keys_only"].idempotency_window_s is not None
        case _:
            return False
