"""Pictures to write, read and show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aegispay.domain.breaker import BreakerScope, BreakerState
from aegispay.status.picture import ActorPicture, EngineStatus, GatewayPicture, LatelyPicture, SubscriberPicture

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

LATELY = LatelyPicture(
    seconds=60.0,
    payments_per_s=1_234.5,
    events_per_s=4_938.0,
    payment_p50_s=0.31,
    payment_p95_s=1.25,
    commits_per_s=95.7,
    writes_per_commit=12.9,
    commit_p50_s=0.0014,
    commit_p95_s=0.0098,
)
GATEWAYS = (
    GatewayPicture(name="alpha", is_enabled=True, breaker=BreakerState.CLOSED, health=0.99, is_up=True,
                   success_rate=0.998, approval_rate=0.91, calls=1_300, latency_p50_s=0.2, latency_p95_s=0.31,
                   in_flight=10, concurrency_limit=256, refused=0),
    GatewayPicture(name="beta-of-a-very-long-name", is_enabled=True, breaker=BreakerState.OPEN, health=0.12,
                   not_closed=(BreakerScope.CAPTURE, BreakerScope.REFUND), is_up=False, success_rate=0.41, calls=210,
                   latency_p95_s=75.0, refused=12_345),
    GatewayPicture(name="gamma", is_enabled=False, breaker=BreakerState.CLOSED, health=1.0),
)  # fmt: skip


def picture(**changes):
    fields = {
        "pid": 4711, "host": "shop-1", "epoch": 3, "opened_at": NOW - timedelta(hours=2, minutes=13),
        "written_at": NOW - timedelta(seconds=1), "interval_s": 2.0,
        "payments": {"initiated": 1_000, "processing": 990, "success": 900, "failure": 60},
        "failures": {"do_not_honor": 40, "risk_refused": 12, "expired_card": 5, "invalid_cvv": 2, "other": 1},
        "retried": 210, "requests": 12, "calls": 10, "payments_per_s": tuple(float(n % 9) for n in range(30)),
        "lately": LATELY, "gateways": GATEWAYS,
        "subscribers": (SubscriberPicture(name="mailer", delivered=5_000),
                        SubscriberPicture(name="ledger", is_paused=True, failed=7)),
        "actors": ActorPicture(alive=1_310, messages=9, waiting={"router": 0, "payments": 4}, refused=2,
                               crashes={"payments": 3}, restarts={"payments": 3}),
    }  # fmt: skip
    return EngineStatus(**(fields | changes))
