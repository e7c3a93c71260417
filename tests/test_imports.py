"""What importing does, and does not do."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest

from tests.checkout import ROOT

EXTRAS = ("typer", "click", "rich", "uvloop")


def python(code, *, folder=ROOT):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("folder", ["actors", "supervision"])
def test_a_folder_imported_under_its_own_name_says_how_to_import_it(folder):
    done = python(f"import {folder}")
    assert done.returncode == 1
    assert f"ImportError: import aegispay.{folder}; the folder {folder}/ is mapped" in done.stderr


def test_the_folders_are_the_sub_packages():
    done = python("import aegispay.actors as a, aegispay.supervision as s; print(a.__name__, s.__name__)")
    assert (done.stdout, done.stderr) == ("aegispay.actors aegispay.supervision\n", "")


def test_the_library_works_without_the_packages_of_its_extras():
    done = python(
        f"import sys\n"
        f"sys.modules.update(dict.fromkeys({EXTRAS}))\n"
        f"import aegispay, aegispay.testing, aegispay.storage.verify, aegispay.gateways.ledger\n"
        f"print(aegispay.Money.of('1.00', 'EUR'))"
    )
    assert (done.stdout, done.stderr) == ("1.00 EUR\n", "")


def test_importing_the_library_loads_nothing_that_only_the_command_line_or_the_tests_need():
    # rich is not in this list: structlog itself loads it where it is installed.
    done = python("import sys, aegispay; print(*sys.modules)")
    loaded = set(done.stdout.split())
    assert "aegispay.engine" in loaded
    assert loaded & {"typer", "click", "uvloop", "pytest", "hypothesis", "unittest", "aegispay.cli"} == set()


def test_importing_the_library_starts_no_thread_and_no_loop_and_writes_nothing(tmp_path):
    done = python(
        "import threading, aegispay, aegispay.actors, logging\n"
        "print(threading.active_count(), logging.getLogger().handlers)",
        folder=tmp_path,
    )
    assert (done.stdout, done.stderr) == ("1 []\n", "")
    assert list(tmp_path.iterdir()) == []


def runtime_modules(name="__init__"):
    """Return the modules of actors/ that its generic face is made of."""
    seen, waiting = set(), [name]
    while waiting:
        source = (ROOT / "actors" / f"{waiting.pop()}.py").read_text(encoding="utf-8")
        found = set(re.findall(r"^\s*from aegispay\.actors\.(\w+) import", source, flags=re.MULTILINE)) - seen
        seen |= found
        waiting.extend(found)
    return seen


def test_every_module_of_the_runtime_is_under_its_import_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (runtime,) = [c for c in contracts if c["name"] == "the actor runtime knows no payments"]
    modules = runtime_modules()
    assert "cell" in modules
    assert "payment" not in modules
    assert set(runtime["source_modules"]) == {f"aegispay.actors.{name}" for name in modules}
