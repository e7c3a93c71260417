"""What came of an experiment."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aegispay.chaos.experiment import Criteria
from aegispay.chaos.report import ChaosReport
from aegispay.testing.assertions import Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The numbers of one run.

    Attributes:
        clients: how many wanted to pay; each may make several payments, one after the other.
        paid: how many of them have paid in the end.
        states: payments by their state in the end.
        breaker_openings: times that breakers opened, all gateways together; refused calls are not counted.
        latency_*_s: from the request until its outcome was known, of payments that a gateway was asked about; 0 where
            there was none.
        errors: answers to clients that were errors, by class; clients ask again.
    """

    clients: int
    paid: int
    states: dict[str, int]
    in_doubt: int
    incidents: int
    parked: int
    breaker_openings: int
    latency_mean_s: float
    latency_p50_s: float
    latency_p95_s: float
    latency_p99_s: float
    errors: dict[str, int]
    ended_at_s: float

    @property
    def success_rate(self) -> float:
        """Share of clients that have paid."""
        return self.paid / self.clients if self.clients else 0.0


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that had to hold.

    Attributes:
        wanted: in words, such as ``at most 3``.
    """

    name: str
    wanted: str
    measured: str
    holds: bool

    def __str__(self) -> str:
        return f"{'ok' if self.holds else 'FAILED':<6}  {self.name.replace('_', ' ')}: {self.measured}, {self.wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentReport:
    """What came of one experiment: the same text and JSON whenever plan, seed and code are the same."""

    name: str
    seed: int
    measured: Measured
    criteria: tuple[Criterion, ...]
    judgement: Judgement
    chaos: ChaosReport

    @property
    def passed(self) -> bool:
        """Whether every criterion and every assertion holds."""
        return self.judgement.holds and all(criterion.holds for criterion in self.criteria)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON's values."""
        return {
            "name": self.name,
            "seed": self.seed,
            "passed": self.passed,
            "measured": asdict(self.measured) | {"success_rate": round(self.measured.success_rate, 6)},
            "criteria": [asdict(criterion) for criterion in self.criteria],
            "assertions": self.judgement.as_data(),
            "chaos": self.chaos.as_data(),
        }

    def json(self) -> str:
        """Return it as JSON."""
        return json.dumps(self.as_data(), sort_keys=True, indent=1)

    def __str__(self) -> str:
        """Return it as text for people, without the single injections."""
        measured = self.measured
        states = ", ".join(f"{number} {state}" for state, number in measured.states.items())
        errors = ", ".join(f"{number} {name}" for name, number in measured.errors.items()) or "none"
        numbers = {
            "mean": measured.latency_mean_s,
            "p50": measured.latency_p50_s,
            "p95": measured.latency_p95_s,
            "p99": measured.latency_p99_s,
        }
        latencies = ", ".join(f"{name} {value:.2f} s" for name, value in numbers.items())
        return "\n".join(
            [
                f"{'PASSED' if self.passed else 'FAILED'}: {self.name}, seed {self.seed}",
                f"  {measured.clients} clients, {measured.paid} have paid; payments: {states}",
                f"  in doubt {measured.in_doubt}, with incidents {measured.incidents}, parked {measured.parked}",
                f"  until the outcome was known: {latencies}",
                f"  errors that clients saw, and asked again: {errors}",
                *(f"  {criterion}" for criterion in self.criteria),
                str(self.judgement),
                str(self.chaos),
            ]
        )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed; 0 without values."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def weigh(criteria: Criteria, measured: Measured) -> tuple[Criterion, ...]:
    """Hold the numbers against what was asked for."""
    found = [
        Criterion(
            "success_rate",
            f"at least {criteria.success_rate_min:.1%}",
            f"{measured.success_rate:.1%}",
            measured.success_rate >= criteria.success_rate_min,
        )
    ]
    most: list[tuple[str, float | None, float, str]] = [
        ("in_doubt", criteria.in_doubt_max, measured.in_doubt, "g"),
        ("breaker_openings", criteria.breaker_openings_max, measured.breaker_openings, "g"),
        ("latency_mean_s", criteria.latency_mean_max_s, measured.latency_mean_s, ".2f"),
        ("latency_p95_s", criteria.latency_p95_max_s, measured.latency_p95_s, ".2f"),
        ("latency_p99_s", criteria.latency_p99_max_s, measured.latency_p99_s, ".2f"),
    ]
    found += [
        Criterion(name, f"at most {limit:g}", f"{value:{form}}", value <= limit)
        for name, limit, value, form in most
        if limit is not None
    ]
    return tuple(found)
