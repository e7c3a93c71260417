"""How far a request got before it failed: the difference between "surely not sent" and "nobody knows"."""

from __future__ import annotations

from enum import StrEnum

from aegispay.domain.outcome import NotProcessed, Outcome, OutcomeUnknown, Reason


class Phase(StrEnum):
    """The steps of one request, in order."""

    POOL = "pool"
    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    WRITE = "write"
    READ = "read"

    @property
    def is_before_writing(self) -> bool:
        """Whether surely no byte of the request has left."""
        return self in _BEFORE_WRITING


_BEFORE_WRITING = frozenset({Phase.POOL, Phase.RESOLVE, Phase.CONNECT, Phase.TLS})


def outcome_of_phase(phase: Phase, *, is_timeout: bool) -> Outcome:
    """Return what a request that failed in this phase came to.

    Only what failed before a byte was written is known not to have been executed.
    """
    if phase.is_before_writing:
        how = "timed out" if is_timeout else "failed"
        return NotProcessed(reason=Reason.NOT_SENT, code=phase.value, message=f"{phase} {how}; nothing was sent")
    reason = Reason.TIMEOUT if is_timeout else Reason.CONNECTION_LOST
    how = "no answer in time" if is_timeout else "the connection was lost"
    return OutcomeUnknown(reason=reason, code=phase.value, message=f"{phase}: {how}")
