"""The parts of documents that are drawn from code: ``python -m tests.unit.domain.generated_docs`` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from aegispay.domain.pictures import invariants_table, to_mermaid, transitions_table

ROOT = Path(__file__).parents[3]
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "docs/state-machine.md": {
        "diagram": lambda: f"```mermaid\n{to_mermaid()}\n```",
        "transitions": transitions_table,
    },
    "docs/invariants.md": {"invariants": invariants_table},
}


def redrawn(name: str) -> str:
    """Return the document with its generated parts as the code has them now."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for part, draw in PARTS[name].items():
        begin, end = f"<!-- generated: {part} -->", f"<!-- end: {part} -->"
        pattern = re.compile(f"{begin}.*?{end}", flags=re.DOTALL)
        assert len(pattern.findall(text)) == 1, f"{name} needs {begin} and {end} once"
        before, after = pattern.split(text)
        text = f"{before}{begin}\n\n{draw()}\n\n{end}{after}"
    return text


def main() -> None:
    for name in PARTS:
        (ROOT / name).write_text(redrawn(name), encoding="utf-8")


if __name__ == "__main__":
    main()
