"""What ships: the wheel, built by way of the sdist from a clean copy, and used where nothing else is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.checkout import FILES, ROOT, copy_to, needs_checkout
from tests.test_examples import expected_output

pytestmark = needs_checkout

FOLDERS = {"aegispay": "aegispay", "actors": "aegispay/actors", "supervision": "aegispay/supervision"}
"""Folders of the repository, and where their files are in a wheel."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder with the sdist and the wheel."""
    source = copy_to(tmp_path_factory.mktemp("source"))
    out = tmp_path_factory.mktemp("built")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)], folder=out)
    return out


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """Return the bin folder of an environment with the wheel and what it requires, and nothing else."""
    return environment(tmp_path_factory.mktemp("bare"), wheel, extras=())


@pytest.fixture(scope="module")
def with_cli(wheel, tmp_path_factory):
    return environment(tmp_path_factory.mktemp("with_cli"), wheel, extras=("cli",))


def run(command, *, folder, is_checked=True):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=clean | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not is_checked or done.returncode == 0, done.stdout + done.stderr
    return done


def environment(folder, wheel, *, extras):
    """Make a virtual environment of the wheel and what it declares to need, taken from this environment."""
    venv.create(folder, symlinks=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    run(pip, folder=folder)
    (ours,) = distributions(name="aegispay", path=[str(site_packages)])
    for name in sorted(required(ours, extras)):
        for top in {Path(file).parts[0] for file in distribution(name).files or ()} - {"..", "__pycache__"}:
            os.symlink(distribution(name).locate_file(top), site_packages / top)
    return folder / "bin"


def required(package, extras=()):
    """Return the names of all distributions that this one needs, directly or not."""
    found = set()
    for line in package.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in ("", *extras)):
            found |= {requirement.name} | required(distribution(requirement.name), requirement.extras)
    return found


def in_wheel(name):
    top, _, rest = name.partition("/")
    return f"{FOLDERS[top]}/{rest}"


def test_the_wheel_has_every_module_of_the_tree_and_no_other(contents):
    modules = {in_wheel(name) for name in FILES if name.endswith(".py") and name.split("/")[0] in FOLDERS}
    assert {name for name in contents if name.endswith(".py")} == modules


def test_the_wheel_has_every_data_file_of_the_tree(contents):
    data = {
        in_wheel(name)
        for name in FILES
        if name.split("/")[0] in FOLDERS and "." in name and not name.endswith((".py", ".md"))
    }
    assert data >= {"aegispay/py.typed", "aegispay/storage/schema.sql"}
    assert data <= contents


def test_nothing_but_aegispay_is_at_the_top_of_the_wheel(wheel, contents):
    assert {name.split("/")[0] for name in contents} == {"aegispay", "aegispay-0.1.0.dist-info"}
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("aegispay-0.1.0.dist-info/top_level.txt") == b"aegispay\n"


def test_the_wheel_carries_its_licence(contents):
    assert "aegispay-0.1.0.dist-info/licenses/LICENSE" in contents


def test_the_sdist_has_both_mapped_folders(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in FILES if name.startswith(("actors/", "supervision/"))} <= names


def test_the_quick_start_runs_on_the_wheel_and_what_it_requires(bare, tmp_path):
    done = run([bare / "python", "-P", ROOT / "examples/01_quickstart.py"], folder=tmp_path)
    assert done.stdout == expected_output("01_quickstart")


def test_what_is_imported_there_is_the_wheel(bare, tmp_path):
    code = "import aegispay, aegispay.actors, aegispay.supervision as s; print(aegispay.__file__, s.__file__)"
    done = run([bare / "python", "-c", code], folder=tmp_path)
    assert [Path(path).is_relative_to(bare.parent) for path in done.stdout.split()] == [True, True]


def test_no_other_name_is_importable_there(bare, tmp_path):
    for name in ("actors", "supervision", "tests"):
        done = run([bare / "python", "-c", f"import {name}"], folder=tmp_path, is_checked=False)
        assert f"No module named '{name}'" in done.stderr


def test_the_command_line_says_which_extra_it_needs(bare, tmp_path):
    done = run([bare / "aegispay", "--help"], folder=tmp_path, is_checked=False)
    assert done.returncode == 2
    assert done.stderr == 'The command line needs its extra: pip install "aegispay[cli]"\n'
    assert done.stdout == ""


def test_the_command_line_runs_with_its_extra(with_cli, tmp_path):
    done = run([with_cli / "aegispay", "--help"], folder=tmp_path)
    assert "Usage: aegispay" in done.stdout
    assert {"run", "payments", "show", "verify"} <= set(done.stdout.split())
