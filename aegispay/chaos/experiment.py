"""An experiment: traffic, a plan, and what has to hold all the same."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aegispay.chaos.faults import Delay, Seconds, Share
from aegispay.chaos.plan import ChaosPlan
from aegispay.domain.breaker import BreakerPolicy

Limit = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Criteria(_Data):
    """What has to hold for the experiment to pass, beside the seven assertions, which always have to.

    Attributes:
        success_rate_min: share of payments that are paid in the end; every payer could pay.
        breaker_openings_max: how often breakers may open, all gateways together; refused calls are not counted.
        latency_mean_max_s, latency_p95_max_s, latency_p99_max_s: from the request until the outcome is known, of
            payments that a gateway was asked about.
        in_doubt_max: payments of which nobody knows in the end whether they were charged.
    """

    success_rate_min: Share = 0.0
    breaker_openings_max: Annotated[int, Field(ge=0)] | None = None
    latency_mean_max_s: Limit | None = None
    latency_p95_max_s: Limit | None = None
    latency_p99_max_s: Limit | None = None
    in_doubt_max: Annotated[int, Field(ge=0)] = 0


class Experiment(_Data):
    """Traffic over simulated gateways while a plan runs.

    Attributes:
        name: for reports.
        plan: what goes wrong.
        criteria: what has to hold.
        payments: how many.
        rate_per_s: how many of them come in a second, on average.
        gateways: their names; every payment may go to each.
        latency: what a call to them takes without the plan.
        breaker: when the engine leaves a gateway alone; the engine's own default unless said otherwise.
        manual_share: payments that are authorized first and captured then.
        refund_share: paid payments of which half is returned.
        repeat_share: requests that the client sends twice at once, under the same key.
        retries: how often a client tries again, as a new payment, after one that failed.
        retry_pause_s: how long it waits before.
        settle_s: how long after the faults everything has to have come to rest.
    """

    name: Annotated[str, Field(max_length=100)] = ""
    plan: ChaosPlan
    criteria: Criteria = Criteria()
    payments: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    rate_per_s: Annotated[float, Field(gt=0, le=100_000)] = 2.0
    gateways: Annotated[tuple[_Name, ...], Field(min_length=1, max_length=64)] = ("alpha", "beta")
    latency: Delay = Delay(shortest_s=0.05, longest_s=0.3)
    breaker: BreakerPolicy = BreakerPolicy()
    manual_share: Share = 0.2
    refund_share: Share = 0.2
    repeat_share: Share = 0.1
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    retry_pause_s: Seconds = 30.0
    settle_s: Seconds = 3_600.0
