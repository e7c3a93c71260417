"""Lines of a file, read and decoded one by one, so that a bad line is that line's problem only."""

from __future__ import annotations

from collections import deque
from typing import BinaryIO

LINE_BYTES_MAX = 1_048_576
"""A payment request is a few hundred bytes; beyond a mebibyte the file is something else."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


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
        self._again: deque[tuple[int, str | BadLineError]] = deque()
        self._record: list[tuple[int, str | BadLineError]] = []
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
        if isinstance(line, BadLineError):
            raise line
        return line

    @property
    def record_lines(self) -> int:
        """How many lines were handed out since `begin_record`."""
        return len(self._record)

    def begin_record(self) -> None:
        """Remember the lines from here on."""
        self._record = []

    def rewind(self, *, keep: int = 0) -> None:
        """Hand the remembered lines out again, bad ones included, all but the first `keep`."""
        self._again.extendleft(reversed(self._record[keep:]))
        self._record = []

    def _read_line(self) -> tuple[int, str | BadLineError]:
        raw = self._stream.readline(LINE_BYTES_MAX)
        if not raw:
            raise StopIteration
        self._read += 1
        return self._read, self._decode(raw)

    def _decode(self, raw: bytes) -> str | BadLineError:
        if len(raw) >= LINE_BYTES_MAX and not raw.endswith(b"\n"):
            self._skip_rest()
            return BadLineError(self._read, f"is longer than {LINE_BYTES_MAX:,} bytes")
        if self._read == 1:
            if raw.startswith(_UTF16_MARKS):
                return BadLineError(self._read, "is UTF-16; save the file as UTF-8")
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            return BadLineError(self._read, f"is not UTF-8: byte {error.start + 1} cannot be decoded")

    def _skip_rest(self) -> None:
        while (raw := self._stream.readline(LINE_BYTES_MAX)) and not raw.endswith(b"\n"):
            pass
