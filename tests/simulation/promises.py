"""What must be true of every story, whatever happened in it; each broken promise is a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from aegispay import Payment, PaymentState
from aegispay.domain import events as e
from aegispay.domain.evolve import evolve
from aegispay.domain.invariants import violations
from aegispay.domain.operation_events import OperationBecameUnknown, OperationFailed, OperationSucceeded
from aegispay.domain.projection import project
from aegispay.domain.request import parse_request
from tests.simulation import money
from tests.simulation.world import Story


def broken(story: Story) -> list[str]:
    """Return every promise that the story breaks; empty when it keeps them all."""
    found: list[str] = []
    for check in (*_PROMISES, *money.PROMISES):
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


def _committed(story: Story, payment_id: str) -> Iterator[Payment]:
    """Return the payment after each commit: what is written together is not seen in between."""
    events = story.events[payment_id]
    written_at = [*(stored.recorded_at for stored in events[1:]), None]
    for stored, state, next_at in zip(events, _states(story, payment_id), written_at, strict=True):
        if stored.recorded_at != next_at:
            yield state


def _replay(story: Story) -> Iterator[str]:
    """P5, and that the log is all there is: state, row and the store's counts follow from it."""
    for payment_id, final in story.final.items():
        states = _states(story, payment_id)
        if states[-1] != final:
            yield f"{payment_id}: replay and state differ"
        if project(final) != story.rows[payment_id]:
            yield f"{payment_id}: the row is not the payment's"
        versions = [stored.version for stored in story.events[payment_id]]
        if versions != list(range(1, len(versions) + 1)):
            yield f"{payment_id}: versions {versions}"
        for state in _committed(story, payment_id):
            yield from (f"{payment_id} v{state.version} breaks {each}" for each in violations(state))


def _counts(story: Story) -> Iterator[str]:
    """What the store counts as doubts and incidents is what the payments say."""
    if story.doubts.payments != len(story.left):
        yield f"{story.doubts.payments} payments counted as in doubt, {len(story.left)} are"
    oldest = min((payment.doubt_since for payment in story.left if payment.doubt_since), default=None)
    if story.doubts.oldest_since != oldest:
        yield f"the oldest doubt is counted from {story.doubts.oldest_since}, not from {oldest}"
    incidents = sum(any(each.is_open for each in payment.incidents) for payment in story.final.values())
    if story.doubts_at_the_end.incidents != incidents:
        yield f"{story.doubts_at_the_end.incidents} payments counted with incidents, {incidents} have one"


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


def _operations_follow(story: Story) -> Iterator[str]:
    """One capture, void or refund is requested once, and ends once."""
    for payment_id, events in story.events.items():
        ended: set[str] = set()
        for stored in events:
            event = stored.event
            if isinstance(event, OperationBecameUnknown) and event.operation_id in ended:
                yield f"{payment_id} v{stored.version}: {event.operation_id} is in doubt after its end"
            if isinstance(event, OperationSucceeded | OperationFailed):
                if event.operation_id in ended:
                    yield f"{payment_id} v{stored.version}: {event.operation_id} ended twice"
                ended.add(event.operation_id)


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
    requests = {payment.idempotency_key: payment.request for payment in story.final.values()}
    for answer in story.answers:
        if answer.order and answer.payment.request != parse_request(**answer.order.fields):
            yield f"{answer.order.key}: a caller got the answer to another request"
    for order in story.conflicts:
        if requests[order.key] == parse_request(**order.fields):
            yield f"{order.key}: a caller was told of a conflict with his own request"


def _all_ended(story: Story) -> Iterator[str]:
    """Nothing stays open but authorizations that are still good, and what waits for an operator has had one."""
    for payment_id, payment in story.final.items():
        if payment.is_parked:
            yield f"{payment_id} is still parked"
        if payment.in_doubt:
            yield f"{payment_id} is in doubt although the operators were asked: {payment.doubts}"
        elif not payment.in_doubt and not payment.state.is_final and payment.state is not PaymentState.AUTHORIZED:
            yield f"{payment_id} never ended: {payment!r} at {payment.gateway}"
        yield from (f"{op.id} never ended" for op in payment.operations if op.status.is_open and not payment.in_doubt)


def _no_timer_lost(story: Story) -> Iterator[str]:
    """Whatever is not over has a time at which it will be looked at, at every moment of its life."""
    for payment_id in story.final:
        for state in _committed(story, payment_id):
            is_over = state.state.is_final and not state.has_open_operation
            if not (is_over or state.is_parked) and project(state).wake_at is None:
                yield f"{payment_id} v{state.version} waits for nothing: {state!r}"


def _all_answered(story: Story) -> Iterator[str]:
    yield from story.surprises


_PROMISES = (
    _replay,
    _counts,
    _nothing_guessed,
    _operations_follow,
    _answers_hold,
    _one_key,
    _all_ended,
    _no_timer_lost,
    _all_answered,
)
