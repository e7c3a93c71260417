"""The engine's numbers for Prometheus: as text, or as a collector in a registry. Needs ``aegispay[prometheus]``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from aegispay.observability.families import distributions, samples
from aegispay.observability.semantics import INSTRUMENTS, Instrument, Kind
from aegispay.observability.series import Distribution
from aegispay.observability.snapshot import EngineMetrics


class HasMetrics(Protocol):
    """An engine, blocking or not."""

    def latest_metrics(self) -> EngineMetrics:
        """Return the numbers without waiting, in any thread."""
        ...


class PrometheusCollector(Collector):
    """Collects one engine's numbers whenever a registry is scraped: ``registry.register(PrometheusCollector(aegis))``.

    It never waits for the engine: gauges are as old as `AegisPay.latest_metrics` says.
    """

    def __init__(self, engine: HasMetrics) -> None:
        self._engine = engine
        # From now on the engine knows that its gauges are wanted.
        engine.latest_metrics()

    def collect(self) -> Iterator[Metric]:
        """Return all instruments, as prometheus_client asks for them."""
        return metric_families(self._engine.latest_metrics())


class _Once(Collector):
    def __init__(self, metrics: EngineMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return metric_families(self._metrics)


def render(metrics: EngineMetrics) -> bytes:
    """Return Prometheus's text format, for a route of your own; its type is `prometheus_client.CONTENT_TYPE_LATEST`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(metrics))
    return generate_latest(registry)


def metric_families(metrics: EngineMetrics) -> Iterator[Metric]:
    """Return the numbers as prometheus_client holds them."""
    for instrument in INSTRUMENTS:
        yield _histogram(instrument, metrics) if instrument.kind is Kind.HISTOGRAM else _simple(instrument, metrics)


def _simple(instrument: Instrument, metrics: EngineMetrics) -> Metric:
    made = CounterMetricFamily if instrument.kind is Kind.COUNTER else GaugeMetricFamily
    family = made(instrument.prometheus, instrument.description, labels=instrument.attributes)
    for attributes, value in samples(metrics, instrument).items():
        family.add_metric(attributes, value)
    return family


def _histogram(instrument: Instrument, metrics: EngineMetrics) -> Metric:
    family = HistogramMetricFamily(instrument.prometheus, instrument.description, labels=instrument.attributes)
    for attributes, distribution in distributions(metrics, instrument).items():
        family.add_metric(attributes, _buckets(distribution), distribution.total)
    return family


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    bounds = (*map(floatToGoString, distribution.bounds), "+Inf")
    return list(zip(bounds, accumulate(distribution.counts), strict=True))
