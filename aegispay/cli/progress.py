"""The live picture while a file runs: how far, how fast, how the gateways are; without a terminal, as lines."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from aegispay.actors.gateway import GatewayMetrics
from aegispay.cli.console import make_table
from aegispay.domain.breaker import BreakerState
from aegispay.errors import AegisPayError

_REFRESH_S = 0.25
_SHARE_PICTURES = 4
"""The share of each gateway is that of the last second."""
_MILESTONES = 10
_ROWS_PER_MILESTONE = 1_000
"""Where nobody knows how many rows there will be."""
_ROWS_MIN = 100
"""A small file is over before a line about it is read."""
_COLOURS = {BreakerState.CLOSED: "green", BreakerState.HALF_OPEN: "yellow", BreakerState.OPEN: "red"}
_NOTICES = {
    BreakerState.OPEN: "breaker open, new payments go elsewhere",
    BreakerState.HALF_OPEN: "breaker half-open, a few payments probe it",
    BreakerState.CLOSED: "breaker closed, it takes payments again",
}


class MetricsSource(Protocol):
    """Whoever knows how the gateways are: the engine."""

    async def gateway_metrics(self) -> tuple[GatewayMetrics, ...]:
        """Return how each gateway is doing."""
        ...


class RunProgress:
    """A bar and a table of gateways on a terminal; elsewhere a line per tenth of the rows. Both name breaker changes.

    Args:
        console: where to show it.
        total: how many rows there will be; ``None`` when that is not known.
    """

    def __init__(self, console: Console, *, total: int | None) -> None:
        self._console = console
        self._total = total
        self._step = _ROWS_PER_MILESTONE if total is None else max(_ROWS_MIN, total // _MILESTONES)
        self._bar = Progress(
            TextColumn("rows"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>6}/s"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task: TaskID = self._bar.add_task("rows", total=total, rate="0")
        self._done = 0
        self._since_milestone: Counter[str] = Counter()
        self._pictures: deque[tuple[int, Counter[str]]] = deque([(0, Counter())], maxlen=_SHARE_PICTURES)
        self._breakers: dict[str, BreakerState] = {}

    def advance(self, gateway: str | None) -> None:
        """Count one row, and the gateway that its payment was last tried at."""
        self._done += 1
        if gateway is not None:
            self._since_milestone[gateway] += 1
            self._pictures[-1][1][gateway] += 1
        if self._console.is_terminal:
            self._bar.advance(self._task)
        elif self._done % self._step == 0:
            self._say_milestone()

    @contextlib.asynccontextmanager
    async def shown(self, source: MetricsSource) -> AsyncIterator[None]:
        """Show the picture for the time of the block."""
        with contextlib.ExitStack() as stack:
            show: Callable[[Group], None] | None = None
            if self._console.is_terminal:
                live = stack.enter_context(Live(self._bar, console=self._console, refresh_per_second=8, transient=True))
                show = live.update
            watching = asyncio.get_running_loop().create_task(self._watch(source, show))
            try:
                yield
            finally:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching
                with contextlib.suppress(AegisPayError):
                    self.notice(await source.gateway_metrics())

    async def _watch(self, source: MetricsSource, show: Callable[[Group], None] | None) -> None:
        while True:
            await asyncio.sleep(_REFRESH_S)  # noqa: TID251 - the picture's own rhythm
            with contextlib.suppress(AegisPayError):
                metrics = await source.gateway_metrics()
                self.notice(metrics)
                if show is not None:
                    self._bar.update(self._task, rate=f"{self._rate():.0f}")
                    show(Group(self._bar, gateway_table(metrics, self._take_shares())))

    def notice(self, metrics: tuple[GatewayMetrics, ...]) -> None:
        """Say which breakers have changed since the last time."""
        for each in metrics:
            if each.breaker is not self._breakers.get(each.name, BreakerState.CLOSED):
                faults = f" ({each.faults} faults in {each.calls} calls)" if each.faults else ""
                self._console.print(f"gateway {each.name}: {_NOTICES[each.breaker]}{faults}", soft_wrap=True)
            self._breakers[each.name] = each.breaker

    def _say_milestone(self) -> None:
        rows = f"{self._done} rows" if self._total is None else f"{self._done} of {self._total} rows"
        counts = sorted(self._since_milestone.items())
        last = ", ".join(f"{name} {count}" for name, count in counts)
        self._console.print(f"{rows}; the last {self._step}: {last or 'no gateway'}", soft_wrap=True)
        self._since_milestone.clear()

    def _rate(self) -> float:
        """Rows per second over the pictures kept."""
        return (self._done - self._pictures[0][0]) / (_REFRESH_S * len(self._pictures))

    def _take_shares(self) -> dict[str, float]:
        """Return each gateway's share of what finished lately, and begin the next picture."""
        counts: Counter[str] = Counter()
        for _, picture in self._pictures:
            counts.update(picture)
        self._pictures.append((self._done, Counter()))
        return {name: count / counts.total() for name, count in counts.items()}


def gateway_table(metrics: tuple[GatewayMetrics, ...], shares: dict[str, float] | None = None) -> Table:
    """Return the gateways as a table of at most 80 columns.

    Args:
        metrics: one row each.
        shares: each gateway's part of the payments that finished lately; left out, so is the column.
    """
    names = ["gateway", "breaker", "health", "success", "p95", "calls", "busy", "refused"]
    table = make_table(*names, *([] if shares is None else ["share"]), left=2)
    table.columns[0].max_width = 16
    for each in metrics:
        table.add_row(
            each.name,
            Text(each.breaker.value, style=_COLOURS[each.breaker]),
            f"{each.health:.2f}",
            "-" if each.success_rate is None else f"{each.success_rate:.1%}",
            "-" if each.latency_p95_s is None else f"{each.latency_p95_s * 1000:.0f} ms",
            str(each.calls),
            str(each.in_flight),
            str(each.refused),
            *([] if shares is None else [f"{shares.get(each.name, 0.0):.0%}"]),
        )
    return table
