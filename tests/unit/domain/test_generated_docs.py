import pytest

from aegispay.domain.invariants import INVARIANTS
from aegispay.domain.pictures import invariants_table, to_mermaid, transitions_table
from aegispay.domain.state import PaymentState
from aegispay.domain.transitions import TRANSITIONS
from tests.unit.domain import generated_docs
from tests.unit.domain.generated_docs import PARTS, ROOT, redrawn


def committed(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PARTS)
def test_the_committed_document_is_what_the_code_says(name):
    stale = f"{name} is stale: run `python -m tests.unit.domain.generated_docs`"
    assert committed(name) == redrawn(name), stale


@pytest.mark.parametrize("name", PARTS)
def test_a_stale_document_is_noticed(name, monkeypatch):
    parts = {part: lambda draw=draw: draw() + "\nnew" for part, draw in PARTS[name].items()}
    monkeypatch.setitem(generated_docs.PARTS, name, parts)
    assert committed(name) != redrawn(name)


def test_every_state_is_explained():
    text = committed("docs/state-machine.md")
    assert [state for state in PaymentState if f"| `{state.upper()}` |" not in text] == []


def test_the_table_has_every_transition():
    lines = transitions_table().splitlines()[2:]
    for row in TRANSITIONS:
        sources = {str(row.source or "nothing"), "any"}
        assert [line for line in lines if f"`{row.event}`" in line and line.split(" | ")[0][2:] in sources], row
    assert len(lines) == len(set(lines))


def test_the_diagram_has_one_beginning_and_ends_where_nothing_follows():
    lines = [line.strip() for line in to_mermaid().splitlines()]
    assert [line for line in lines if line.startswith("[*]")] == ["[*] --> initiated: created"]
    assert {line.split(" ")[0] for line in lines if line.endswith("--> [*]")} == {"failure", "cancelled", "refunded"}


def test_every_invariant_is_listed():
    assert len(invariants_table().splitlines()) == 2 + len(INVARIANTS)
    assert all(each.statement in invariants_table() for each in INVARIANTS)
