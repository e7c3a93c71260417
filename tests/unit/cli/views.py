"""Views to show."""

from __future__ import annotations

from datetime import timedelta

from aegispay.cli.top_view import Presence, View
from aegispay.domain.state import PaymentState
from aegispay.outbox.statuses import SubscriptionState, SubscriptionStatus
from aegispay.ports import Doubts
from aegispay.ports.outbox import SubscriberKind
from tests.unit.status.pictures import NOW, picture


def subscriber(name, **changes):
    fields = {
        "name": name, "kind": SubscriberKind.HANDLER, "state": SubscriptionState.ABSENT, "position": 9_000,
        "end": 9_000, "lag_events": 0, "lag_s": 0.0, "since": NOW,
    }  # fmt: skip
    return SubscriptionStatus(**(fields | changes))


SUBSCRIBERS = (
    subscriber("mailer"),
    subscriber("ledger", lag_events=1_234_567, lag_s=93_784.0, waiting=29, dead=3),
    subscriber("https-endpoint-of-some-merchant", kind=SubscriberKind.WEBHOOK, disabled="410 Gone"),
    subscriber("left-alone", kind=SubscriberKind.TRANSACTIONAL, lag_events=5, lag_s=2.0),
)


def view(status=None, **changes):
    fields = {
        "database": "payments.db", "at": NOW, "presence": Presence.RUNNING, "words": "",
        "status": picture() if status is None else status,
        "states": {PaymentState.SUCCESS: 25_700, PaymentState.FAILURE: 353, PaymentState.PROCESSING: 12},
        "doubts": Doubts(payments=2, oldest_since=NOW - timedelta(seconds=190), incidents=1),
        "parked": 3, "reviews": 1, "events": 9_000, "subscribers": SUBSCRIBERS,
    }  # fmt: skip
    return View(**(fields | changes))


def view_without_engine(words="no engine runs, or one whose status_interval_s is 0", presence=Presence.NONE, **changes):
    made = view(presence=presence, words=words, **changes)
    return View(**{name: getattr(made, name) for name in View.__slots__} | {"status": None})
