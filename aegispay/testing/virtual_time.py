"""A loop whose time jumps instead of passing: hours of timers run in milliseconds, and one seed repeats a run."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlockError(Exception):
    """Nothing is ready and no timer is running: what is awaited can never happen."""


class _JumpingSelector(selectors.BaseSelector):
    """Waits by moving the loop's time to its next timer."""

    def __init__(self) -> None:
        self.loop: VirtualTimeLoop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert self.loop is not None
        if timeout is None:
            raise DeadlockError("nothing is ready and no timer is running")
        self.loop.advance(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop without real time, threads or sockets.

    Args:
        seed: shuffles what is ready at the same moment, the same way each time; ``None`` keeps the usual order.
    """

    def __init__(self, *, seed: int | None = None) -> None:
        self._now = 0.0
        self._order = None if seed is None else random.Random(seed)  # noqa: S311 - the point is to repeat it
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.loop = self
        # Seconds. asyncio's own, a billionth, is lost in the float after half a year, and the loop would never advance.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += max(0.0, seconds)

    def _run_once(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        if self._order is not None and len(ready) > 1:
            shuffled = list(ready)
            self._order.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]


class VirtualClock:
    """The `Clock` of a virtual loop."""

    def __init__(self, loop: VirtualTimeLoop, *, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> datetime:
        """Return the start plus the loop's time."""
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Return the loop's time."""
        return self._loop.time()


def running_clock() -> VirtualClock:
    """Return the clock of the virtual loop that is running."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualTimeLoop):
        raise TypeError("this is not a VirtualTimeLoop; start with run_virtual")
    return VirtualClock(loop)


def run_virtual(main: Coroutine[Any, Any, T], *, seed: int | None = None) -> T:
    """Run a coroutine on a fresh `VirtualTimeLoop` and return its result.

    Raises:
        DeadlockError: it waits for something that cannot happen.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(seed=seed)) as runner:
        return runner.run(main)
