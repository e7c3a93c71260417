"""Asking hooks whether a stored payment may be processed: post-validation, then fraud checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.payment import Payment
from aegispay.hooks.calling import Answer, Caller
from aegispay.hooks.contexts import PaymentContext, own_payment
from aegispay.hooks.counters import Counters
from aegispay.hooks.registered import Registered
from aegispay.hooks.registry import Hooks
from aegispay.hooks.rulings import Counted, Judged, Ruling, judged
from aegispay.hooks.verdicts import Allow, Block, Refuse, Review


@dataclass(slots=True)
class _Case:
    """One payment's fraud checks so far: the highest score of those that allow it, and everything else to keep."""

    at: datetime
    best: Judged | None = None
    kept: list[Judged] = field(default_factory=list)
    counts: list[Counted] = field(default_factory=list)

    def ruling(self) -> Ruling:
        best = () if self.best is None else (self.best,)
        return Ruling(judged=(*best, *self.kept), counts=tuple(self.counts))


class Judge:
    """Asks hooks, from high priority to low."""

    def __init__(self, hooks: Hooks, caller: Caller, counters: Counters, now: Callable[[], datetime]) -> None:
        self._hooks = hooks
        self._caller = caller
        self._counters = counters
        self._now = now

    async def rule(self, payment: Payment) -> Ruling:
        """Ask everybody until somebody blocks; all refusals of validations are collected before that.

        Raises:
            StoreError: counters cannot be read.
        """
        validated = await self._post_validate(payment)
        if any(each.verdict is VerdictKind.REFUSE for each in validated):
            return Ruling(judged=validated)
        case = _Case(self._now(), kept=list(validated))
        for registered in self._hooks.of(HookKind.FRAUD_CHECK):
            answer = await self._caller.ask(registered, self._context(payment))
            if await self._is_decided(registered, answer, case):
                break
        return case.ruling()

    def _context(self, payment: Payment) -> PaymentContext:
        return PaymentContext(at=self._now(), payment=own_payment(payment))

    async def _post_validate(self, payment: Payment) -> tuple[Judged, ...]:
        found = []
        for registered in self._hooks.of(HookKind.POST_VALIDATION):
            answer = await self._caller.ask(registered, self._context(payment))
            if answer.failure:
                found.append(_for_failure(registered, answer, VerdictKind.REFUSE))
            elif isinstance(answer.verdict, Refuse):
                registered.counts.refused += 1
                found.append(judged(answer, VerdictKind.REFUSE, _words(answer.verdict)))
        return tuple(found)

    async def _is_decided(self, registered: Registered, answer: Answer, case: _Case) -> bool:
        """Take an answer in; return whether nobody else needs to be asked."""
        verdict = answer.verdict
        if answer.failure:
            case.kept.append(_for_failure(registered, answer, VerdictKind.BLOCK))
            return registered.hook.closes
        if isinstance(verdict, Allow):
            return await self._is_allowed_finally(registered, answer, verdict, case)
        registered.counts.refused += 1
        if isinstance(verdict, Review):
            case.kept.append(judged(answer, VerdictKind.REVIEW, verdict.reason, verdict.score))
            return False
        assert isinstance(verdict, Block), "checked when it was asked"
        case.kept.append(judged(answer, VerdictKind.BLOCK, verdict.reason, verdict.score))
        return True

    async def _is_allowed_finally(self, registered: Registered, answer: Answer, verdict: Allow, case: _Case) -> bool:
        counts = tuple(Counted(registered, answer, count) for count in verdict.counts)
        full = await self._counters.full(counts, case.at)
        if full is not None:
            case.kept.append(full)
            return True
        case.counts.extend(counts)
        if verdict.score is not None and (case.best is None or verdict.score > (case.best.score or 0.0)):
            case.best = judged(answer, VerdictKind.ALLOW, verdict.reason, verdict.score)
        return verdict.is_final


def _for_failure(registered: Registered, answer: Answer, refusal: VerdictKind) -> Judged:
    """Return the verdict that was declared for a failure; that a check did not take place is kept in either case."""
    if not registered.hook.closes:
        return judged(answer, VerdictKind.ALLOW, answer.failure, has_failed=True)
    registered.counts.refused += 1
    return judged(answer, refusal, answer.failure, has_failed=True)


def _words(verdict: Refuse) -> str:
    fields = "; ".join(f"{name}: {words}" for name, words in verdict.fields.items())
    return f"{verdict.reason} ({fields})"[:500] if fields else verdict.reason
