"""A supervisor of very many alike: it tells one bad child from a common cause, and costs the others nothing."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aegispay.actors import Actor, ActorRef, CellRef, ChildCrashed, ChildStopped, ControlMessage, StopReason
from aegispay.actors.cell import CellState
from aegispay.supervision.backoff import Backoff
from aegispay.supervision.errors import CommonCauseError
from aegispay.supervision.intensity import History, record_restart
from aegispay.supervision.report import Action, Report, Sink, ignore
from aegispay.supervision.spec import RestartIntensity
from aegispay.supervision.supervisor import GetTree
from aegispay.supervision.tree import Node

_SHOWN = 10
"""Crashed children shown in the tree: the picture is for a person."""


@dataclass(frozen=True, slots=True)
class _RestartNow(ControlMessage):
    """The pause before a restart is over."""

    ref: CellRef[Any]


@dataclass(slots=True)
class _Record:
    """What is remembered of a child that crashed."""

    ref: ActorRef[Any]
    history: History
    last_at: float


class DynamicSupervisor(Actor):
    """Supervises children that others spawn with this actor as their supervisor.

    Restarts count per child, so that one bad child ends alone. Different children that crash are counted
    separately: many at once have a common cause, which restarting them does not mend.

    Args:
        name: for reports.
        intensity: restarts of one child that are normal; beyond them it is stopped and `on_exhausted` is told.
        common_cause: different children crashing that are normal; beyond them this supervisor gives up.
        on_exhausted: gets the child's name and the last cause.
        count: how many children are alive, for the tree.
        children: all of them; looked through only when this supervisor itself was restarted.
        source: randomness of the pauses.
        sink: where reports go.
    """

    is_supervisor = True

    def __init__(
        self,
        name: str,
        *,
        intensity: RestartIntensity,
        common_cause: RestartIntensity,
        on_exhausted: Callable[[str, BaseException], None],
        count: Callable[[], int],
        children: Callable[[], Iterable[CellRef[Any]]],
        source: random.Random,
        backoff: Backoff | None = None,
        sink: Sink = ignore,
    ) -> None:
        super().__init__()
        self._name = name
        self._intensity = intensity
        self._common_cause = common_cause
        self._on_exhausted = on_exhausted
        self._count = count
        self._children = children
        self._source = source
        self._backoff = backoff if backoff is not None else Backoff()
        self._sink = sink
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._distinct: OrderedDict[str, float] = OrderedDict()

    def __repr__(self) -> str:
        """Show size and trouble."""
        return f"<DynamicSupervisor {self._name} children={self._count()} crashed={len(self._records)}>"

    def on_start(self) -> None:
        """Start again the children that were waiting for it when the instance before this one crashed."""
        if self.incarnation == 0:
            return
        for ref in self._children():
            if ref.cell.state is CellState.SUSPENDED:
                self._restart(ref)

    async def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case ChildCrashed():
                await self._crashed(message)
            case ChildStopped(ref):
                self._records.pop(ref.actor_urn, None)
            case _RestartNow(ref):
                self._restart(ref)
            case GetTree():
                return self._tree()
            case _:
                return super().on_receive(message)
        return None

    async def _crashed(self, crash: ChildCrashed) -> None:
        name = crash.ref.actor_urn
        now = self.system.loop.time()
        self._forget_quiet(now)
        self._check_common_cause(name, now, crash.cause)
        earlier = self._records.pop(name, None)
        history, is_exhausted = record_restart(earlier.history if earlier else (), now, self._intensity)
        self._report(Action.CRASHED, name, cause=crash.cause, restarts=len(history))
        if is_exhausted:
            self._report(Action.EXHAUSTED, name, cause=crash.cause, restarts=len(history))
            self._on_exhausted(name, crash.cause)
            await self.system.stop(crash.ref, reason=StopReason.CRASHED, timeout_s=1.0)
            return
        self._records[name] = _Record(crash.ref, history, now)
        delay_s = self._backoff.delay_s(len(history) - 1, self._source)
        self._report(Action.RESTARTING, name, cause=crash.cause, restarts=len(history), delay_s=delay_s)
        assert isinstance(crash.ref, CellRef)
        self.timers.start(name, _RestartNow(crash.ref), delay_s)

    def _restart(self, ref: CellRef[Any]) -> None:
        if ref.is_alive():
            self.system.restart(ref)
            self._report(Action.RESTARTED, ref.actor_urn)

    def _check_common_cause(self, name: str, now: float, cause: BaseException) -> None:
        self._distinct.pop(name, None)
        self._distinct[name] = now
        while now - next(iter(self._distinct.values())) >= self._common_cause.period_s:
            self._distinct.popitem(last=False)
        if len(self._distinct) > self._common_cause.restarts:
            self._report(Action.GAVE_UP, name, cause=cause, restarts=len(self._distinct))
            raise CommonCauseError(self._name, len(self._distinct), self._common_cause.period_s) from cause

    def _forget_quiet(self, now: float) -> None:
        while self._records:
            name, record = next(iter(self._records.items()))
            if now - record.last_at < self._intensity.period_s:
                return
            del self._records[name]

    def _report(
        self,
        action: Action,
        child: str,
        *,
        cause: BaseException | None = None,
        restarts: int = 0,
        delay_s: float = 0.0,
    ) -> None:
        self._sink(
            Report(
                at_s=self.system.loop.time(),
                supervisor=self._name,
                child=child,
                action=action,
                cause=None if cause is None else type(cause).__name__,
                restarts=restarts,
                delay_s=delay_s,
            )
        )

    def _tree(self) -> Node:
        shown = list(self._records.items())[-_SHOWN:]
        return Node(
            name=self._name,
            kind="dynamic",
            restarts=self.incarnation,
            note=f"[{self._count()} alive, {len(self._records)} crashed lately]",
            children=tuple(
                Node(name=name, kind="crashed lately", restarts=len(record.history)) for name, record in shown
            ),
        )
