"""How unlikely counts are, if every payment really went its way with the share that was set."""

from __future__ import annotations

import math
from collections.abc import Mapping


def chance(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Return the p-value of Pearson's test: the chance of counts at least this far from the shares."""
    total, whole = sum(counts.values()), sum(shares.values())
    expected = {name: total * share / whole for name, share in shares.items()}
    assert set(counts) <= set(expected)
    assert min(expected.values()) >= 5, "too few for the test to mean anything"
    distance = sum((counts.get(name, 0) - wanted) ** 2 / wanted for name, wanted in expected.items())
    return survival(distance, len(expected) - 1)


def survival(distance: float, freedom: int) -> float:
    """Return the chance that a chi-square variable with this many degrees of freedom is larger.

    The regularised upper incomplete gamma function Q(freedom / 2, distance / 2), exactly: from Q(1/2, x) =
    erfc(sqrt(x)) or Q(1, x) = exp(-x) upwards by Q(a + 1, x) = Q(a, x) + x^a exp(-x) / gamma(a + 1).
    """
    x = distance / 2
    a, found = (1.0, math.exp(-x)) if freedom % 2 == 0 else (0.5, math.erfc(math.sqrt(x)))
    while a < freedom / 2:
        found += x**a * math.exp(-x) / math.gamma(a + 1)
        a += 1
    return found
