"""Where a database may lie, checked before anything is touched."""

from __future__ import annotations

from pathlib import Path

from aegispay.errors import StoreOpenError


def locate(path: str | Path, *, must_exist: bool) -> Path:
    """Return the file a path means, links followed, so that one database has one name.

    Raises:
        StoreOpenError: no database can be there.
    """
    if str(path) == ":memory:":
        raise StoreOpenError(":memory: is lost with the process", hint="Use MemoryStore() in tests, or a path.")
    try:
        file = Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise StoreOpenError(f"{str(path)!r} is no path: {error}", hint="Check the path.") from error
    if file.is_dir():
        raise StoreOpenError(f"{file} is a directory", hint="Name a file in it.")
    if must_exist and not file.is_file():
        raise StoreOpenError(f"{file} does not exist or is no file", hint="Check the path.")
    if not file.parent.is_dir():
        raise StoreOpenError(f"{file.parent} does not exist", hint="Make the directory first.")
    return file
