"""Gateways and subscribers as rows, those in trouble first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aegispay.cli.console import printable
from aegispay.cli.top_facts import duration
from aegispay.cli.top_view import View, age_of
from aegispay.domain.breaker import BreakerState
from aegispay.outbox.statuses import SubscriptionState, SubscriptionStatus
from aegispay.status.picture import GatewayPicture, SubscriberPicture

_COLOURS = {BreakerState.CLOSED: "green", BreakerState.HALF_OPEN: "yellow", BreakerState.OPEN: "red"}
_NAME_MAX = 16


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table.

    Attributes:
        columns: their heads; the first `texts` are texts, the others numbers.
        rows: the cells. styles: of the second cell of each row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    styles: tuple[str, ...]
    texts: int = 2


def gateways(view: View, *, is_wide: bool) -> Sheet:
    """Return the gateways of the running engine.

    Args:
        view: of one moment.
        is_wide: whether there is room for more columns.
    """
    found = () if view.status is None else view.status.gateways
    ordered = sorted(found, key=lambda each: (each.breaker is BreakerState.CLOSED and each.is_enabled, each.health))
    columns = ("gateway", "breaker", "health", "success", "p95", "calls", "busy", "refused")
    more = ("p50", "approved", "up", "not closed") if is_wide else ()
    rows = tuple((*_gateway(each, is_wide=is_wide), *(_gateway_more(each) if is_wide else ())) for each in ordered)
    styles = tuple(_COLOURS[each.breaker] if each.is_enabled else "yellow" for each in ordered)
    return Sheet((*columns, *more), rows, styles)


def _gateway(each: GatewayPicture, *, is_wide: bool) -> tuple[str, ...]:
    return (
        printable(each.name, longest=_NAME_MAX),
        each.breaker.value if each.is_enabled else "disabled",
        f"{each.health:.2f}",
        _share(each.success_rate),
        duration(each.latency_p95_s),
        f"{each.calls:,}",
        f"{each.in_flight:,}/{each.concurrency_limit:,}" if is_wide else f"{each.in_flight:,}",
        f"{each.refused:,}",
    )


def _gateway_more(each: GatewayPicture) -> tuple[str, ...]:
    up = "-" if each.is_up is None else "yes" if each.is_up else "no"
    others = " ".join(operation.value for operation in each.not_closed)
    return (
        duration(each.latency_p50_s),
        _share(each.approval_rate),
        up,
        others or "-",
    )


def subscribers(view: View, *, is_wide: bool) -> Sheet:
    """Return the subscribers, webhook endpoints among them.

    Args:
        view: of one moment.
        is_wide: whether there is room for more columns.
    """
    seen = {} if view.status is None else {each.name: each for each in view.status.subscribers}
    ordered = sorted(view.subscribers, key=lambda each: (-each.dead, -each.waiting, -each.lag_events, each.name))
    columns = ("subscriber", "state", "kind", "lag", "lag age", "waiting", "dead")
    has_more = is_wide and view.status is not None
    more = ("delivered", "failed", "running") if has_more else ()
    states = tuple(state_of(each, seen.get(each.name), has_engine=view.status is not None) for each in ordered)
    rows = tuple(
        (*_subscriber(each, state), *(_subscriber_more(seen.get(each.name)) if has_more else ()))
        for each, state in zip(ordered, states, strict=True)
    )
    styles = tuple("green" if state == "running" else "yellow" for state in states)
    return Sheet((*columns, *more), rows, styles, texts=3)


def state_of(status: SubscriptionStatus, seen: SubscriberPicture | None, *, has_engine: bool) -> str:
    """Return what a subscription is doing; a dash where no engine is there to know it.

    Args:
        status: as the file says.
        seen: as the engine says; ``None`` where it does not run it.
        has_engine: whether an engine runs.
    """
    if status.disabled:
        return SubscriptionState.DISABLED.value
    if not has_engine:
        return "-"
    if seen is None:
        return SubscriptionState.ABSENT.value
    return (SubscriptionState.PAUSED if seen.is_paused else SubscriptionState.RUNNING).value


def _subscriber(each: SubscriptionStatus, state: str) -> tuple[str, ...]:
    return (
        printable(each.name, longest=_NAME_MAX),
        state,
        each.kind.value,
        f"{each.lag_events:,}",
        age_of(each.lag_s) if each.lag_events else "-",
        f"{each.waiting:,}",
        f"{each.dead:,}",
    )


def _subscriber_more(seen: SubscriberPicture | None) -> tuple[str, ...]:
    return ("-", "-", "-") if seen is None else (f"{seen.delivered:,}", f"{seen.failed:,}", f"{seen.running:,}")


def lines(sheet: Sheet, *, most: int) -> Iterator[tuple[str, str]]:
    """Yield each row as its first cell and the others in words, for screens too narrow for a table."""
    for row in sheet.rows[:most]:
        said = (f"{name} {cell}" for name, cell in zip(sheet.columns[1:], row[1:], strict=True))
        yield row[0], "  ".join(said)


def left_out(rows: Sequence[object], most: int) -> int:
    """Return how many rows there is no room for."""
    return max(0, len(rows) - most)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
