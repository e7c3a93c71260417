"""What a run of chaos injected, for people and for machines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from aegispay.chaos.injector import Injection


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosReport:
    """What was injected.

    Attributes:
        by_kind, by_point: how often, sorted by name.
        injections: the latest 10,000, in order.
    """

    plan: str
    seed: int
    total: int
    by_kind: dict[str, int]
    by_point: dict[str, int]
    injections: tuple[Injection, ...]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON's values."""
        return asdict(self)

    def json(self) -> str:
        """Return it as JSON, the same text for the same run."""
        return json.dumps(self.as_data(), sort_keys=True, indent=1)

    def __str__(self) -> str:
        """Return it as text, without the single injections."""
        lines = [f"chaos {self.plan or 'without a name'}, seed {self.seed}: {self.total} injections"]
        for counted in (self.by_kind, self.by_point):
            lines += [f"  {number:>6}  {name}" for name, number in counted.items()]
        return "\n".join(lines)
