"""One experiment for each preset, with what the engine has to keep under it; measured, with room for other seeds."""

from __future__ import annotations

from aegispay.chaos.experiment import Criteria, Experiment
from aegispay.chaos.presets import PRESETS, preset
from aegispay.domain.breaker import BreakerPolicy

_CRITERIA = {
    # Half of the sends take five seconds to fail and more to be asked about: no mean below three is possible.
    "gateway_timeout": Criteria(
        success_rate_min=0.5, latency_mean_max_s=8.0, latency_p95_max_s=40.0, latency_p99_max_s=60.0
    ),
    "intermittent_failures": Criteria(success_rate_min=0.6, breaker_openings_max=10, latency_mean_max_s=0.5),
    "latency_spike": Criteria(
        success_rate_min=0.9,
        breaker_openings_max=0,
        latency_mean_max_s=4.0,
        latency_p95_max_s=5.5,
        latency_p99_max_s=6.0,
    ),
    # A 503 says nothing about the charge: it is sent again under its key, and only after a minute is "not found" proof.
    "service_unavailable": Criteria(success_rate_min=0.9, latency_mean_max_s=20.0, latency_p99_max_s=200.0),
    "rate_limited": Criteria(success_rate_min=0.95, breaker_openings_max=0, latency_mean_max_s=5.0),
    "cascading_failure": Criteria(success_rate_min=0.75, breaker_openings_max=15, latency_mean_max_s=0.5),
    "resource_exhaustion": Criteria(success_rate_min=0.95, breaker_openings_max=15, latency_mean_max_s=2.0),
    "apocalypse": Criteria(success_rate_min=0.7, latency_p99_max_s=400.0),
}

_PATIENT = BreakerPolicy(failures_max=30, failure_share_min=0.9)
"""For plans under which every gateway fails often: with the engine's default both breakers stay open nearly all the
time, and what an experiment shows then is how fast payments are refused."""

_BREAKERS = {
    "intermittent_failures": _PATIENT,
    "service_unavailable": _PATIENT,
    "cascading_failure": _PATIENT,
    "apocalypse": _PATIENT,
}

_EXPERIMENTS = {
    name: Experiment(
        name=name, plan=preset(name), criteria=_CRITERIA[name], breaker=_BREAKERS.get(name, BreakerPolicy())
    )
    for name in PRESETS
}


def experiment_of(name: str) -> Experiment:
    """Return the experiment with the preset of that name.

    Raises:
        ConfigurationError: there is none.
    """
    return _EXPERIMENTS[preset(name).name]
