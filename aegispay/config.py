"""Every setting of the engine, validated, with the reason for its default."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aegispay.domain.breaker import BreakerPolicy
from aegispay.domain.card_data import shown
from aegispay.domain.delays import CHECK_DELAYS_S
from aegispay.domain.health import Weights
from aegispay.domain.retry import RetryPolicy
from aegispay.domain.routing import AnyStrategy, RoutingStrategy, Strategy, strategy_of
from aegispay.errors import FieldError, ValidationError

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class AegisPayConfig(BaseModel):
    """Settings of one engine; unknown names are an error.

    Attributes:
        routing: how gateways are ranked when the request names none.
        strategies: strategies that a request may choose by name, beside those that need no settings.
        retry: how far a payment is carried from gateway to gateway.
        breaker: when a gateway is left alone.
        health_weights: what the health score is made of.
        health_window_s: how far back health looks; five minutes show a brown-out and forget it soon after.
        payment_expiry_s: how long a created payment may wait to be processed; a week outlasts any checkout.
        answer_timeout_s: how long a caller waits for a payment to settle; the payment itself goes on.
        answer_grace_s: how long after a gateway's own timeout silence is taken for a lost call.
        check_delays_s: seconds before each further check of an unknown outcome; the last repeats.
        wake_interval_s: how often durable timers are looked at; no timer needs to be more exact than this.
        in_flight_max: requests inside the engine at once; more get `OverloadedError` before memory runs out.
        mailbox_capacity: messages that may wait for one payment.
        actors_max: payment actors in memory at once; idle ones beyond it make room.
        actor_idle_s: how long an idle payment actor stays in memory.
        finished_kept: finished payments kept in memory for repeated requests; others are read again when asked for.
        crashes_max: crashes of one payment's actor within `crash_window_s` before it is parked.
        crash_window_s: see `crashes_max`.
        common_cause_max: different payments crashing within `common_cause_window_s` before the engine gives up.
        common_cause_window_s: see `common_cause_max`.
        recoveries_max: times a payment may be recovered without success before it is parked, across restarts.
        recovery_concurrency: unfinished payments picked up at once when the engine opens.
        shutdown_s: how long closing waits for calls in flight; what is left is picked up at the next start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    routing: AnyStrategy = Field(default=strategy_of(RoutingStrategy.HIGHEST_SUCCESS_RATE))  # type: ignore[assignment]
    strategies: dict[str, AnyStrategy] = Field(default_factory=dict)
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    health_weights: Weights = Weights()
    health_window_s: Seconds = 300.0
    payment_expiry_s: Seconds = 604_800.0
    answer_timeout_s: Seconds = 120.0
    answer_grace_s: Seconds = 5.0
    check_delays_s: Annotated[tuple[Seconds, ...], Field(min_length=1)] = CHECK_DELAYS_S
    wake_interval_s: Seconds = 1.0
    in_flight_max: Count = 20_000
    mailbox_capacity: Count = 5_000
    actors_max: Count = 200_000
    actor_idle_s: Seconds = 60.0
    finished_kept: Count = 1_000
    crashes_max: Count = 3
    crash_window_s: Seconds = 60.0
    common_cause_max: Count = 50
    common_cause_window_s: Seconds = 10.0
    recoveries_max: Count = 5
    recovery_concurrency: Count = 200
    shutdown_s: Seconds = 30.0

    def strategy(self, name: str | None) -> Strategy:
        """Return the strategy of this name, or the engine's own for ``None``.

        Raises:
            ValidationError: there is none of that name.
        """
        if name is None:
            return self.routing
        found = self.strategies.get(name)
        if found is not None:
            return found
        if name not in set(RoutingStrategy):
            known = ", ".join([*self.strategies, *RoutingStrategy])
            raise ValidationError([FieldError("strategy", f"use one of {known}", shown(name))])
        return strategy_of(name)
