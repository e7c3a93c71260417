"""`aegispay --version`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from aegispay.cli.app import app


def test_the_version_is_that_of_the_package_and_ends_the_command():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"aegispay {project['version']}\n")
    assert CliRunner().invoke(app, ["--version", "payments", "--nonsense"]).stdout == done.stdout
