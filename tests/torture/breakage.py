"""Protections switched off, one at a time, inside the engine's process: the run must report the damage."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from aegispay import NotProcessed, OutcomeUnknown, Reason
from aegispay.actors import asking
from aegispay.domain import invariants
from aegispay.domain.payment import Payment
from aegispay.domain.resolution import Purpose
from aegispay.storage import writer

NAMES = ("fence", "reservation", "same_key", "failover")


def apply(name: str | None) -> None:
    """Break one protection of this process, or none."""
    if name is not None:
        {"fence": _fence, "reservation": _reservation, "same_key": _same_key, "failover": _failover}[name]()


def _fence() -> None:
    writer.read_epoch = _Everybodys()  # type: ignore[assignment]


class _Everybodys:
    """An epoch that equals every other."""

    def __call__(self, _database: Any) -> Any:
        return self

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def _reservation() -> None:
    Payment.refundable_minor = property(lambda self: max(0, self.captured_minor - self.refunded_minor))  # type: ignore[assignment]
    invariants._RULES = ()


def _same_key() -> None:
    make, numbers = asking.gateway_request, itertools.count()

    def under_a_new_key(payment: Any, sent: Any, timeout_s: float) -> Any:
        request = make(payment, sent, timeout_s)
        return replace(request, idempotency_key=f"{request.idempotency_key}-{next(numbers)}")

    asking.gateway_request = under_a_new_key
    asking.first_step = lambda *_: Purpose.RESEND


def _failover() -> None:
    judge = asking.as_evidence

    def guess(purpose: Purpose, outcome: Any) -> Any:
        if isinstance(outcome, OutcomeUnknown):
            return NotProcessed(reason=Reason.NOT_SENT, message="a guess")
        return judge(purpose, outcome)

    asking.as_evidence = guess
