"""`aegispay sandbox` in a child process: started, killed at will, and started again on the same port and ledger."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.integration.command import arguments, environment

STOP_TIMEOUT_S = 30


class SandboxProcess:
    """The real command; use it in a `with` block, which starts and stops it.

    `port` stays the same over restarts: while no process runs, a socket that does not listen keeps it, so that
    connecting is refused and nobody else takes it.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.ledger = folder / "ledger.db"
        self.port = 0
        self._options = options
        self._child: subprocess.Popen[bytes] | None = None
        self._errors = folder / "sandbox.stderr"
        self._placeholder: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._let_go()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert self._child is None
        given = ("sandbox", "--port", str(self.port), "--ledger", str(self.ledger), *self._options)
        with self._errors.open("ab") as errors:
            self._child = subprocess.Popen(
                arguments(*given),
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.ledger.parent,
            )
        assert self._child.stdout is not None
        line = self._child.stdout.readline().decode()
        if not line.startswith("listening on "):
            self._reap()
            raise AssertionError(f"the sandbox did not start: {line!r} {self.errors()}")
        self.port = urlsplit(line.removeprefix("listening on ").strip()).port or 0
        self._let_go()

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        assert self._child is not None
        self._child.kill()
        self._reap()

    def stop(self) -> int | None:
        """End it in order; returns its exit code, or nothing if it was not running."""
        if self._child is None:
            return None
        self._child.send_signal(signal.SIGCONT)
        self._child.terminate()
        return self._reap()

    def restart(self) -> None:
        """Kill it, if it runs, and start it again on the same port and ledger."""
        if self._child is not None:
            self.kill()
        self.start()

    def errors(self) -> str:
        """Return what all its runs wrote to standard error."""
        return self._errors.read_text(errors="replace")

    def admin(self, method: str, path: str, content: Any = None) -> Any:
        """Return the answer of one of the operator's endpoints, such as ``/admin/ledger``."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=STOP_TIMEOUT_S) as client:
            answer = client.request(method, path, json=content)
        assert answer.is_success, answer.text
        return answer.json()

    def movements(self) -> list[dict[str, Any]]:
        """Return the truth: all money that moved."""
        return list(self.admin("GET", "/admin/ledger")["movements"])

    def requests(self) -> list[dict[str, Any]]:
        """Return the wire log."""
        return list(self.admin("GET", "/admin/requests")["requests"])

    def _reap(self) -> int:
        child = self._child
        assert child is not None
        assert child.stdout is not None
        code = child.wait(timeout=STOP_TIMEOUT_S)
        child.stdout.close()
        self._child = None
        self._hold()
        return code

    def _hold(self) -> None:
        if self.port == 0:
            return
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            held.bind(("127.0.0.1", self.port))
        self._placeholder = held

    def _let_go(self) -> None:
        if self._placeholder is not None:
            self._placeholder.close()
            self._placeholder = None
