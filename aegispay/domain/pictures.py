"""Pictures of the state machine, drawn from the table, so they cannot be out of date."""

from __future__ import annotations

from aegispay.domain.state import PaymentState
from aegispay.domain.transitions import TRANSITIONS, arrows


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


def _mark(state: PaymentState) -> str:
    if state is PaymentState.INITIATED:
        return " (initial)"
    return " (final)" if state.is_final else ""


def _exits(state: PaymentState) -> bool:
    return any(source is state for source, _, _ in arrows())


def _loops(state: PaymentState) -> list[str]:
    rows = [row for row in TRANSITIONS if row.source is state and row.target is state]
    return list(dict.fromkeys(row.when for row in rows))
