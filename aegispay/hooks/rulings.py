"""What all hooks that were asked about one thing come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.metadata import Metadata
from aegispay.hooks.calling import Answer
from aegispay.hooks.counting import Count
from aegispay.hooks.registered import Registered


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One verdict that has to be kept; the attributes are those of the event `HookJudged`."""

    hook: str
    kind: HookKind
    verdict: VerdictKind
    reason: str = ""
    score: float | None = None
    took_s: float = 0.0
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """Something that a hook lets pass if its counter takes one more."""

    registered: Registered
    answer: Answer
    count: Count

    def full(self) -> Judged:
        """Return the hook's verdict when its counter takes no more."""
        count = self.count
        self.registered.counts.refused += 1
        reason = f"at most {count.most} payments per {count.name} within {count.window_s:g} s"
        return judged(self.answer, VerdictKind.BLOCK, reason, self.answer.verdict.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What hooks think of a payment before its first attempt.

    Attributes:
        judged: the verdicts to keep: all refusals, or the block, or the reviews, or the one with the highest score.
        counts: counters that go up when the payment is processed.
    """

    judged: tuple[Judged, ...] = ()
    counts: tuple[Counted, ...] = ()

    @property
    def refusals(self) -> tuple[Judged, ...]:
        """Verdicts that end the payment."""
        return tuple(each for each in self.judged if each.verdict in {VerdictKind.REFUSE, VerdictKind.BLOCK})

    @property
    def review(self) -> Judged | None:
        """The verdict that has a person decide, if one does and none ends the payment."""
        if self.refusals:
            return None
        return next((each for each in self.judged if each.verdict is VerdictKind.REVIEW), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What one hook adds to the metadata of a new payment."""

    hook: str
    metadata: Metadata = field(default_factory=dict)


def judged(
    answer: Answer, verdict: VerdictKind, reason: str = "", score: float | None = None, *, has_failed: bool = False
) -> Judged:
    """Return the verdict of an answer, as it is kept."""
    return Judged(
        hook=answer.hook.name,
        kind=answer.hook.kind,
        verdict=verdict,
        reason=reason,
        score=score,
        took_s=round(answer.took_s, 6),
        has_failed=has_failed,
    )
