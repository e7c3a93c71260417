"""A ready subscriber that appends to a file, one JSON object per line."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from aegispay.outbox.envelope import PublicEvent, public_event, to_bytes
from aegispay.ports import StoredEvent
from aegispay.storage.batching import Batcher

_Line = tuple[str, bytes]
"""An event's id, and its line."""

_REMEMBERED_MAX = 20_000
"""Ids of lines written last; an event that comes again soon, as after a crash, is not written again."""
_TAIL_BYTES = 8 * 1024 * 1024
"""How much of a file that is there already is looked through for such ids."""
_READ_BYTES = 65_536
_BATCH_MAX = 500


class JsonLinesSink:
    """Appends each event to a file: ``aegis.subscribe("payment.*", JsonLinesSink("events.jsonl"), name="file")``.

    An event is on disk, synced, when its call returns; calls that wait at the same time share one sync. A line is never
    torn for long: what a crash or a full disk left of one is cut off before the next is written. An event that is
    delivered again is not written again if it is among the last 20,000 lines of this process, or in the last 8 MiB of
    the file. One sink at a time may write to a file. It may be renamed away at any time, to rotate it: it is opened
    anew for each write.

    Args:
        path: of the file, made when missing, readable by its owner only; its folder has to be there.
        render: what stands in a line; it needs an ``id``. `public_event` if not given.

    Raises:
        OSError: when called: the file cannot be written, or is no file of JSON lines.
    """

    def __init__(self, path: str | Path, *, render: Callable[[StoredEvent], PublicEvent] = public_event) -> None:
        self._path = Path(path)
        self._render = render
        self._writes: Batcher[_Line, None] = Batcher(self._write, batch_max=_BATCH_MAX)
        self._file = threading.Lock()
        self._known: OrderedDict[str, None] | None = None

    def __repr__(self) -> str:
        """Show the path."""
        return f"<JsonLinesSink {self._path}>"

    async def __call__(self, stored: StoredEvent) -> None:
        """Write the event, if it is not there already."""
        made = self._render(stored)
        await self._writes.ask((str(made["id"]), to_bytes(made) + b"\n"))

    async def _write(self, lines: list[_Line]) -> list[BaseException | None]:
        await asyncio.to_thread(self._write_in_turn, lines)
        return [None] * len(lines)

    def _write_in_turn(self, lines: list[_Line]) -> None:
        # A thread that a loop left behind when it ended may still be at it.
        with self._file:
            self._append(lines)

    def _append(self, lines: list[_Line]) -> None:
        is_new = not self._path.exists()
        with open(self._path, "a+b", buffering=0, opener=_owned) as file:
            end = _cut_torn_line(file)
            if self._known is None:
                self._known = _ids_before(file, end)
            fresh = {event_id: data for event_id, data in lines if event_id not in self._known}
            if fresh:
                _write_at(file, end, b"".join(fresh.values()))
        if is_new:
            _sync_folder(self._path.parent)
        self._remember(fresh)

    def _remember(self, event_ids: dict[str, bytes]) -> None:
        assert self._known is not None, "it was looked up before anything was written"
        self._known.update(dict.fromkeys(event_ids))
        while len(self._known) > _REMEMBERED_MAX:
            self._known.popitem(last=False)


def _owned(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_at(file: FileIO, end: int, data: bytes) -> None:
    """Append durably; when that fails, leave the file as it was."""
    try:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise


def _cut_torn_line(file: FileIO) -> int:
    """Return where the last whole line ends; what a crash left behind it was never said to be written."""
    size = file.seek(0, os.SEEK_END)
    end = _whole_lines_end(file, size)
    if end < size:
        if _read(file, end, end + 1) != b"{":
            raise OSError(errno.EINVAL, "ends with something that is no line of JSON", file.name)
        file.truncate(end)
    return end


def _whole_lines_end(file: FileIO, size: int) -> int:
    end = size
    while end > 0:
        # The last byte decides nearly always.
        begin = end - 1 if end == size else max(0, end - _READ_BYTES)
        found = _read(file, begin, end).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _ids_before(file: FileIO, end: int) -> OrderedDict[str, None]:
    begin = max(0, end - _TAIL_BYTES)
    lines = _read(file, begin, end).split(b"\n")
    found = map(_id_of, lines if begin == 0 else lines[1:])
    return OrderedDict.fromkeys(event_id for event_id in found if event_id is not None)


def _id_of(line: bytes) -> str | None:
    try:
        return str(json.loads(line)["id"])
    except (ValueError, TypeError, KeyError, RecursionError):  # somebody else's line
        return None


def _read(file: FileIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    parts: list[bytes] = []
    while begin < end and (part := file.read(end - begin)):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file durable, too, where folders can be synced."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
