"""Two assertions about running: a restart loses nothing, and what happened can be seen from outside."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence

from aegispay.testing.assertions_evidence import Evidence, Finding
from aegispay.testing.assertions_log import is_open


def recovery_is_complete(before: Evidence, after: Evidence) -> Iterator[Finding]:
    """What was written before a restart is there after it, to the letter, and no more is open than was.

    Args:
        before: read when the first engine had ended.
        after: read when the next one had come to rest.
    """
    name = "recovery_is_complete"
    for old, new in zip(before.events, after.events, strict=False):
        if old != new:
            text = f"version {old.version}, position {old.position}, is another event after the restart"
            yield Finding(name, old.payment_id, text)
    for lost in before.events[len(after.events) :]:
        yield Finding(name, lost.payment_id, f"version {lost.version} is gone after the restart")
    known = {payment.id for payment in before.payments if is_open(payment)}
    reopened = sorted(p.id for p in after.payments if is_open(p) and p.id in before.histories and p.id not in known)
    for payment_id in reopened:
        yield Finding(name, payment_id, "was finished before the restart, and is open after it")
    for payment_id in sorted(after.parked - before.parked):
        yield Finding(name, payment_id, "was parked by the restart")


def everything_is_observable(evidence: Evidence, lines: Sequence[str] | None = None) -> Iterator[Finding]:
    """What the store counts is what the log says; and who was set aside or crashed stands in the process's log.

    Args:
        evidence: of the whole run.
        lines: what the process logged, as `captured_lines` collects it; ``None`` when nobody did.
    """
    name = "everything_is_observable"
    payments = evidence.payments
    states = Counter(payment.state for payment in payments)
    for state in sorted(states.keys() | evidence.counts.keys()):
        counted = evidence.counts.get(state, 0)
        if counted != states[state]:
            yield Finding(
                name, "", f"the store counts {counted} payments that are {state}, the log has {states[state]}"
            )
    yield from _doubts(evidence)
    for payment in payments:
        if payment.is_parked != (payment.id in evidence.parked):
            yield Finding(name, payment.id, "is parked in the log or in the list of what is parked, but not in both")
        has_trouble = payment.is_parked or any(incident.is_open for incident in payment.incidents)
        if lines is not None and payment.is_parked and not any(payment.id in line for line in lines):
            yield Finding(name, payment.id, "was parked, and no line of the log says so")
        if has_trouble and payment.id not in evidence.rows:
            yield Finding(name, payment.id, "needs a person, and no list shows it")


def _doubts(evidence: Evidence) -> Iterator[Finding]:
    if evidence.doubts is None:
        return
    name = "everything_is_observable"
    doubts = [payment.doubt_since for payment in evidence.payments if payment.in_doubt]
    incidents = sum(any(each.is_open for each in payment.incidents) for payment in evidence.payments)
    oldest = min((since for since in doubts if since is not None), default=None)
    counted = evidence.doubts
    if counted.payments != len(doubts):
        yield Finding(name, "", f"{counted.payments} payments are counted as in doubt, {len(doubts)} are")
    if counted.oldest_since != oldest:
        yield Finding(name, "", f"the oldest doubt is counted from {counted.oldest_since}, it began at {oldest}")
    if counted.incidents != incidents:
        yield Finding(name, "", f"{counted.incidents} payments are counted with incidents, {incidents} have one")


class _Catcher(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


@contextlib.contextmanager
def captured_lines(name: str = "aegispay") -> Iterator[list[str]]:
    """Collect what a logger and those below it write, instead of letting it be shown; where no structlog is set up."""
    lines: list[str] = []
    log = logging.getLogger(name)
    handler, level, propagates = _Catcher(lines), log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield lines
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagates
