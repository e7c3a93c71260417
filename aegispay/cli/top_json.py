"""A view as one JSON object, for scripts."""

from __future__ import annotations

import json
from typing import Any

from aegispay.cli.top_rows import state_of
from aegispay.cli.top_view import View
from aegispay.domain.state import PaymentState


def to_json(view: View) -> str:
    """Return the object on one line; `status` is null while no engine is seen."""
    return json.dumps(_object(view))


def _object(view: View) -> dict[str, Any]:
    doubts = view.doubts
    age_s = None if doubts.oldest_since is None else (view.at - doubts.oldest_since).total_seconds()
    return {
        "database": view.database,
        "at": view.at.isoformat(),
        "engine": view.presence.value,
        "detail": view.words,
        "events": view.events,
        "states": {state.value: view.states.get(state, 0) for state in PaymentState},
        "in_doubt": doubts.payments,
        "oldest_doubt_age_s": age_s,
        "incidents": doubts.incidents,
        "parked": view.parked,
        "reviews": view.reviews,
        "subscribers": _subscribers(view),
        "status": None if view.status is None else view.status.model_dump(mode="json"),
    }


def _subscribers(view: View) -> list[dict[str, Any]]:
    has_engine = view.status is not None
    seen = {} if view.status is None else {each.name: each for each in view.status.subscribers}
    return [
        {
            "name": each.name,
            "kind": each.kind.value,
            "state": state_of(each, seen.get(each.name), has_engine=has_engine),
            "lag_events": each.lag_events,
            "lag_s": each.lag_s,
            "waiting": each.waiting,
            "dead": each.dead,
        }
        for each in view.subscribers
    ]
