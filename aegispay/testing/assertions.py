"""The seven assertions: read log and books, never the engine's memory, and say by name which payment is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aegispay.gateways.entry import LedgerEntry
from aegispay.gateways.ledger import Ledger
from aegispay.ports import EventStore
from aegispay.testing.assertions_evidence import Evidence, Finding, History, gather_evidence
from aegispay.testing.assertions_log import database_is_consistent, states_are_valid, trail_is_complete
from aegispay.testing.assertions_money import money_is_conserved, no_duplicates
from aegispay.testing.assertions_runs import captured_lines, everything_is_observable, recovery_is_complete

__all__ = [
    "ASSERTIONS",
    "Evidence",
    "Finding",
    "History",
    "Judgement",
    "assert_sound",
    "captured_lines",
    "database_is_consistent",
    "everything_is_observable",
    "gather_evidence",
    "judge",
    "money_is_conserved",
    "no_duplicates",
    "recovery_is_complete",
    "states_are_valid",
    "trail_is_complete",
]

ASSERTIONS = {
    "no_duplicates": ("P1", "P4"),
    "states_are_valid": ("P2", "P5"),
    "money_is_conserved": ("P1", "P2", "P5"),
    "database_is_consistent": ("P3", "P7"),
    "trail_is_complete": ("P3", "P6"),
    "recovery_is_complete": ("P3",),
    "everything_is_observable": ("P7",),
}
"""The seven by name, with the promises that each of them watches over."""

_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the assertions found.

    Attributes:
        checked: the assertions that were made; recovery only when there was something to compare with.
        findings: everything that is wrong; empty when all holds.
    """

    payments: int
    events: int
    checked: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def of(self, check: str) -> tuple[Finding, ...]:
        """Return what one assertion found."""
        return tuple(finding for finding in self.findings if finding.check == check)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON's values."""
        return {
            "payments": self.payments,
            "events": self.events,
            "holds": self.holds,
            "checks": {
                check: {
                    "promises": list(ASSERTIONS[check]),
                    "findings": [{"payment_id": each.payment_id, "text": each.text} for each in self.of(check)],
                }
                for check in self.checked
            },
        }

    def json(self) -> str:
        """Return it as JSON, the same text for the same run."""
        return json.dumps(self.as_data(), sort_keys=True, indent=1)

    def __str__(self) -> str:
        """Return it as text: one line for each assertion, and under it what it found."""
        lines = [f"{self.payments} payments, {self.events} events"]
        for check in self.checked:
            found = self.of(check)
            words = check.replace("_", " ")
            lines.append(f"  {'FAILED' if found else 'ok':<6}  {words} ({', '.join(ASSERTIONS[check])})")
            lines += [f"          {finding}" for finding in found[:_SHOWN_MAX]]
            if len(found) > _SHOWN_MAX:
                lines.append(f"          and {len(found) - _SHOWN_MAX} more")
        return "\n".join(lines)


def judge(evidence: Evidence, *, before: Evidence | None = None, lines: Sequence[str] | None = None) -> Judgement:
    """Make the seven assertions.

    Args:
        evidence: read when the engine had come to rest.
        before: read before the last restart; without it recovery is not judged.
        lines: what the process logged; without it the log is not looked at.
    """
    found = {
        "no_duplicates": no_duplicates(evidence),
        "states_are_valid": states_are_valid(evidence),
        "money_is_conserved": money_is_conserved(evidence),
        "database_is_consistent": database_is_consistent(evidence),
        "trail_is_complete": trail_is_complete(evidence),
    }
    if before is not None:
        found["recovery_is_complete"] = recovery_is_complete(before, evidence)
    found["everything_is_observable"] = everything_is_observable(evidence, lines)
    return Judgement(
        payments=len(evidence.histories),
        events=len(evidence.events),
        checked=tuple(found),
        findings=tuple(finding for findings in found.values() for finding in findings),
    )


async def assert_sound(
    store: EventStore,
    ledger: Ledger | Iterable[LedgerEntry] = (),
    *,
    at: datetime | None = None,
    before: Evidence | None = None,
    lines: Sequence[str] | None = None,
) -> Judgement:
    """Read store and books, make the assertions, and raise when one fails.

    Raises:
        AssertionError: with the whole report.
    """
    judgement = judge(await gather_evidence(store, ledger, at=at), before=before, lines=lines)
    if not judgement.holds:
        raise AssertionError(str(judgement))
    return judgement
