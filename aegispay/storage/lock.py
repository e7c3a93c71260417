"""One engine per database: a lock file whose lock the operating system takes back when its holder dies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path

from aegispay.errors import StoreLockedError, StoreOpenError

if sys.platform == "win32":  # pragma: no cover - for hosts on Windows
    import msvcrt

    def _try_lock(file: TextIOWrapper) -> bool:
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(file: TextIOWrapper) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class FileLock:
    """The lock on one database. It names its holder, and outlives nobody: ``kill -9`` frees it too."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._database = database
        self._file: TextIOWrapper | None = None

    def acquire(self, *, now: datetime, is_takeover: bool = False) -> None:
        """Take the lock.

        Args:
            now: written into the file, for the next one who is refused.
            is_takeover: go on although another engine holds it; that one's commits are fenced from now on.

        Raises:
            StoreLockedError: another engine holds it; the message says who.
            StoreOpenError: the lock file cannot be written.
        """
        try:
            file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115 - it stays open as long as the engine
        except OSError as error:
            raise StoreOpenError(f"{self._path} cannot be written: {error.strerror}") from error
        if not _try_lock(file):
            holder = self._holder(file)
            file.close()
            if is_takeover:
                return
            raise StoreLockedError(f"{self._database} is open in another engine: {holder}")
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat()}, file)
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back. Idempotent."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    @staticmethod
    def _holder(file: TextIOWrapper) -> str:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            file.seek(0)
            held = json.load(file)
            return f"process {held['pid']} on {held['host']} since {held['since']}"
        return "its holder left no name"
