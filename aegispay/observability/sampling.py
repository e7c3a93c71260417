"""Lines that repeat: the first is written, then fewer and fewer, each with the number that was left out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Self

from aegispay.observability.lines import LineLogger

FIRST_S = 1.0
LONGEST_S = 300.0
KEYS_MAX = 1_000

_ABOUT = ("gateway", "hook", "subscriber", "endpoint", "operation", "state", "supervisor", "error", "reason", "kind")
"""Fields that make two lines of one event different: an outage of one gateway does not hide another one's."""


@dataclass(slots=True)
class _Repeated:
    written_s: float
    pause_s: float
    left_out: int = 0


class Repeats:
    """Decides which of the lines that repeat are written: at most one in 1, 2, 4 … 300 seconds for each key.

    After a quiet time, 300 s longer than the pause, a key counts as new. Remembers a bounded number of keys: whoever
    can make up names, such as the sender of forged webhooks, cannot fill the memory.
    """

    def __init__(
        self,
        now_s: Callable[[], float],
        *,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        keys_max: int = KEYS_MAX,
    ) -> None:
        self._now_s = now_s
        self._first_s = first_s
        self._longest_s = longest_s
        self._keys_max = keys_max
        self._known: OrderedDict[Hashable, _Repeated] = OrderedDict()

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._known)

    def count(self, key: Hashable) -> int | None:
        """Count one line; return how many were left out since the last that was written, ``None`` to leave it out."""
        now_s = self._now_s()
        known = self._known.get(key)
        if known is None or now_s - known.written_s > known.pause_s + self._longest_s:
            left_out = 0 if known is None else known.left_out
            self._remember(key, _Repeated(now_s, self._first_s))
            return left_out
        if now_s - known.written_s < known.pause_s:
            known.left_out += 1
            return None
        left_out, known.left_out = known.left_out, 0
        known.written_s, known.pause_s = now_s, min(known.pause_s * 2, self._longest_s)
        self._known.move_to_end(key)
        return left_out

    def _remember(self, key: Hashable, made: _Repeated) -> None:
        self._known[key] = made
        self._known.move_to_end(key)
        if len(self._known) > self._keys_max:
            self._known.popitem(last=False)


class SampledLogger(LineLogger):
    """Writes lines like `LineLogger`; those that repeat become fewer, and say ``left_out``."""

    __slots__ = ("_repeats",)

    def __init__(self, name: str, fields: dict[str, Any] | None = None, *, repeats: Repeats) -> None:
        super().__init__(name, fields)
        self._repeats = repeats

    def bind(self, **fields: Any) -> Self:
        """Return a logger whose lines have these fields too, and are counted with this one's."""
        return type(self)(self._name, {**self._fields, **fields}, repeats=self._repeats)

    def _is_wanted(self, level: int, event: str, fields: dict[str, Any]) -> bool:
        said = {**self._fields, **fields}
        left_out = self._repeats.count((level, event, *(_kind(said.get(name)) for name in _ABOUT)))
        if left_out:
            fields["left_out"] = left_out
        return left_out is not None


def _kind(value: object) -> str:
    # The first word: what follows differs from line to line, such as the id in an error's text.
    return str(value).partition(" ")[0][:60]
