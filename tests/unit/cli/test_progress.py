"""The live picture: a bar on a terminal, a few lines elsewhere; breaker changes are named in both."""

from __future__ import annotations

import asyncio
import dataclasses
import io

from rich.console import Console

from aegispay.actors.gateway import GatewayMetrics
from aegispay.cli.progress import RunProgress, gateway_table
from aegispay.domain.breaker import BreakerState
from aegispay.errors import EngineClosedError
from aegispay.testing import run_virtual


def metrics(name="alpha", breaker=BreakerState.CLOSED, **changes):
    fields = {
        "name": name,
        "is_enabled": True,
        "breaker": breaker,
        "breaker_age_s": 1.0,
        "health": 0.875,
        "success_rate": 0.995,
        "calls": 600,
        "faults": 3,
        "latency_p50_s": 0.5,
        "latency_p95_s": 1.343,
        "latency_p99_s": 2.0,
        "in_flight": 20,
        "refused": 4,
    }
    unset = {field.name: None for field in dataclasses.fields(GatewayMetrics)}
    return GatewayMetrics(**(unset | fields | changes))


class Gateways:
    """An engine whose gateways are as a test says."""

    def __init__(self, *found):
        self.found = found

    async def gateway_metrics(self):
        if not self.found:
            raise EngineClosedError("the engine is not open")
        return self.found


def console(*, is_terminal=False):
    return Console(
        file=io.StringIO(), width=80, highlight=False, markup=False, force_terminal=is_terminal, color_system=None
    )


def printed(to):
    return to.file.getvalue().splitlines()


def test_without_a_terminal_each_tenth_of_the_rows_is_a_line_with_its_gateways():
    out = console()
    progress = RunProgress(out, total=2_000)

    for number in range(400):
        progress.advance("alpha" if number < 150 else "beta")

    assert printed(out) == [
        "200 of 2000 rows; the last 200: alpha 150, beta 50",
        "400 of 2000 rows; the last 200: beta 200",
    ]


def test_rejected_rows_count_as_rows_and_for_no_gateway():
    out = console()
    progress = RunProgress(out, total=1_000)

    for _ in range(100):
        progress.advance(None)

    assert printed(out) == ["100 of 1000 rows; the last 100: no gateway"]


def test_a_pipe_of_unknown_length_has_a_line_per_thousand():
    out = console()
    progress = RunProgress(out, total=None)

    for _ in range(1_999):
        progress.advance("alpha")

    assert printed(out) == ["1000 rows; the last 1000: alpha 1000"]


def test_a_small_file_needs_no_lines():
    out = console()
    progress = RunProgress(out, total=50)

    for _ in range(50):
        progress.advance("alpha")

    assert printed(out) == []


def test_a_breaker_that_changes_is_named_once_for_each_change():
    out = console()
    progress = RunProgress(out, total=None)

    for state in (
        BreakerState.CLOSED,
        BreakerState.OPEN,
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.CLOSED,
    ):
        progress.notice((metrics(breaker=state),))

    assert printed(out) == [
        "gateway alpha: breaker open, new payments go elsewhere (3 faults in 600 calls)",
        "gateway alpha: breaker half-open, a few payments probe it (3 faults in 600 calls)",
        "gateway alpha: breaker closed, it takes payments again (3 faults in 600 calls)",
    ]


def test_a_breaker_that_an_earlier_run_left_open_is_named_too():
    out = console()

    RunProgress(out, total=None).notice((metrics(breaker=BreakerState.OPEN, faults=0, calls=0),))

    assert printed(out) == ["gateway alpha: breaker open, new payments go elsewhere"]


def test_gateways_are_watched_while_the_block_runs_and_once_at_its_end():
    out = console()
    gateways = Gateways(metrics())

    async def run():
        async with RunProgress(out, total=None).shown(gateways):
            gateways.found = (metrics(breaker=BreakerState.OPEN),)
            await asyncio.sleep(1.0)
            assert len(printed(out)) == 1
            gateways.found = (metrics(),)

    run_virtual(run())

    assert [line.split(",")[0] for line in printed(out)] == [
        "gateway alpha: breaker open",
        "gateway alpha: breaker closed",
    ]


def test_an_engine_that_is_closing_disturbs_nothing():
    async def run():
        async with RunProgress(console(), total=None).shown(Gateways()):
            await asyncio.sleep(1.0)

    run_virtual(run())


def test_on_a_terminal_there_is_a_bar_with_gateways_and_no_milestones():
    out = console(is_terminal=True)
    progress = RunProgress(out, total=1_000)

    async def run():
        async with progress.shown(Gateways(metrics())):
            for _ in range(500):
                progress.advance("alpha")
            await asyncio.sleep(0.6)

    run_virtual(run())

    text = out.file.getvalue()
    assert "500/1000" in text
    assert "alpha" in text
    assert "the last" not in text


def test_the_table_shows_each_gateway_within_80_columns():
    out = console()

    worst = metrics(
        "a" * 64, BreakerState.HALF_OPEN, success_rate=1.0, latency_p95_s=99.999, calls=9_999, refused=99_999
    )
    out.print(gateway_table((metrics(), worst), {"alpha": 0.25, "a" * 64: 1.0}))

    assert all(len(line) <= 80 for line in printed(out))
    assert printed(out)[2].split() == ["alpha", "closed", "0.88", "99.5%", "1343", "ms", "600", "20", "4", "25%"]
    assert "half_open" in printed(out)[3]
    assert "100%" in printed(out)[3]


def test_a_gateway_without_calls_has_no_numbers_yet():
    out = console()

    out.print(gateway_table((metrics(success_rate=None, latency_p95_s=None, calls=0),)))

    assert printed(out)[2].split() == ["alpha", "closed", "0.88", "-", "-", "0", "20", "4"]
