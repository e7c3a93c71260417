"""Eight plans by name. Each does what its name says and nothing else."""

from __future__ import annotations

from aegispay.chaos import faults as f
from aegispay.chaos.plan import ChaosPlan
from aegispay.errors import ConfigurationError, FieldError


def _gateway_timeout() -> ChaosPlan:
    # Half of them carried out: a time-out says nothing about that, and only then is it dangerous.
    return ChaosPlan(
        name="gateway_timeout",
        faults=(
            f.GatewayTimeout(rate=0.25, when=f.When.BEFORE, after_s=5.0),
            f.GatewayTimeout(rate=1 / 3, when=f.When.AFTER, after_s=5.0),
        ),
    )


def _intermittent_failures() -> ChaosPlan:
    burst = f.Burst(length=4, within_s=5.0)
    return ChaosPlan(name="intermittent_failures", faults=(f.GatewayError(rate=0.3, burst=burst),))


def _latency_spike() -> ChaosPlan:
    delay = f.Delay(shortest_s=2.0, longest_s=5.0)
    return ChaosPlan(name="latency_spike", faults=(f.GatewayLatency(rate=0.8, delay=delay),))


def _service_unavailable() -> ChaosPlan:
    return ChaosPlan(name="service_unavailable", faults=(f.GatewayUnavailable(rate=0.6),))


def _rate_limited() -> ChaosPlan:
    return ChaosPlan(name="rate_limited", faults=(f.GatewayRateLimit(rate=0.4, retry_after_s=2.0),))


def _cascading_failure() -> ChaosPlan:
    cascade = f.Cascade(rate=0.8, duration_s=2.0)
    return ChaosPlan(name="cascading_failure", faults=(f.GatewayError(rate=0.5, cascade=cascade),))


def _resource_exhaustion() -> ChaosPlan:
    # What holds connections is that answers are slow: without that, none would ever be lacking.
    return ChaosPlan(
        name="resource_exhaustion",
        faults=(
            f.GatewayLatency(delay=f.Delay(shortest_s=0.2, longest_s=1.0)),
            f.GatewayExhaustion(rate=0.3, connections_max=2),
        ),
    )


def _apocalypse() -> ChaosPlan:
    anything = frozenset(f.Operation)
    burst = f.Burst(length=9, within_s=10.0)
    return ChaosPlan(
        name="apocalypse",
        faults=(
            f.GatewayLatency(rate=0.9, delay=f.Delay(shortest_s=1.0, longest_s=10.0)),
            f.GatewayTimeout(rate=0.2, when=f.When.BEFORE, after_s=5.0),
            f.GatewayTimeout(rate=0.25, when=f.When.AFTER, after_s=5.0),
            f.GatewayError(rate=0.1, operations=anything, burst=burst),
            f.GatewayError(rate=0.1, when=f.When.AFTER, operations=anything),
            f.GatewayUnavailable(rate=0.15, when=f.When.AFTER),
            f.GatewayRateLimit(rate=0.1),
            f.GatewayMalformed(rate=0.1),
            f.GatewayHang(rate=0.05, when=f.When.AFTER),
            f.ActorCrash(rate=0.01),
            f.ActorCrash(rate=0.01, when=f.When.AFTER),
            f.MessageDelay(rate=0.05, delay=f.Delay(longest_s=2.0)),
            f.MessageDuplicate(rate=0.05),
            f.StoreFails(rate=0.01),
            f.StoreCommitUnknown(rate=0.01),
            f.StoreSlow(rate=0.1, delay=f.Delay(longest_s=1.0)),
            f.ClockJump(by_s=-3_600.0, window=f.Window(start_s=10.0, duration_s=10.0)),
            f.ClockJump(by_s=3_600.0, window=f.Window(start_s=30.0, duration_s=10.0)),
        ),
    )


_PRESETS = {
    plan.name: plan
    for plan in (
        _gateway_timeout(),
        _intermittent_failures(),
        _latency_spike(),
        _service_unavailable(),
        _rate_limited(),
        _cascading_failure(),
        _resource_exhaustion(),
        _apocalypse(),
    )
}

PRESETS = tuple(_PRESETS)
"""Their names."""


def preset(name: str) -> ChaosPlan:
    """Return the plan of that name.

    Raises:
        ConfigurationError: there is none.
    """
    plan = _PRESETS.get(name)
    if plan is None:
        known = ", ".join(PRESETS)
        raise ConfigurationError(
            [FieldError("preset", f"there is none of that name; there are {known}", name[:64])],
            hint="Name one of the presets, or write a plan; docs/chaos.md says how.",
        )
    return plan
