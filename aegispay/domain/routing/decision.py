"""What routing answers: an order of gateways, and everything it was made from."""

from __future__ import annotations

from dataclasses import dataclass, field

from aegispay.domain.routing import wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One gateway that was considered.

    Attributes:
        score: the strategy's number, larger is better; ``None`` when it has none, or when the gateway was dropped.
        dropped: why it was not eligible; ``None`` when it was.
        facts: the numbers that the strategy looked at.
        parts: what the score is made of, where that is more than one number.
    """

    gateway: str
    score: float | None = None
    dropped: str | None = None
    facts: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecision:
    """The order in which gateways may be tried, and why; stored with the attempt.

    Attributes:
        strategy: kind of the strategy that ranked.
        order: eligible gateways, best first.
        turn: the round-robin counter used. draw: the seed of the strategy's random draws. ``None`` where it used none.
        probe: the gateway that comes first to find out whether it is back, whatever it scored.
        why: the strategy's own words: which rule matched, which arm was drawn.
        preferred: gateways that a hook put first. preferred_by: the hook's name.
    """

    strategy: str
    order: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    turn: int | None = None
    probe: str | None = None
    draw: int | None = None
    why: str = ""
    preferred: tuple[str, ...] = ()
    preferred_by: str = ""

    def explain(self) -> str:
        """Say in one line why the first gateway was chosen and what became of the others."""
        parts = [_briefly(candidate) for candidate in self.candidates]
        head = self._head()
        return f"{head}: {'; '.join(parts)}" if parts else head

    def sentences(self) -> list[str]:
        """Say it at length: why the first, then each gateway in its rank with its numbers, then the dropped ones."""
        known = {candidate.gateway: candidate for candidate in self.candidates}
        used = [f"{name} {value}" for name, value in (("turn", self.turn), ("draw", self.draw)) if value is not None]
        return [
            "; ".join([self._head(), *used]),
            *(f"{rank}. {_at_length(known[name])}" for rank, name in enumerate(self.order, start=1)),
            *(f"{each.gateway}: not eligible, {each.dropped}" for each in self.candidates if each.dropped is not None),
        ]

    def _head(self) -> str:
        if not self.order:
            return "no eligible gateway"
        first = self.order[0]
        if first == self.probe:
            return f"{first} as a probe after its outage"
        if first in self.preferred:
            return f"{first} by hook {self.preferred_by}"
        why = f" ({self.why})" if self.why else ""
        return f"{first} by {wording.title(self.strategy)}{why}"


def _briefly(candidate: Candidate) -> str:
    if candidate.dropped is not None:
        return f"{candidate.gateway} dropped ({candidate.dropped})"
    if candidate.score is None:
        return f"{candidate.gateway} not ranked"
    return f"{candidate.gateway} scored {candidate.score:.4g}"


def _at_length(candidate: Candidate) -> str:
    score = "no score" if candidate.score is None else f"score {candidate.score:.4g}"
    parts = wording.parts(candidate.parts)
    facts = ", ".join(wording.facts(candidate.facts))
    return f"{candidate.gateway}: {score}{f' = {parts}' if parts else ''}{f' ({facts})' if facts else ''}"
