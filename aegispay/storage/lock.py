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
    """The lock on one database. It names its holder, and ``kill -9`` frees it too, unless a fork lives on."""

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
            file = self._lock_current() or (self._replace() if is_takeover else None)
            if file is None:
                raise StoreLockedError(f"{self._database} is open in another engine: {self._holder()}")
            self._file = file
            file.seek(0)
            file.truncate()
            json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat()}, file)
            file.flush()
        except OSError as error:
            self.release()
            raise StoreOpenError(f"{self._path} cannot be written: {error.strerror}") from error

    def release(self) -> None:
        """Give the lock back. Idempotent."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _lock_current(self) -> TextIOWrapper | None:
        while True:
            file = _open(self._path)
            if not _try_lock(file):
                file.close()
                return None
            if self._is_current(file):
                return file
            # Between opening and locking, somebody took over: this is the lock of the past.
            file.close()

    def _replace(self) -> TextIOWrapper:
        """Put a new lock in place of the one that is held, so that the next engine is refused in our name."""
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        file = _open(new)
        _try_lock(file)
        new.replace(self._path)
        return file

    def _is_current(self, file: TextIOWrapper) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def _holder(self) -> str:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            held = json.loads(self._path.read_text(encoding="utf-8"))
            return f"process {held['pid']} on {held['host']} since {held['since']}"
        return "its holder left no name"


def _open(path: Path) -> TextIOWrapper:
    return open(path, "a+", encoding="utf-8")
