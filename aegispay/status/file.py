"""The file beside the database: replaced as a whole, believed by nobody without a look at its age and epoch."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pydantic

from aegispay.status.picture import EngineStatus

_BYTES_MAX = 4_000_000
"""Far more than a thousand gateways and a thousand subscribers need."""


def status_path(database: Path) -> Path:
    """Return where the picture of the engine that has this database open lies."""
    return database.with_name(database.name + "-status.json")


@dataclass(frozen=True, slots=True)
class StatusReading:
    """What was found there.

    Attributes:
        status: the picture; ``None`` where there is none, or none that can be read.
        problem: why it cannot be read; empty otherwise.
    """

    status: EngineStatus | None = None
    problem: str = ""


def read_status(database: Path) -> StatusReading:
    """Return the picture beside the database, whoever wrote it and however old it is."""
    path = status_path(database)
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except FileNotFoundError:
        return StatusReading()
    except OSError as error:
        return StatusReading(problem=f"{path.name} cannot be read: {error.strerror}")
    if len(data) > _BYTES_MAX:
        return StatusReading(problem=f"{path.name} is too large to be a status")
    try:
        return StatusReading(EngineStatus.model_validate_json(data))
    except pydantic.ValidationError:
        return StatusReading(problem=f"{path.name} was not written by this version of aegispay")


class StatusFile:
    """Writes the picture for one engine, as long as no later one has the database.

    Args:
        database: beside which it lies.
        epoch: of the engine's ownership.
    """

    def __init__(self, database: Path, epoch: int) -> None:
        self._database = database
        self._path = status_path(database)
        self._draft = self._path.with_name(self._path.name + ".tmp")
        self._epoch = epoch

    def write(self, status: EngineStatus) -> None:
        """Put the picture in place of the one before; not synced, for after a crash it says nothing anyway.

        Raises:
            OSError: it cannot be written.
        """
        if self._epoch_found() <= self._epoch:
            self._draft.write_text(status.model_dump_json(), encoding="utf-8")
            self._draft.replace(self._path)

    def remove(self) -> None:
        """Take our picture away; that of a later engine stays.

        Raises:
            OSError: it cannot be removed.
        """
        if self._epoch_found() == self._epoch:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    def _epoch_found(self) -> int:
        status = read_status(self._database).status
        return -1 if status is None else status.epoch
