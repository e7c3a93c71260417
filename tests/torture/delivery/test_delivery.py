"""Hazards E1 and E2 with real kills: nothing is lost or out of order on its way out, whoever dies when."""

from __future__ import annotations

import os

from tests.torture.delivery.child import ENDPOINTS
from tests.torture.delivery.run import PLACES, DeliveryTorture, Plan, out_of_order

SEED = int(os.environ.get("TORTURE_SEED", "7"))


def test_every_subscriber_and_endpoint_has_everything_in_order_after_kills_at_seeded_points(tmp_path):
    plan = Plan(seed=SEED, orders=120, kills=6)
    report = DeliveryTorture(plan, tmp_path).run()
    assert report.problems == [], f"repeat: TORTURE_SEED={SEED} pytest tests/torture/delivery\n{report}"
    # It was as hard as it was meant to be.
    assert report.deaths.total() == plan.kills
    assert set(report.deaths) == set(PLACES)
    assert {name for name, times in report.refused.items() if times} == set(ENDPOINTS)


def test_the_judge_sees_an_event_that_came_too_early():
    assert out_of_order("x", [("a", 1), ("b", 1), ("a", 2), ("a", 1), ("b", 2)]) == []
    assert out_of_order("x", [("a", 1), ("a", 3)]) == ["x: version 3 of a came after 1"]
