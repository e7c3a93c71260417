"""Every setting of the engine, validated, with the reason for its default."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from aegispay.config_sources import Gathered, configuration_error, gather
from aegispay.domain.breaker import BreakerPolicy
from aegispay.domain.card_data import contains_card_number, shown
from aegispay.domain.delays import CHECK_DELAYS_S
from aegispay.domain.health import Weights
from aegispay.domain.liveness import HealthCheckPolicy
from aegispay.domain.named_gateways import named_gateways, unknown_gateways
from aegispay.domain.retry import RetryPolicy
from aegispay.domain.routing import AnyStrategy, RoutingStrategy, Strategy, strategy_of
from aegispay.domain.routing.nested import kinds
from aegispay.domain.routing.settings import Name
from aegispay.domain.settings_errors import Checked
from aegispay.domain.throttle import LimitPolicy
from aegispay.errors import FieldError, ValidationError


def _no_switch(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic takes only this for a refusal
    return value


def _no_card_number(name: str) -> str:
    if contains_card_number(name):
        raise PydanticCustomError("name", "must not hold a card number")
    return name


def _not_built_in(name: str) -> str:
    if name in kinds():
        raise PydanticCustomError("name", "use another name: a built-in strategy is called so")
    return name


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_no_switch)]
Count = Annotated[int, Field(ge=1), BeforeValidator(_no_switch)]

GatewayName = Annotated[Name, AfterValidator(_no_card_number)]
StrategyName = Annotated[GatewayName, AfterValidator(_not_built_in)]

RUN_TIME = (
    "routing",
    "strategies",
    "retry",
    "breaker",
    "health_weights",
    "health_checks",
    "approvals_half_life_s",
    "limits",
    "limits_default",
)
"""Settings that may change while the engine runs; the others need a restart."""


if TYPE_CHECKING:
    _Routing = Strategy | RoutingStrategy | str
else:
    # Whatever was given, the strategy itself is kept.
    _Routing = AnyStrategy


class AegisPayConfig(BaseModel):
    """Settings of one engine; unknown names are an error.

    `load` reads them from a file and the environment. Those in `RUN_TIME` may change while the engine runs, see
    `AegisPay.configure`.

    Raises:
        ConfigurationError: naming every setting that is not known or makes no sense.

    Attributes:
        routing: how gateways are ranked when the request names none.
        strategies: strategies that a request may choose by name, beside those that need no settings; 1 to 64 of a-z,
            0-9, _ and -, and no name of a built-in strategy.
        retry: how far a payment is carried from gateway to gateway.
        breaker: when a gateway is left alone.
        health_weights: what the health score is made of.
        health_window_s: how far back health looks; five minutes show a brown-out and forget it soon after.
        health_checks: when gateways are asked whether they are up.
        approvals_half_life_s: after so long an answered charge counts half for routing; an hour follows a drift and
            still remembers enough at a few charges a minute.
        limits: how much of each gateway may be used, by its name.
        limits_default: the same for gateways that `limits` does not name.
        payment_expiry_s: how long a created payment may wait to be processed; a week outlasts any checkout.
        answer_timeout_s: how long a caller waits for a payment to settle; the payment itself goes on.
        answer_grace_s: how long after a gateway's own timeout silence is taken for a lost call.
        check_delays_s: seconds before each further check of an unknown outcome; the last repeats.
        wake_interval_s: how often durable timers are looked at; no timer needs to be more exact than this.
        in_flight_max: requests inside the engine at once; more get `OverloadedError` before memory runs out.
        mailbox_capacity: messages that may wait for one payment; a storm of one key waits for its one answer in it.
        actors_max: payment actors in memory at once, a few kB each; idle ones beyond it make room.
        actor_idle_s: how long an idle payment actor stays in memory; most callers come back within a minute, or never.
        finished_kept: finished payments kept in memory for repeated requests; others are read again when asked for.
        crashes_max: crashes of one payment's actor within `crash_window_s` before it is parked; two may be bad luck.
        crash_window_s: see `crashes_max`; crashes a minute apart have hardly one cause.
        common_cause_max: different payments crashing within `common_cause_window_s` before the engine gives up.
        common_cause_window_s: see `common_cause_max`; what hits fifty payments within ten seconds is not their fault.
        recoveries_max: times a payment may be recovered without success before it is parked, across restarts; one that
            kills the process must not do so for ever.
        recovery_concurrency: unfinished payments picked up at once on opening; their gateways are asked about each.
        shutdown_s: how long closing waits for calls in flight, as long as orchestrators grant before they kill; what is
            left is picked up at the next start.
        status_interval_s: how often a small file beside the database is renewed, for `aegispay top`; two seconds are
            live enough for the eye and cost a thousandth of a core. 0 for never.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    routing: _Routing = Field(default=strategy_of(RoutingStrategy.HIGHEST_SUCCESS_RATE))
    strategies: dict[StrategyName, AnyStrategy] = Field(default_factory=dict)
    retry: Annotated[RetryPolicy, Checked] = RetryPolicy()
    breaker: Annotated[BreakerPolicy, Checked] = BreakerPolicy()
    health_weights: Annotated[Weights, Checked] = Weights()
    health_window_s: Seconds = 300.0
    health_checks: Annotated[HealthCheckPolicy, Checked] = HealthCheckPolicy()
    approvals_half_life_s: Seconds = 3_600.0
    limits: dict[GatewayName, Annotated[LimitPolicy, Checked]] = Field(default_factory=dict)
    limits_default: Annotated[LimitPolicy, Checked] = LimitPolicy()
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
    status_interval_s: Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_no_switch)] = 2.0

    if not TYPE_CHECKING:  # type checkers take the fields for the arguments

        def __init__(self, **settings: Any) -> None:
            try:
                super().__init__(**settings)
            except pydantic.ValidationError as error:
                raise configuration_error(error, type(self), Gathered(settings)) from None

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return settings from a file, the environment and Python; each of them overrules the one before it.

        Args:
            path: a .yaml, .toml or .json file; ``None`` for none.
            environ: variables, ``AEGISPAY_RETRY__ATTEMPTS_MAX`` for ``retry.attempts_max``; those of the process when
                not given, none when empty.
            overrides: values by name, as the constructor takes them.

        Raises:
            ConfigurationError: naming each setting with the file and line, or the variable, that it stands in.
        """
        return cls.from_sources(gather(path, environ=_environ(environ), overrides=overrides or {}))

    @classmethod
    def from_sources(cls, gathered: Gathered) -> Self:
        """Return the settings that were gathered.

        Raises:
            ConfigurationError: as `load`.
        """
        made = cls.__new__(cls)
        try:
            BaseModel.__init__(made, **gathered.values)
        except pydantic.ValidationError as error:
            raise configuration_error(error, cls, gathered) from None
        return made

    def strategy(self, name: str | None) -> Strategy:
        """Return the strategy of this name, or the engine's own for ``None``.

        Raises:
            ValidationError: there is none of that name.
        """
        if name is None:
            return self.routing if isinstance(self.routing, Strategy) else strategy_of(self.routing)
        found = self.strategies.get(name)
        if found is not None:
            return found
        if name not in set(RoutingStrategy):
            known = ", ".join([*self.strategies, *RoutingStrategy])
            raise ValidationError([FieldError("strategy", f"use one of {known}", shown(name))])
        return strategy_of(name)

    def unknown_gateways(
        self, known: Collection[str], *, settings: Collection[str] = RUN_TIME, most: int | None = None
    ) -> tuple[str, ...]:
        """Return one sentence for each gateway that these settings name and that is not among those there are.

        Args:
            known: names of the gateways there are.
            settings: where to look; everywhere unless given.
            most: sentences; all unless given.
        """
        named = named_gateways(self.strategy(None), self.strategies, self.retry, self.limits)
        return unknown_gateways((each for each in named if each[0][0] in settings), known, most=most)


def _environ(given: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if given is None else given
