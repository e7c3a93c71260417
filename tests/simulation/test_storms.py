"""The storms are storms: what a story is made of comes up, or the promises would be kept by nothing happening."""

from __future__ import annotations

from collections import Counter

from aegispay.domain import events as e
from tests.simulation.world import Story, simulate

SEEDS = range(12)


def what_happened(story: Story) -> Counter[str]:
    seen: Counter[str] = Counter()
    for events in story.events.values():
        for stored in events:
            seen[stored.event.type.value] += 1
            if isinstance(stored.event, e.OutcomeResolved):
                seen[f"resolved by {stored.event.evidence}"] += 1
    seen["lives"] = story.lives
    seen["answers"] = len(story.answers)
    seen["conflicts"] = len(story.conflicts)
    return seen


def test_a_few_seeds_hold_everything_that_the_simulation_is_for():
    seen = sum((what_happened(simulate(seed)) for seed in SEEDS), Counter[str]())
    expected = {
        "payment.succeeded": 100,
        "payment.failed": 50,
        "payment.cancelled": 5,
        "payment.retry_attempted": 30,
        "payment.outcome_unknown": 100,
        "payment.action_required": 3,
        "payment.incident_opened": 1,
        "resolved by lookup": 20,
        "resolved by resend": 10,
        "lives": 3 * len(SEEDS),
        "answers": 500,
        "conflicts": 30,
    }
    assert {name: least for name, least in expected.items() if seen[name] < least} == {}
