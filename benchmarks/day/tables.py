"""The day as two tables that a person can read, and that Markdown shows as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.day.contenders import FIXED, ORACLE, ROUND_ROBIN
from benchmarks.day.measures import MOVED_SHARE, Measured, Move

_MONEY = (
    "strategy", "authorized", "net of fees", "lost to the oracle", "over best fixed", "of the way", "fees", "p50",
    "p99", "calls each", "unknown",
)  # fmt: skip


def best_fixed(measured: Mapping[str, Measured]) -> Measured:
    """Return the fixed gateway that turned out best."""
    return max((measured[name] for name in FIXED), key=lambda each: each.net_usd)


def way_to_oracle(measured: Mapping[str, Measured], name: str) -> float:
    """Return how far a contender came from round robin (0) to the oracle (1), in money."""
    start, end = measured[ROUND_ROBIN].net_usd, measured[ORACLE].net_usd
    return (measured[name].net_usd - start) / (end - start)


def money_table(measured: Mapping[str, Measured]) -> str:
    """Return the table of what each contender earned, and how long payers waited."""
    oracle, fixed = measured[ORACLE], best_fixed(measured)
    rows = [
        (
            name,
            f"{each.paid_share:.2%}",
            f"{each.net_share:.2%}",
            f"{oracle.net_share - each.net_share:.2%}",
            f"{each.net_share - fixed.net_share:+.2%}",
            f"{way_to_oracle(measured, name):.0%}",
            f"{each.cost_bp / 100:.2f}%",
            f"{each.p50_s:.2f} s",
            f"{each.p99_s:.2f} s",
            f"{each.charges_per_payment:.2f}",
            f"{each.unknown_share:.2%}",
        )
        for name, each in measured.items()
    ]
    return _table(_MONEY, rows)


def move_table(measured: Mapping[str, Measured]) -> str:
    """Return the table of how fast traffic left a broken gateway and came back."""
    troubles = next(iter(measured.values())).moves
    head = ["strategy", *(f"{move.gateway} {move.trouble.kind.value}" for move in troubles)]
    rows = [(name, *(_said(move) for move in each.moves)) for name, each in measured.items()]
    return _table(head, rows)


def _said(move: Move) -> str:
    if move.share_before < MOVED_SHARE:
        return f"{move.share_before:.0%}, {move.hit:,} hit"
    away = "stays" if move.away_s is None else _duration(move.away_s)
    back = "-" if move.back_s is None else _duration(move.back_s)
    return f"{move.share_before:.0%}, {away}, {back}, {move.hit:,} hit"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    ruler = tuple("-" * width for width in widths)
    ruled = [lines[0], ruler, *lines[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in ruled
    )
