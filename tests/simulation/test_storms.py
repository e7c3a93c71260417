"""The storms are storms: what a story is made of comes up, or the promises would be kept by nothing happening."""

from __future__ import annotations

from collections import Counter

from aegispay.domain import events as e
from tests.simulation.stories import SHARED, story_of
from tests.simulation.world import Story

SEEDS = SHARED


def what_happened(story: Story) -> Counter[str]:
    seen: Counter[str] = Counter()
    for events in story.events.values():
        for stored in events:
            event = stored.event
            seen[event.type.value] += 1
            if isinstance(event, e.OutcomeResolved):
                seen[f"charge resolved by {event.evidence}"] += 1
            if isinstance(event, e.OperationSucceeded | e.OperationFailed):
                seen[f"operation ended by {event.evidence}"] += 1
    seen["lives"] = story.lives
    seen["answers"] = len(story.answers)
    seen["conflicts"] = len(story.conflicts)
    seen["verdicts"] = story.verdicts
    seen["doubts left to people"] = len(story.left)
    return seen + story.refused


def test_a_few_seeds_hold_everything_that_the_simulation_is_for():
    seen = sum((what_happened(story_of(seed)) for seed in SEEDS), Counter[str]())
    expected = {
        "payment.succeeded": 100,
        "payment.failed": 50,
        "payment.cancelled": 20,
        "payment.retry_attempted": 20,
        "payment.outcome_unknown": 100,
        "payment.action_required": 10,
        "payment.incident_opened": 1,
        "payment.authorized": 60,
        "payment.authorization_expiring": 1,
        "payment.capture_requested": 60,
        "payment.capture_unknown": 15,
        "payment.capture_failed": 5,
        "payment.void_succeeded": 2,
        "payment.refund_requested": 100,
        "payment.refund_unknown": 10,
        "payment.refund_failed": 10,
        "payment.partially_refunded": 40,
        "payment.refunded": 20,
        "payment.cancel_requested": 5,
        "charge resolved by lookup": 20,
        "charge resolved by resend": 5,
        "charge resolved by webhook": 10,
        "charge resolved by operator": 5,
        "operation ended by answer": 60,
        "operation ended by lookup": 2,
        "operation ended by resend": 2,
        "operation ended by webhook": 3,
        "operation ended by operator": 2,
        "doubts left to people": 5,
        "refund_exceeds_captured": 10,
        "capture_exceeds_authorized": 1,
        "UnsupportedOperationError": 5,
        "lives": 3 * len(SEEDS),
        "answers": 500,
        "conflicts": 20,
    }
    assert {name: seen[name] for name, least in expected.items() if seen[name] < least} == {}
