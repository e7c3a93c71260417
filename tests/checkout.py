"""What belongs to the project: the files that are, or are about to be, in its repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINKS = {"aegispay/actors": "../actors", "aegispay/supervision": "../supervision"}


def _project_files() -> tuple[str, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return tuple(sorted(name for name in listed.stdout.split("\0") if (ROOT / name).is_file() or name in LINKS))


FILES = _project_files()
"""Paths relative to the root; empty where this is no git checkout."""

needs_checkout = pytest.mark.skipif(not FILES, reason="not a git checkout: what belongs to the project is not known")


def copy_to(folder: Path) -> Path:
    """Copy the project's files, and nothing else that lies about, as a fresh clone would have them."""
    for name in FILES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in LINKS:
            os.symlink(LINKS[name], target)
        else:
            shutil.copy2(ROOT / name, target)
    return folder
