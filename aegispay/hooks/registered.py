"""A registered hook, and how it has been doing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aegispay.domain.hook_kind import HookKind
from aegispay.hooks.hook import Hook
from aegispay.hooks.kinds import OnFailure


@dataclass(slots=True)
class HookCounts:
    """Since the hook was registered.

    Attributes:
        called: times it was asked or told.
        failed: times it raised, answered nonsense, or did not answer in time.
        timed_out: those of them that did not answer in time.
        refused: times its verdict refused, blocked, or asked for a review, the one for its failure included.
        dropped: events or measurements it was not told, because too many were waiting.
    """

    called: int = 0
    failed: int = 0
    timed_out: int = 0
    refused: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HookReport:
    """What `aegis.hooks.list()` says of a hook; the counts are those of `HookCounts`."""

    name: str
    kind: HookKind
    priority: int
    deadline_s: float
    on_failure: OnFailure
    is_enabled: bool
    called: int
    failed: int
    timed_out: int
    refused: int
    dropped: int


class Registered:
    """A hook in the registry."""

    __slots__ = ("_room", "counts", "hook", "is_enabled", "number")

    def __init__(self, hook: Hook, number: int) -> None:
        self.hook = hook
        self.number = number
        self.is_enabled = hook.is_enabled
        self.counts = HookCounts()
        self._room: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    def room(self, size: int) -> asyncio.Semaphore:
        """Return what bounds the calls under way on the running loop."""
        loop = asyncio.get_running_loop()
        if self._room is None or self._room[0] is not loop:
            self._room = (loop, asyncio.Semaphore(size))
        return self._room[1]

    def report(self) -> HookReport:
        """Return settings and counts."""
        hook, counts = self.hook, self.counts
        assert hook.on_failure is not None, "put in by the hook itself"
        return HookReport(
            name=hook.name,
            kind=hook.kind,
            priority=hook.priority,
            deadline_s=hook.deadline_s,
            on_failure=hook.on_failure,
            is_enabled=self.is_enabled,
            called=counts.called,
            failed=counts.failed,
            timed_out=counts.timed_out,
            refused=counts.refused,
            dropped=counts.dropped,
        )
