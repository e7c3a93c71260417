"""The live picture while a file runs: how far, how fast, how the gateways are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from aegispay.actors.gateway import GatewayMetrics
from aegispay.domain.breaker import BreakerState
from aegispay.engine import AegisPay
from aegispay.errors import AegisPayError

_REFRESH_S = 0.25
_COLOURS = {BreakerState.CLOSED: "green", BreakerState.HALF_OPEN: "yellow", BreakerState.OPEN: "red"}


class RunProgress:
    """A progress bar and a table of gateways on standard error, while that is a terminal."""

    def __init__(self, console: Console, *, total: int | None) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("rows"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>7}/s"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task: TaskID = self._bar.add_task("rows", total=total, rate="")
        self._done = 0

    def advance(self) -> None:
        """Count one row."""
        self._done += 1
        if self._console.is_terminal:
            self._bar.advance(self._task)

    @contextlib.asynccontextmanager
    async def shown(self, aegis: AegisPay) -> AsyncIterator[None]:
        """Show the picture for the time of the block."""
        if not self._console.is_terminal:
            yield
            return
        with Live(self._bar, console=self._console, refresh_per_second=8, transient=True) as live:
            updating = asyncio.get_running_loop().create_task(self._update(live, aegis))
            try:
                yield
            finally:
                updating.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await updating

    async def _update(self, live: Live, aegis: AegisPay) -> None:
        before = 0
        while True:
            await asyncio.sleep(_REFRESH_S)  # noqa: TID251 - the picture's own rhythm
            rate = (self._done - before) / _REFRESH_S
            before = self._done
            self._bar.update(self._task, rate=f"{rate:.0f}")
            with contextlib.suppress(AegisPayError):
                live.update(Group(self._bar, gateway_table(await aegis.gateway_metrics())))


def gateway_table(metrics: tuple[GatewayMetrics, ...]) -> Table:
    """Return the gateways as a table of at most 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("gateway", "breaker", "health", "success", "p95", "calls", "in flight", "refused"):
        table.add_column(name, justify="left" if name in {"gateway", "breaker"} else "right")
    for each in metrics:
        colour = _COLOURS[each.breaker]
        table.add_row(
            each.name,
            f"[{colour}]{each.breaker}[/]",
            f"{each.health:.2f}",
            "-" if each.success_rate is None else f"{each.success_rate:.1%}",
            "-" if each.latency_p95_s is None else f"{each.latency_p95_s * 1000:.0f} ms",
            str(each.calls),
            str(each.in_flight),
            str(each.refused),
        )
    return table
