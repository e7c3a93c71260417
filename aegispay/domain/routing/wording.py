"""Strategies and numbers in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_TITLES = {"ab_split": "A/B split"}
_TOLD = frozenset(
    {"samples", "success_rate", "approvals", "declines", "latency_p50_s", "cost_minor", "health", "half_open"}
)


def title(kind: str) -> str:
    """Return a strategy's name as a person writes it."""
    return _TITLES.get(kind, kind.replace("_", " "))


def facts(known: Mapping[str, float]) -> Iterator[str]:
    """Yield what was known of a gateway, number by number."""
    if "samples" in known:
        samples = known["samples"]
        rate = known.get("success_rate")
        yield "no calls yet" if not samples or rate is None else f"success rate {rate:.1%} of {samples:g} calls"
    if "approvals" in known:
        approvals, charges = known["approvals"], known["approvals"] + known.get("declines", 0.0)
        yield f"approved {approvals / charges:.1%} of {charges:.4g} charges" if charges else "no charge judged yet"
    if "latency_p50_s" in known:
        yield f"median {known['latency_p50_s']:.3g} s"
    if "cost_minor" in known:
        yield f"costs {known['cost_minor']:g} minor units"
    if "health" in known:
        yield f"health {known['health']:.2f}"
    if "half_open" in known:
        yield "half open, behind all others"
    for name, value in known.items():
        if name not in _TOLD:
            yield f"{name.replace('_', ' ')} {value:.4g}"


def parts(score: Mapping[str, float]) -> str:
    """Return what a score is made of."""
    signed = (f"{'-' if value < 0 else '+'} {name.replace('_', ' ')} {abs(value):.4g}" for name, value in score.items())
    return " ".join(signed).removeprefix("+ ")
