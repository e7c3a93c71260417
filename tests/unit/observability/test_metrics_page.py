"""The page lists the instruments that there are."""

from __future__ import annotations

from aegispay.observability.semantics import INSTRUMENTS
from tests.checkout import ROOT, needs_checkout

pytestmark = needs_checkout

BEGIN, END = "<!-- instruments -->\n", "<!-- end of instruments -->"


def table() -> str:
    rows = ["| instrument | kind | unit | attributes | what it is |", "| --- | --- | --- | --- | --- |"]
    for each in INSTRUMENTS:
        attributes = ", ".join(f"`{name}`" for name in each.attributes)
        rows.append(f"| `{each.name}` | {each.kind} | `{each.unit}` | {attributes} | {each.description} |")
    return "\n".join(rows) + "\n"


def test_the_page_lists_every_instrument():
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    assert page.split(BEGIN)[1].split(END)[0] == table()
