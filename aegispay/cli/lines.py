"""Lines of a file, read and decoded one by one, so that a bad line is that line's problem only."""

from __future__ import annotations

from collections import deque
from typing import BinaryIO

LINE_BYTES_MAX = 1_048_576
"""A payment request is a few hundred bytes; beyond a mebibyte the file is something else."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BadLineError(Exception):
    """A line that cannot be read; the lines after it can.

    Attributes:
        line: its number, from 1.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class Lines:
    """An iterator over decoded lines, with their ends; it goes on after it raised.

    Attributes:
        number: of the line handed out last, from 1.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._again: deque[tuple[int, str]] = deque()
        self._record: list[tuple[int, str]] = []
        self._read = 0
        self.number = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        """Return the next line.

        Raises:
            BadLineError: it is not UTF-8, or far too long.
        """
        self.number, line = self._again.popleft() if self._again else self._read_line()
        self._record.append((self.number, line))
        return line

    @property
    def record_lines(self) -> int:
        """How many lines were handed out since `begin_record`."""
        return len(self._record)

    def begin_record(self) -> None:
        """Remember the lines from here on."""
        self._record = []

    def rewind(self, *, keep: int = 0) -> None:
        """Hand the remembered lines out again, all but the first `keep`."""
        self._again.extendleft(reversed(self._record[keep:]))
        self._record = []

    def _read_line(self) -> tuple[int, str]:
        raw = self._stream.readline(LINE_BYTES_MAX)
        if not raw:
            raise StopIteration
        self._read += 1
        if len(raw) >= LINE_BYTES_MAX and not raw.endswith(b"\n"):
            self._skip_rest()
            raise BadLineError(self._read, f"is longer than {LINE_BYTES_MAX:,} bytes")
        if self._read == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        try:
            return self._read, raw.decode()
        except UnicodeDecodeError as error:
            raise BadLineError(self._read, f"is not UTF-8: byte {error.start + 1} cannot be decoded") from None

    def _skip_rest(self) -> None:
        while (raw := self._stream.readline(LINE_BYTES_MAX)) and not raw.endswith(b"\n"):
            pass
