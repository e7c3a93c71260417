"""Measurements for OpenTelemetry: histograms as they happen, the rest when a reader asks, which costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation

from aegispay.observability.families import Source, samples
from aegispay.observability.semantics import INSTRUMENTS, Instrument, Kind
from aegispay.observability.series import Attributes

_lock = Lock()


class Meters:
    """The instruments of one meter provider, shared by all engines that report to it."""

    def __init__(self, provider: MeterProvider | None, scope: str) -> None:
        meter = metrics.get_meter(scope, meter_provider=provider)
        self._sources: WeakSet[Source] = WeakSet()
        self.histograms: dict[str, Histogram] = {}
        for each in INSTRUMENTS:
            match each.kind:
                case Kind.HISTOGRAM:
                    self.histograms[each.name] = meter.create_histogram(
                        each.name, each.unit, each.description, explicit_bucket_boundaries_advisory=each.bounds
                    )
                case Kind.COUNTER:
                    reading = [_reading(each, self._sources)]
                    meter.create_observable_counter(each.name, reading, each.unit, each.description)
                case Kind.GAUGE:
                    reading = [_reading(each, self._sources)]
                    meter.create_observable_gauge(each.name, reading, each.unit, each.description)

    def observe(self, source: Source) -> None:
        """Report one more engine, for as long as it is in memory."""
        with _lock:
            self._sources.add(source)


_global: list[Meters] = []
_others: WeakKeyDictionary[MeterProvider, Meters] = WeakKeyDictionary()


def meters_of(provider: MeterProvider | None, scope: str) -> Meters:
    """Return the instruments of a provider, made once; ``None`` for the global one, even if it is set later."""
    with _lock:
        if provider is None:
            if not _global:
                _global.append(Meters(None, scope))
            return _global[0]
        if provider not in _others:
            _others[provider] = Meters(provider, scope)
        return _others[provider]


def _reading(instrument: Instrument, sources: WeakSet[Source]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def read(_options: CallbackOptions) -> Iterator[Observation]:
        with _lock:
            engines = tuple(sources)
        merged: dict[Attributes, float] = {}
        for engine in engines:
            for attributes, value in samples(engine.latest(), instrument).items():
                known = merged.get(attributes)
                merged[attributes] = value if known is None else instrument.together(known, value)
        for attributes, value in merged.items():
            yield Observation(value, dict(zip(instrument.attributes, attributes, strict=True)))

    return read
