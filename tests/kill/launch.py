"""The test's side of a launcher: hand it a task, read what the child says, kill or freeze the child."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.checkout import ROOT

_SHOWN = 5_000
"""Characters of what the children logged, shown with a failure."""


class Launcher:
    """One launcher process, for one child at a time; `module` holds what it can be told to do."""

    def __init__(self, module: str = "tests.kill.child") -> None:
        # A file: nobody reads it while the child runs, and a full pipe would stop the child.
        self._said = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - as long as the launcher
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kill.launcher", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            bufsize=1,
        )
        self.pid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and self.pid:
            self.send(signal.SIGKILL)
        self._process.communicate()
        with self._said:
            self._said.seek(0)
            if error is not None:
                error.add_note(self._said.read()[-_SHOWN:])

    def start(self, do: str, folder: Path, **task: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, "folder": str(folder), **task}) + "\n")

    def lines(self) -> Iterator[dict[str, Any]]:
        """Return what the child says, up to its end; the last line is of kind ``dead``."""
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            if line["kind"] == "start":
                self.pid = line["pid"]
            if line["kind"] == "dead":
                self.pid = 0
            yield line
            if line["kind"] == "dead":
                return

    def logged(self) -> str:
        """Return the end of what the children logged."""
        self._said.seek(0)
        return self._said.read()[-_SHOWN:]

    def send(self, number: signal.Signals) -> None:
        # Process 0 would be everybody, this test included.
        assert self.pid, "no child is running"
        # It may have ended although nobody has read that yet.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
