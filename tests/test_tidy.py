"""The style that a reader may rely on, held by a test instead of by memory."""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.checkout import FILES, LINKS, ROOT, needs_checkout

pytestmark = needs_checkout

PRODUCT = ("aegispay", "actors", "supervision")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FILE_LINES_MEDIAN_MAX = 120
FUNCTION_LINES_MEDIAN_MAX = 8

TOP_LEVEL = {
    "pyproject.toml", "README.md", "aegispay", "actors", "supervision", "tests", "examples",
    "docs", "benchmarks", ".ci", "Makefile", "CHANGELOG.md", "LICENSE", ".gitignore",
}  # fmt: skip
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
NOTES = re.compile(r"\b(?:T[O]DO|F[I]XME|H[A]CK)\b|# *X[X]X\b")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/(?=\w)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*tops: str) -> list[Path]:
    return [ROOT / name for name in FILES if name.endswith(".py") and name.split("/")[0] in tops]


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def length(function: Function) -> int:
    """Return the lines of a function from its `def` to its end, docstring not counted."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_the_lengths_below_are_measured_on_real_files():
    assert len(python_files(*PRODUCT)) > 50
    assert len(python_files("tests")) > 10


def test_no_file_is_longer_than_a_reader_can_hold():
    found = {str(path.relative_to(ROOT)): line_count(path) for path in python_files(*PRODUCT, "tests", "examples")}
    assert {name: lines for name, lines in found.items() if lines > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_a_screen():
    long = {
        f"{where(path, function.lineno)} {function.name}": length(function)
        for path in python_files(*PRODUCT, "tests", "examples")
        for function in functions(parsed(path))
        if length(function) > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_the_usual_file_and_the_usual_function_are_small():
    paths = python_files(*PRODUCT)
    file_median = statistics.median(line_count(path) for path in paths)
    function_median = statistics.median(length(function) for path in paths for function in functions(parsed(path)))
    assert file_median <= FILE_LINES_MEDIAN_MAX
    assert function_median <= FUNCTION_LINES_MEDIAN_MAX


def test_no_notes_to_oneself_are_left():
    assert lines_matching(NOTES) == []


def test_no_path_of_one_machine_is_left():
    assert lines_matching(MACHINE_PATHS) == []


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for name in FILES:
        path = ROOT / name
        if name in LINKS:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{name}:{number}: {line.strip()}")
    return found


def test_no_module_is_named_after_nothing():
    parts = {part.removesuffix(".py") for name in FILES for part in name.split("/")}
    assert parts & EMPTY_NAMES == set()


def test_nothing_stands_at_the_top_that_the_layout_does_not_have():
    assert {name.split("/")[0] for name in FILES} - TOP_LEVEL == set()


def test_no_test_waits_for_real_time():
    found = [
        where(path, call.lineno)
        for path in python_files("tests")
        for call in ast.walk(parsed(path))
        if isinstance(call, ast.Call) and sleeps(call) and not (is_zero(call) or is_virtual(call, parsed(path)))
    ]
    assert found == []


def sleeps(call: ast.Call) -> bool:
    return ast.unparse(call.func) in {"sleep", "time.sleep", "asyncio.sleep"}


def is_zero(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def is_virtual(call: ast.Call, module: ast.Module) -> bool:
    """Return whether the call waits on a loop whose time jumps: the module takes one from the test tools."""
    imported = {node.module for node in module.body if isinstance(node, ast.ImportFrom)}
    return ast.unparse(call.func) == "asyncio.sleep" and "aegispay.testing" in imported


def test_the_library_prints_nothing():
    found = [
        where(path, call.lineno)
        for path in python_files(*PRODUCT)
        if "cli" not in path.relative_to(ROOT).parts
        for call in ast.walk(parsed(path))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"
    ]
    assert found == []


@pytest.mark.parametrize("name", ["actors", "supervision"])
def test_the_required_folders_are_real_and_flat(name):
    folder = ROOT / name
    assert folder.is_dir()
    assert not folder.is_symlink()
    assert [path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"] == []


@pytest.mark.parametrize(("link", "target"), LINKS.items())
def test_the_package_reaches_the_folders_through_relative_links(link, target):
    assert (ROOT / link).is_symlink()
    assert (ROOT / link).readlink().as_posix() == target


def test_the_list_of_packages_and_the_tree_are_the_same():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {"aegispay.actors": "actors", "aegispay.supervision": "supervision"}
    assert setuptools["package-dir"] == {"aegispay": "aegispay"} | folders
    in_tree = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for path in python_files("aegispay")
        if path.name == "__init__.py"
    }
    with_code = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in python_files("aegispay")}
    assert with_code == in_tree
    assert sorted(in_tree | set(folders)) == sorted(setuptools["packages"])


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".md")])
def test_a_document_has_one_title(name):
    lines = without_code((ROOT / name).read_text(encoding="utf-8"))
    assert [line for line in lines if line.startswith("# ")] == [lines[0]]


def without_code(text: str) -> list[str]:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).splitlines() or [""]
