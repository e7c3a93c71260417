"""Runs commands in processes of their own without starting Python anew: everything is imported once, each is a fork.

Argument: the path of the socket to listen at. It ends when its standard input does. A request is one line of JSON
(arguments, directory, environment) with the three standard streams as file descriptors; the reply is the process id, a
line, and then the exit code.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from typing import Any

from aegispay.cli import app, main

assert app, "imported for those that are forked"
_REQUEST_MAX = 1 << 20


def run(request: dict[str, Any], streams: list[int]) -> int:
    """Become the command; return its exit code."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["aegispay", *request["arguments"]]
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    else:
        code = 0
    # What an interpreter does at its end.
    threading._shutdown()
    atexit._run_exitfuncs()
    for said in (sys.stdout, sys.stderr):
        try:
            said.flush()
        except OSError:
            code = 120
    return code


def answer(connection: socket.socket) -> None:
    """Run what one connection asks for, and tell it how that ended."""
    message, streams, _, _ = socket.recv_fds(connection, _REQUEST_MAX, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(_REQUEST_MAX)
    pid = os.fork()
    if pid == 0:
        connection.close()
        os._exit(run(json.loads(message), streams))
    connection.sendall(f"{pid}\n".encode())
    connection.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())


def serve(path: str) -> None:
    """Fork for each connection until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        gc.freeze()
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(connection)
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    serve(sys.argv[1])
