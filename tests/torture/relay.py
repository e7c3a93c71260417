"""One address for the providers' webhooks, behind which one engine after the other listens."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class Relay:
    """Passes each connection on to whoever listens now; use it in a `with` block.

    `target` is a port of this machine, or 0 while nobody listens: then connections are closed at once.
    """

    def __init__(self) -> None:
        self.target = 0
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(near, self.target), daemon=True).start()

    @staticmethod
    def _pass_on(near: socket.socket, target: int) -> None:
        with near, contextlib.suppress(OSError):
            if target == 0:
                return
            with socket.create_connection(("127.0.0.1", target), timeout=10) as far:
                back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                back.start()
                _pump(near, far)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
