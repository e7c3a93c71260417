"""The examples do what they say, to the letter, in an empty directory."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.checkout import ROOT

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("[0-9]*.py"))
LINES_MAX = 60


def expected_output(example: str) -> str:
    return (ROOT / "examples" / f"{example}.txt").read_text(encoding="utf-8")


def test_every_example_is_numbered_without_a_gap():
    assert [int(name[:2]) for name in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_prints_what_stands_beside_it(example, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / f"{example}.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout == expected_output(example)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_fits_on_a_page(example):
    assert len((ROOT / "examples" / f"{example}.py").read_text(encoding="utf-8").splitlines()) < LINES_MAX
