"""Ctrl-C: the first one ends the run in order, the second one at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

_INTERRUPTED = 130
_SHOW_CURSOR = "\x1b[?25h"


@contextlib.contextmanager
def on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the running loop at the first Ctrl-C of the block; the second one ends the process.

    Ending it is safe at any instruction: what was acknowledged is on disk, and the next run goes on with the rest.
    """
    loop = asyncio.get_running_loop()

    def first() -> None:
        loop.add_signal_handler(signal.SIGINT, _leave)
        stop()

    try:
        loop.add_signal_handler(signal.SIGINT, first)
    except (NotImplementedError, RuntimeError, ValueError):  # Windows, or no main thread: Ctrl-C ends it the hard way
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _leave() -> None:
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
    os._exit(_INTERRUPTED)
