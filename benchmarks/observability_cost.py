"""What watching costs: the same payments unwatched, counted, and traced through OpenTelemetry's SDK, in turns.

Run ``python -m benchmarks.observability_cost [--seed N] [--rounds N]``. Needs ``opentelemetry-sdk``.
"""

import argparse
import asyncio
import gc
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from aegispay import AegisPay
from aegispay.observability.otel import OpenTelemetry
from aegispay.observability.telemetry import Telemetry
from aegispay.observability.tracing import NoExport
from benchmarks.workbench import at_once, fields, gateways, say, timed

COUNT = 2_000
WORKERS = 100


class Nowhere(SpanExporter):
    """Takes spans and keeps none, so that only making them is measured."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Unwatched(Telemetry):
    """Counts nothing."""

    def committed(self, payment: Any, events: Any) -> None:
        pass

    def batch_committed(self, size: int, duration_s: float) -> None:
        pass

    def call_ended(self, span: Any, **measured: Any) -> None:
        pass


def sdk(share: float | None) -> OpenTelemetry:
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    if share is None:
        return OpenTelemetry(meter_provider=meters)
    tracers = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=100_000))
    return OpenTelemetry(tracers, meters)


WAYS: dict[str, Callable[[], Telemetry]] = {
    "unwatched": Unwatched,
    "counted": lambda: Telemetry(NoExport()),
    "no SDK": lambda: Telemetry(OpenTelemetry()),
    "SDK, measured": lambda: Telemetry(sdk(None)),
    "SDK, 10 % traced": lambda: Telemetry(sdk(0.1)),
    "SDK, all traced": lambda: Telemetry(sdk(1.0)),
}


@dataclass
class Measured:
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


async def once(seed: int, telemetry: Telemetry, measured: Measured) -> None:
    with tempfile.TemporaryDirectory() as folder:
        aegis = AegisPay(Path(folder) / "payments.db", gateways=gateways(seed))
        aegis._telemetry = aegis._calls._telemetry = telemetry
        async with aegis:
            await measure(aegis, measured)


async def measure(aegis: AegisPay, measured: Measured) -> None:
    await at_once(WORKERS, 300, lambda number: aegis.pay(**fields(f"warm-{number}")))
    with timed() as took:
        await at_once(WORKERS, COUNT, lambda number: aegis.pay(**fields(f"order-{number}")))
    measured.rates.append(COUNT / took.wall_s)
    measured.cpu_us.append(took.cpu_s / COUNT * 1e6)


async def observability_cost(seed: int, rounds: int = 5) -> None:
    ways = {name: (make(), Measured()) for name, make in WAYS.items()}
    order = list(ways)
    for number in range(rounds):
        # Each in its turn, forwards and backwards: whatever else the machine does hits all of them.
        for name in order if number % 2 == 0 else reversed(order):
            telemetry, measured = ways[name]
            await once(seed, telemetry, measured)
    base = ways["unwatched"][1]
    for name, (_, measured) in ways.items():
        # The best of each: what else the machine does can only make it slower.
        rate, cpu_us = max(measured.rates), min(measured.cpu_us)
        ratio, share = rate / max(base.rates), cpu_us / min(base.cpu_us)
        text = f"{rate:>6,.0f} payments/s ({ratio:.2f}), {cpu_us:.0f} µs CPU each ({share:.2f})"
        say("observability", f"{name:>16}: {text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    asyncio.run(observability_cost(options.seed, options.rounds))


if __name__ == "__main__":
    main()
