"""Pictures and tables of the state machine and its rules, drawn from the code, so they cannot be out of date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aegispay.domain.invariants import INVARIANTS
from aegispay.domain.state import PaymentState
from aegispay.domain.transitions import TRANSITIONS, Transition, arrows


def to_mermaid() -> str:
    """Return a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    for source, target, words in arrows():
        lines.append(f"    {source or '[*]'} --> {target}: {words}")
    lines.extend(f"    {state} --> [*]" for state in PaymentState if not _exits(state))
    return "\n".join(lines)


def to_dot() -> str:
    """Return a Graphviz digraph; final states are double circles."""
    lines = ["digraph payment {", "    rankdir=LR;", '    start [shape=point, label=""];']
    for state in PaymentState:
        shape = "doublecircle" if state.is_final else "circle"
        lines.append(f'    {state} [shape={shape}, label="{state}"];')
    for source, target, words in arrows():
        lines.append(f'    {source or "start"} -> {target} [label="{words}"];')
    return "\n".join([*lines, "}"])


def to_text() -> str:
    """Return a plain list: every state, its arrows, and what it records without moving."""
    lines: list[str] = []
    for state in PaymentState:
        lines.append(f"{state.upper()}{_mark(state)}")
        lines.extend(f"    -> {target.upper()}: {words}" for source, target, words in arrows() if source is state)
        loops = _loops(state)
        if loops:
            lines.append(f"    stays: {', '.join(loops)}")
    return "\n".join(lines)


def transitions_table() -> str:
    """Return every transition as a Markdown table; what is possible in every state takes one row."""
    everywhere = [row for row in TRANSITIONS if _is_everywhere(row)]
    rows = [_cells(row, row.source or "nothing", row.target) for row in TRANSITIONS if row not in everywhere]
    rows += dict.fromkeys(_cells(row, "any", "the same") for row in everywhere)
    return _markdown(("from", "event", "to", "when", "commands"), rows)


def invariants_table() -> str:
    """Return every invariant as a Markdown table."""
    return _markdown(("number", "what holds"), ((each.number, each.statement) for each in INVARIANTS))


def _is_everywhere(row: Transition) -> bool:
    loops = {other.source for other in TRANSITIONS if other.event is row.event and other.source is other.target}
    return loops == set(PaymentState)


def _cells(row: Transition, source: str, target: str) -> tuple[str, ...]:
    return source, f"`{row.event}`", target, row.when, ", ".join(row.commands)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mark(state: PaymentState) -> str:
    if state is PaymentState.INITIATED:
        return " (initial)"
    return " (final)" if state.is_final else ""


def _exits(state: PaymentState) -> bool:
    return any(source is state for source, _, _ in arrows())


def _loops(state: PaymentState) -> list[str]:
    rows = [row for row in TRANSITIONS if row.source is state and row.target is state]
    return list(dict.fromkeys(row.when for row in rows))
