"""The day as a picture: what the gateways were worth, whom a strategy sent payers to, and what each strategy lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from benchmarks.day.contenders import FIXED, ORACLE, SHOWN
from benchmarks.day.simulation import Ledger
from benchmarks.day.svg import Frame, document, text
from benchmarks.day.traffic import Traffic
from benchmarks.day.world import DAY_S, NAMES, PROVIDERS, SEGMENTS, Provider

_WIDTH, _HEIGHT = 900, 830
_LEFT, _PLOT_WIDTH, _PLOT_HEIGHT = 60, 660, 190
_BINS = 144
"""Ten minutes each."""
_STEP_S = DAY_S / _BINS
_WORTH_LOW = 70
"""Percent; what is worth less is drawn at the bottom."""


def draw(traffic: Traffic, ledgers: Mapping[str, Ledger]) -> str:
    """Return the picture as SVG."""
    watched = SHOWN[-1]
    parts = [*_worth(_frame(0, _WORTH_LOW, 100)), *_shares(_frame(1, 0, 100), traffic, watched, ledgers[watched])]
    parts += _losses(traffic, ledgers)
    return document(_WIDTH, _HEIGHT, "A day of routed traffic", parts)


def _frame(row: int, low: float, high: float) -> Frame:
    top = 40 + row * (_PLOT_HEIGHT + 80)
    return Frame(left=_LEFT, top=top, width=_PLOT_WIDTH, height=_PLOT_HEIGHT, low=low, high=high)


def _troubles(frame: Frame) -> list[str]:
    return [
        part
        for provider in PROVIDERS
        for trouble in provider.troubles
        for part in frame.band(trouble.starts_s, trouble.ends_s, f"{provider.name} {trouble.kind.value}")
    ]


def _worth(frame: Frame) -> list[str]:
    title = "What each gateway was worth: charges of willing payers that it gets approved"
    parts = [*frame.grid(title, (70, 80, 90, 100), " %"), *_troubles(frame)]
    for index, provider in enumerate(PROVIDERS):
        points = [(step * _STEP_S, max(_WORTH_LOW, 100 * _average(provider, step * _STEP_S))) for step in range(_BINS)]
        parts += [
            text(frame.x((trouble.starts_s + trouble.ends_s) / 2), frame.top + 12, provider.name, anchor="middle")
            for trouble in provider.troubles
        ]
        parts.append(frame.line(points, index))
    return parts + _legend(frame, [(index, name) for index, name in enumerate(NAMES)])


def _average(provider: Provider, at: float) -> float:
    served = [segment for segment in SEGMENTS if segment.name in provider.approval]
    weight = sum(segment.share for segment in served)
    average = sum(segment.share * provider.approval_at(segment, at) for segment in served) / weight
    return average * (1.0 - provider.error_share_at(at) - provider.hang_share_at(at))


def _shares(frame: Frame, traffic: Traffic, name: str, ledger: Ledger) -> list[str]:
    title = f"Where {name} sent payments first"
    parts = frame.grid(title, (0, 25, 50, 75, 100), " %")
    edges = [traffic.number_at(step * _STEP_S) for step in range(_BINS + 1)]
    floor = [0.0] * _BINS
    for index in range(len(NAMES)):
        counts = [ledger.first[start:end].count(index) for start, end in pairwise(edges)]
        totals = [max(1, end - start) for start, end in pairwise(edges)]
        top = [low + 100 * count / total for low, count, total in zip(floor, counts, totals, strict=True)]
        parts.append(frame.area(_over_time(floor), _over_time(top), index))
        floor = top
    return parts + _troubles(frame) + _legend(frame, [(index, name) for index, name in enumerate(NAMES)])


def _over_time(values: Sequence[float]) -> list[tuple[float, float]]:
    return [((step + 0.5) * _STEP_S, value) for step, value in enumerate(values)]


def _losses(traffic: Traffic, ledgers: Mapping[str, Ledger]) -> list[str]:
    """Return the chart of what each strategy has lost to the oracle so far, in thousands of dollars."""
    fixed = max(FIXED, key=lambda name: sum(ledgers[name].net_usd))
    names = [*SHOWN, fixed]
    curves = {name: _lost(traffic, ledgers[ORACLE], ledgers[name]) for name in names}
    values = [value for curve in curves.values() for _, value in curve]
    step = _round_step(max(values))
    lines = [step * number for number in range(int(max(values) / step) + 2)]
    frame = _frame(2, min(0.0, *values), max(lines))
    parts = [*frame.grid("Lost to the oracle since midnight, thousand USD", lines, ""), *_troubles(frame)]
    parts += [frame.line(curve, index) for index, curve in enumerate(curves.values())]
    order = sorted(enumerate(names), key=lambda each: -curves[each[1]][-1][1])
    labels = {fixed: f"{fixed} (best fixed)"}
    return parts + _legend(frame, [(index, labels.get(name, name)) for index, name in order])


def _lost(traffic: Traffic, oracle: Ledger, ledger: Ledger) -> list[tuple[float, float]]:
    so_far = list(accumulate(best - got for best, got in zip(oracle.net_usd, ledger.net_usd, strict=True)))
    ends = [traffic.number_at(step * _STEP_S) for step in range(1, _BINS + 1)]
    return [
        (0.0, 0.0),
        *((step * _STEP_S, so_far[end - 1] / 1_000 if end else 0.0) for step, end in enumerate(ends, 1)),
    ]


def _round_step(largest: float) -> float:
    """Return a distance between lines such that about four fit."""
    rough = max(largest, 1e-9) / 4
    power = 1.0
    while power * 10 <= rough:
        power *= 10
    while power > rough:
        power /= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def _legend(frame: Frame, entries: Sequence[tuple[int, str]]) -> list[str]:
    x, y = frame.left + frame.width + 14, frame.top + 12
    return [text(x, y + 18 * row, f"■ {name}", kind=f"k{index}") for row, (index, name) in enumerate(entries)]
