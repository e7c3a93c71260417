"""A ready subscriber that prints."""

from __future__ import annotations

import asyncio
import sys
from typing import TextIO

from aegispay.outbox.envelope import public_event, timestamp, to_bytes
from aegispay.ports import StoredEvent
from aegispay.storage.batching import Batcher

_BATCH_MAX = 100


class ConsoleSink:
    """Prints one line per event: ``aegis.subscribe("payment.*", ConsoleSink(), name="console")``.

    Args:
        stream: where to; standard output, whatever it is at that time, for ``None``.
        is_json: print the published event as JSON, instead of when, which payment, which event.
    """

    def __init__(self, stream: TextIO | None = None, *, is_json: bool = False) -> None:
        self._stream = stream
        self._is_json = is_json
        self._lines: Batcher[str, None] = Batcher(self._print, batch_max=_BATCH_MAX)

    async def __call__(self, stored: StoredEvent) -> None:
        """Print the event. It is written when this returns; a reader that has gone away is an `OSError`."""
        line = to_bytes(public_event(stored)).decode() if self._is_json else _line(stored)
        await self._lines.ask(f"{line}\n")

    async def _print(self, lines: list[str]) -> list[BaseException | None]:
        # In a thread: a terminal that is not read would stop the loop.
        await asyncio.to_thread(self._write, "".join(lines))
        return [None] * len(lines)

    def _write(self, text: str) -> None:
        stream = sys.stdout if self._stream is None else self._stream
        stream.write(text)
        stream.flush()


def _line(stored: StoredEvent) -> str:
    return f"{timestamp(stored.event.at)} {stored.payment_id} {stored.version:>3} {stored.event.type}"
