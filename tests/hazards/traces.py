"""Everything an engine leaves behind: files, log lines, errors with their causes, what objects show of themselves."""

from __future__ import annotations

import contextlib
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

_BETWEEN = re.compile(r"\\[nrt]|[^0-9A-Za-z]")
_ESCAPED = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")


class Traces(logging.Handler):
    """Keeps what was logged, raised and shown, each with the name of the input it came from.

    Attributes:
        taken: the inputs that took a secret without a word.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(0)
        self.folder = folder
        self.about = ""
        self.texts: list[tuple[str, str]] = []
        self.taken: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self._keep("log line", f"{record.getMessage()} {error}")

    def raised(self, error: BaseException) -> None:
        """Keep all that a host could print of an error, its causes included."""
        printed = "".join(traceback.format_exception(error))
        self._keep("error", f"{error!r} {error} {error.__dict__} {getattr(error, 'hint', '')} {printed}")

    def shown(self, thing: object) -> None:
        self._keep("repr", f"{thing!r} {thing}")

    def _keep(self, kind: str, text: str) -> None:
        self.texts.append((f"{kind} of {self.about}", text))

    def files(self) -> Iterator[tuple[str, str]]:
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield path.name, path.read_bytes().decode("utf-8", "replace")

    def leaks_of(self, secrets: Mapping[str, str]) -> list[str]:
        """Return which input's secret stands where, in whatever groups it is written."""
        places = [(place, _compact(text)) for place, text in (*self.texts, *self.files())]
        everything = "|".join(text for _, text in places)
        leaked = {name: _compact(secret) for name, secret in secrets.items() if _compact(secret) in everything}
        return sorted(f"{name}: in {place}" for name, said in leaked.items() for place, text in places if said in text)


def _compact(text: str) -> str:
    text = _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), text) if "\\" in text else text
    plain = text if text.isascii() else "".join(str(int(each)) if each.isdecimal() else each for each in text)
    return _BETWEEN.sub("", plain)


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[Traces]:
    """Watch all that is logged, at every level."""
    traces, root = Traces(folder), logging.getLogger()
    level = root.level
    root.addHandler(traces)
    root.setLevel(1)
    try:
        yield traces
    finally:
        root.setLevel(level)
        root.removeHandler(traces)
