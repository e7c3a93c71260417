"""Which event is handed over next, and when the next one can be."""

from __future__ import annotations

from datetime import datetime

from aegispay.outbox.judging import Judge
from aegispay.outbox.lanes import Job
from aegispay.outbox.running import Runner


class Chooser:
    """Shares the room between events that were never tried and those that are tried again."""

    def __init__(self, judge: Judge, runner: Runner) -> None:
        self._judge = judge
        self._runner = runner
        self._is_retry_next = False

    def next_job(self, now: datetime) -> Job | None:
        """Begin a try, if one may begin now."""
        ledger, runner, until = self._judge.ledger, self._runner, self._judge.outage.until
        if not runner.has_room:
            return None
        if until is not None:
            # An event that was never tried says most about the consumer, and brings nothing closer to its end.
            is_over = until <= now and not len(runner)
            return (ledger.start_fresh() or ledger.start_due(now)) if is_over else None
        self._is_retry_next = not self._is_retry_next
        may_retry = runner.has_room_for_retry
        job = ledger.start_due(now) if self._is_retry_next and may_retry else None
        job = job or ledger.start_fresh()
        return job or (ledger.start_due(now) if may_retry else None)

    def idle_s(self, now: datetime) -> float | None:
        """Return how long nothing may begin, unless something ends before; ``None`` when only that can change it."""
        until, due_at = self._judge.outage.until, self._judge.ledger.next_due()
        if until is not None:
            # With nothing to try, the end of the pause changes nothing.
            next_at = until if self._judge.ledger.ready or due_at is None else max(until, due_at)
            can_try = not len(self._runner) and (self._judge.ledger.ready > 0 or due_at is not None)
            return (next_at - now).total_seconds() if can_try else None
        if due_at is not None and self._runner.has_room and self._runner.has_room_for_retry:
            return (due_at - now).total_seconds()
        return None
