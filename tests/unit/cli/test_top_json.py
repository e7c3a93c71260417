"""A view as one JSON object."""

from __future__ import annotations

import json

from aegispay.cli.top_json import to_json
from aegispay.cli.top_view import Presence
from aegispay.status.picture import EngineStatus
from tests.unit.cli.views import view, view_without_engine
from tests.unit.status.pictures import picture


def test_everything_is_in_it_on_one_line():
    line = to_json(view())
    found = json.loads(line)
    assert "\n" not in line
    assert EngineStatus.model_validate(found.pop("status")) == picture()
    assert found.pop("states") == {
        "initiated": 0, "requires_action": 0, "authenticated": 0, "processing": 12, "authorized": 0,
        "success": 25_700, "failure": 353, "cancelled": 0, "partially_refunded": 0, "refunded": 0,
    }  # fmt: skip
    assert [(each["name"], each["state"]) for each in found["subscribers"]] == [
        ("mailer", "running"), ("ledger", "paused"),
        ("https-endpoint-of-some-merchant", "disabled"), ("left-alone", "absent"),
    ]  # fmt: skip
    assert found.pop("subscribers")[1] == {
        "name": "ledger", "kind": "handler", "state": "paused", "lag_events": 1_234_567, "lag_s": 93_784.0,
        "waiting": 29, "dead": 3,
    }  # fmt: skip
    assert found == {
        "database": "payments.db", "at": "2026-03-01T12:00:00+00:00", "engine": "running", "detail": "",
        "events": 9_000, "in_doubt": 2, "oldest_doubt_age_s": 190.0, "incidents": 1, "parked": 3, "reviews": 1,
    }  # fmt: skip


def test_without_an_engine_it_says_why_and_has_no_status():
    found = json.loads(to_json(view_without_engine("gone", Presence.SILENT)))
    assert (found["engine"], found["detail"], found["status"]) == ("silent", "gone", None)
    assert {each["state"] for each in found["subscribers"]} == {"-", "disabled"}
