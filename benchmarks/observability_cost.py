"""What watching costs: the same payments unwatched, counted, and traced through OpenTelemetry's SDK, in turns.

Run ``python -m benchmarks.observability_cost [--quick] [--seed N] [--rounds N]``. Needs ``opentelemetry-sdk``.

All engines are open at once and take turns of a few hundred payments, in a new order each round. Ratios compare turns
of one round, so that whatever else the machine does meets all alike; the median of the rounds is the result. CPU time
is the whole process', with what the SDK does in its own thread.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import platform
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
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
from benchmarks.workbench import at_once, fields, gateways, percentile, say, timed

WORKERS = 100
WARM_UP = 300
BASE = "unwatched"


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


def nothing() -> None:
    pass


@dataclass
class Way:
    """One way of being watched, and what was measured of it."""

    telemetry: Telemetry
    flush: Callable[[], object] = nothing
    wall_us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def measured() -> Way:
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    return Way(Telemetry(OpenTelemetry(meter_provider=meters)))


def traced(share: float) -> Way:
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    tracers = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=100_000))
    return Way(Telemetry(OpenTelemetry(tracers, meters)), tracers.force_flush)


WAYS: dict[str, Callable[[], Way]] = {
    BASE: lambda: Way(Unwatched()),
    "counted": lambda: Way(Telemetry(NoExport())),
    "API without an SDK": lambda: Way(Telemetry(OpenTelemetry())),
    "metrics": measured,
    "metrics, 10 % traced": lambda: traced(0.1),
    "metrics, all traced": lambda: traced(1.0),
}


async def observability_cost(seed: int = 7, rounds: int = 40, turn: int = 200) -> None:
    ways = {name: make() for name, make in WAYS.items()}
    source = random.Random(seed)
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engines = {}
        for name, way in ways.items():
            aegis = AegisPay(folder / f"{len(engines)}.db", gateways=gateways(seed))
            aegis._telemetry = aegis._calls._telemetry = way.telemetry
            engines[name] = await stack.enter_async_context(aegis)
            await pay(engines[name], "warm", WARM_UP)
        for number in range(rounds):
            for name in source.sample(list(ways), len(ways)):
                await take_turn(engines[name], ways[name], f"order-{number}", turn)
    report(ways)


async def take_turn(aegis: AegisPay, way: Way, key: str, count: int) -> None:
    with timed() as took:
        await pay(aegis, key, count)
        way.flush()
    way.wall_us.append(took.wall_s / count * 1e6)
    way.cpu_us.append(took.cpu_s / count * 1e6)


async def pay(aegis: AegisPay, key: str, count: int) -> None:
    await at_once(WORKERS, count, lambda number: aegis.pay(**fields(f"{key}-{number}")))


def report(ways: dict[str, Way]) -> None:
    base = ways[BASE]
    for name, way in ways.items():
        cpu = ratio(way.cpu_us, base.cpu_us)
        throughput = ratio(base.wall_us, way.wall_us)
        rate, cpu_us = 1e6 / statistics.median(way.wall_us), statistics.median(way.cpu_us)
        text = f"{rate:>6,.0f} payments/s, throughput {throughput}; {cpu_us:>4.0f} µs CPU each, {cpu}"
        say("observability", f"{name:>20}: {text}")


def ratio(values: list[float], others: list[float]) -> str:
    """Return the median of the rounds' ratios, and between which a half of them lie."""
    found = [value / other for value, other in zip(values, others, strict=True)]
    return f"x {statistics.median(found):.2f} ({percentile(found, 0.25):.2f} to {percentile(found, 0.75):.2f})"


def conditions() -> str:
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{model}, {os.cpu_count()} cores, load {load}; Python {platform.python_version()}, "
        f"opentelemetry-sdk {version('opentelemetry-sdk')}; {datetime.now(UTC):%Y-%m-%d}; "
        f"python -m benchmarks.observability_cost {' '.join(sys.argv[1:])}".rstrip()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=40, help="turns of each way; the results are their medians")
    parser.add_argument("--quick", action="store_true", help="few and short turns, to see that it works")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    say("observability", conditions())
    rounds, turn = (3, 100) if options.quick else (options.rounds, 200)
    asyncio.run(observability_cost(options.seed, rounds, turn))


if __name__ == "__main__":
    main()
