"""Run the measurements and say on which machine."""

import argparse
import asyncio
import gc
import inspect
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks.auditing import audit
from benchmarks.day.__main__ import routing_day
from benchmarks.growth import growth
from benchmarks.memory import idle_actors
from benchmarks.payments import latency, throughput
from benchmarks.runtime import runtime
from benchmarks.storms import blocking_storm, mixed_storm, storm

BENCHMARKS: dict[str, Callable[[int], Any]] = {
    "runtime": runtime,
    "throughput": throughput,
    "latency": latency,
    "storm": storm,
    "mixed-storm": mixed_storm,
    "blocking-storm": blocking_storm,
    "idle-actors": idle_actors,
    "growth": growth,
    "verify": audit,
    "routing-day": routing_day,
}


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return uvloop.new_event_loop


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--default-gc", action="store_true", help="leave Python's garbage collector as it is")
    parser.add_argument("--no-uvloop", action="store_true", help="use asyncio's own loop")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"{unknown[0]} is not known; there are {', '.join(BENCHMARKS)}")
    factory = None if options.no_uvloop else _loop_factory()
    if not options.default_gc:
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
    collector = "Python's" if options.default_gc else "tuned"
    loop = "asyncio" if factory is None else "uvloop"
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {loop}, {os.cpu_count()} cores, "
        f"{platform.machine()}, {sys.platform}, garbage collector {collector}, seed {options.seed}"
    )
    for name in options.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        if inspect.iscoroutinefunction(benchmark):
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(benchmark(options.seed))
        else:
            benchmark(options.seed)


if __name__ == "__main__":
    main()
