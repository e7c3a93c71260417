"""Create to SUCCESS, four durable events each, the whole engine on, SQLite with synchronous=FULL."""

import time

from benchmarks.workbench import at_once, fields, fresh_engine, percentile, say, timed


async def throughput(seed: int) -> None:
    for workers in (20, 200, 1_000):
        async with fresh_engine(seed) as aegis:
            count = 20_000
            await at_once(workers, 500, lambda number: aegis.pay(**fields(f"warm-{number}")))
            with timed() as took:
                await at_once(workers, count, lambda number: aegis.pay(**fields(f"order-{number}")))
        rate, cpu_us = count / took.wall_s, took.cpu_s / count * 1e6
        say("throughput", f"{workers:>5} in flight: {rate:>7,.0f} payments/s, {cpu_us:.0f} µs CPU each")


async def latency(seed: int) -> None:
    seconds: list[float] = []
    async with fresh_engine(seed) as aegis:
        for number in range(2_000):
            started = time.perf_counter()
            await aegis.pay(**fields(f"order-{number}"))
            seconds.append(time.perf_counter() - started)
    p50, p99 = (percentile(seconds, share) * 1e3 for share in (0.5, 0.99))
    say("latency", f"one at a time: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
