"""Three assertions about what is written: legal states, a table that agrees, and a trail without gaps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from aegispay.domain import events as e
from aegispay.domain.event_codec import encode
from aegispay.domain.invariants import violations
from aegispay.domain.payment import Payment
from aegispay.domain.projection import project
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.rows import to_us
from aegispay.testing.assertions_evidence import Evidence, Finding, History

_OVERDUE = timedelta(seconds=60)
"""How late a timer may be read before somebody has forgotten it."""
_GUESSES = (e.AttemptStarted, e.AttemptFailed, e.PaymentFailed, e.PaymentSucceeded, e.PaymentCancelled)


def states_are_valid(evidence: Evidence) -> Iterator[Finding]:
    """Every event is legal where it stands, no invariant is ever broken, and no unknown outcome was guessed."""
    name = "states_are_valid"
    for payment_id, history in evidence.histories.items():
        if history.broken:
            yield Finding(name, payment_id, history.broken)
        for state in history.committed():
            for broken in violations(state):
                yield Finding(name, payment_id, f"version {state.version} breaks {broken}")
        yield from _guessed(payment_id, history)


def _guessed(payment_id: str, history: History) -> Iterator[Finding]:
    in_doubt = False
    for stored in history.events:
        if isinstance(stored.event, e.OutcomeBecameUnknown):
            in_doubt = True
        elif isinstance(stored.event, e.OutcomeResolved):
            in_doubt = False
        elif in_doubt and isinstance(stored.event, _GUESSES):
            text = f"version {stored.version}: {stored.event.type} while the outcome was unknown, without evidence"
            yield Finding("states_are_valid", payment_id, text)


def database_is_consistent(evidence: Evidence) -> Iterator[Finding]:
    """The table of payments says what the log says, and whatever is open has a timer that will find it."""
    name = "database_is_consistent"
    for payment_id in sorted(evidence.rows.keys() - evidence.histories.keys()):
        yield Finding(name, payment_id, "is in the table of payments, and has no events")
    for payment in evidence.payments:
        row, right = evidence.rows.get(payment.id), project(payment)
        if row is None:
            yield Finding(name, payment.id, "has events, and is not in the table of payments")
            continue
        for field in right.__slots__:
            stored, said = getattr(row, field), getattr(right, field)
            if stored != said:
                yield Finding(name, payment.id, f"the table says {field} = {stored!r}, the log says {said!r}")
        is_set_aside = payment.is_parked or payment.id in evidence.parked
        if is_open(payment) and not is_set_aside:
            if row.wake_at is None:
                yield Finding(name, payment.id, f"is {payment.state} and has no timer: nobody will look at it again")
            elif evidence.at is not None and row.wake_at < evidence.at - _OVERDUE:
                yield Finding(name, payment.id, f"its timer was due at {row.wake_at}, and nobody looked")


def is_open(payment: Payment) -> bool:
    """Return whether something has still to come of the payment without anybody asking."""
    return not payment.state.is_final or payment.in_doubt or payment.has_open_operation


def trail_is_complete(evidence: Evidence) -> Iterator[Finding]:
    """Positions and versions have no gaps, and every event carries the hash over itself and its predecessor.

    The hash is taken over the event as this version of the code writes it; for a database that an older one wrote
    use `aegispay verify`, which takes the bytes.
    """
    name = "trail_is_complete"
    previous, versions = GENESIS, dict[str, int]()
    for position, stored in enumerate(evidence.events, start=1):
        expected = versions.get(stored.payment_id, 0) + 1
        versions[stored.payment_id] = stored.version
        if stored.position != position:
            yield Finding(name, stored.payment_id, f"position {stored.position} where {position} was to come")
        if stored.version != expected:
            yield Finding(name, stored.payment_id, f"version {stored.version} follows version {expected - 1}")
        right = link(
            previous,
            position=stored.position,
            payment_id=stored.payment_id,
            version=stored.version,
            event_type=stored.event.type,
            schema_version=stored.event.schema_version,
            recorded_at_us=to_us(stored.recorded_at),
            data=encode(stored.event),
        )
        if right.hex() != stored.hash:
            text = f"version {stored.version} does not match its hash: it, or the event before it, was changed"
            yield Finding(name, stored.payment_id, text)
        previous = bytes.fromhex(stored.hash)
