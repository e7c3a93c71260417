"""Whose file it is: the place of the database, and the epoch of whoever opened it last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aegispay.storage.writer import Writer

_EPOCH = "SELECT value FROM meta WHERE name = 'epoch'"


class SqliteStanding:
    """The part of the store that knows who owns it."""

    _path: Path
    _writer: Writer | None

    async def _select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        raise NotImplementedError

    @property
    def path(self) -> Path:
        """Where the file is; links are followed once it is open."""
        return self._path

    @property
    def owned(self) -> tuple[Path, int] | None:
        """The file and our epoch; ``None`` unless it is open for writing."""
        return None if self._writer is None else (self._path, self._writer.epoch)

    async def epoch(self) -> int:
        """Return the epoch of the engine that opened the file last, whether it still runs or not."""
        return int.from_bytes((await self._select(_EPOCH))[0][0])
