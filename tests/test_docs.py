"""The documents are true: links lead somewhere, code compiles and runs, copied files are copies."""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.checkout import FILES, ROOT, needs_checkout

pytestmark = needs_checkout

DOCUMENTS = [name for name in FILES if name.endswith(".md")]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(
    r"(?:^<!-- (?P<file>\S+) -->\n)?^```(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", flags=re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """A fenced block: ``python runnable`` as kind means that the block is a whole program."""

    document: str
    line: int
    file: str | None
    kind: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks():
    for document in DOCUMENTS:
        text = read(document)
        for found in FENCE.finditer(text):
            line = text.count("\n", 0, found.start("code")) + 1
            yield Block(document, line, found["file"], found["kind"].strip(), found["code"])


BLOCKS = list(blocks())
PYTHON = [block for block in BLOCKS if block.kind.split(" ")[0] == "python"]
RUNNABLE = [block for block in BLOCKS if block.kind == "python runnable"]
COPIES = [block for block in BLOCKS if block.file is not None]


def by_place(block):
    return block.place


def anchors(name):
    """Return what a link to a heading of the document may say, as code hosts derive it."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", read(name)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_relative_links_lead_somewhere(name):
    broken = []
    for link in LINK.findall(FENCE.sub("", read(name))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
        if not (ROOT / target).exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("block", PYTHON, ids=by_place)
def test_python_in_a_document_compiles(block):
    compile(block.code, block.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("block", RUNNABLE, ids=by_place)
def test_a_program_in_a_document_runs(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(block.code, block.place, "exec"), {"__name__": "__main__"})
    following = next((b for b in BLOCKS if b.document == block.document and b.line > block.line), None)
    expected = following.code if following is not None and following.kind == "text" else ""
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("block", COPIES, ids=by_place)
def test_a_copy_of_a_file_in_a_document_is_that_file(block):
    assert block.code == read(block.file)


def test_the_documents_do_have_programs_and_copies():
    assert len(RUNNABLE) >= 3
    assert "examples/05_a_gateway_of_your_own.py" in {block.file for block in COPIES}


def test_the_readme_starts_with_the_first_example_and_what_it_prints():
    in_readme = [block for block in BLOCKS if block.document == "README.md"]
    start = next(number for number, block in enumerate(in_readme) if block in PYTHON)
    example, printed = in_readme[start : start + 2]
    assert example.code == read("examples/01_quickstart.py")
    assert printed.code == read("examples/01_quickstart.txt")


def test_the_index_lists_every_page():
    listed = {str((Path("docs") / link).as_posix()) for link in LINK.findall(read("docs/index.md"))}
    pages = {name for name in DOCUMENTS if name.startswith("docs/")} - {"docs/index.md"}
    assert pages - listed == set()


DECISIONS = [name for name in DOCUMENTS if name.startswith("docs/decisions/")]


def test_decisions_are_numbered_without_a_gap():
    assert [int(Path(name).name[:4]) for name in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_says_why_what_and_what_follows(name):
    text = read(name)
    assert text.startswith(f"# {Path(name).name[:4]}. ")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]
