"""The real command in a process of its own, and what its files say afterwards."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aegispay.gateways.ledger import FileLedger, charges
from tests.checkout import ROOT

TIMEOUT_S = 120
HEADER = "idempotency_key,amount,currency,method,token\n"


def environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "80", "PYTHONWARNINGS": "error", "TERM": "dumb"}


def arguments(*given: str) -> list[str]:
    return [sys.executable, "-m", "aegispay.cli", *given]


def aegispay(where: Path, *given: str, typed: str | bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a directory to its end, in a process of its own that need not import everything anew."""
    data = typed.encode() if isinstance(typed, str) else typed
    code, out, err = _forks().run(where, given, data)
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(arguments(*given), code, out, err)


@functools.cache
def _forks() -> Forks:
    forks = Forks(environment())
    atexit.register(forks.close)
    return forks


class Forks:
    """The process that the commands are forked from, see `command_server`."""

    def __init__(self, env: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="aegispay-")
        self._path = f"{self._folder.name}/commands"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.command_server", self._path],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"

    def run(self, where: Path, given: Sequence[str], data: bytes | None) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        request = {"arguments": given, "cwd": str(where), "environment": environment()}
        with contextlib.ExitStack() as stack:
            out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.settimeout(TIMEOUT_S)
            connection.connect(self._path)
            with _input(data) as typed:
                streams = [typed, out.fileno(), err.fileno()]
                message = json.dumps(request).encode() + b"\n"
                sent = socket.send_fds(connection, [message], streams)
                connection.sendall(message[sent:])
            replies = stack.enter_context(connection.makefile("r"))
            pid = int(replies.readline())
            try:
                code = int(replies.readline())
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return code, texts[0], texts[1]

    def close(self) -> None:
        """End it; what it has started goes on to its own end."""
        self._server.communicate()
        self._folder.cleanup()


@contextlib.contextmanager
def _input(data: bytes | None) -> Iterator[int]:
    """Open what the command reads from: nothing, or a pipe that gives these bytes and ends."""
    if data is None:
        with open(os.devnull, "rb") as nothing:
            yield nothing.fileno()
        return
    reading, writing = os.pipe()
    thread = threading.Thread(target=_write, args=(writing, data))
    thread.start()
    yield reading
    os.close(reading)
    # The command has the other end: it may read as slowly as it likes, or not to the end.


def _write(writing: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(writing, "wb") as pipe:
        pipe.write(data)


def start(where: Path, *given: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Start the command in a directory; the test ends it."""
    return subprocess.Popen(arguments(*given), cwd=where, env=environment(), **streams)


def write_orders(where: Path, count: int, name: str = "orders.csv") -> Path:
    """Write orders of which every tenth is declined."""
    tokens = ["tok_declined" if number % 10 == 9 else "tok_visa" for number in range(count)]
    rows = (f"order-{number},{number + 1}.00,USD,card,{token}\n" for number, token in enumerate(tokens))
    path = where / name
    path.write_text(HEADER + "".join(rows))
    return path


def write_gateways(where: Path, *, latency_ms: tuple[int, int]) -> Path:
    """Write two gateways that take some time."""
    tables = (f'[[gateway]]\nname = "{name}"\nlatency_ms = {list(latency_ms)}\n' for name in ("alpha", "beta"))
    path = where / "gateways.toml"
    path.write_text("".join(tables))
    return path


def results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def charge_counts(where: Path, database: str = "payments.db") -> Counter[int]:
    """Return how many payments the providers charged once, twice and so on; the books are the oracle."""
    ledger = FileLedger(where / f"{database}.providers")
    counts = Counter(len(entries) for entries in charges(ledger).values())
    ledger.close()
    return counts
