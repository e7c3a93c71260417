"""A supervisor of very many alike: it tells one bad child from a common cause, and costs the others nothing."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aegispay.actors import Actor, ActorRef, CellRef, ChildCrashed, ChildStopped, ControlMessage, StopReason
from aegispay.actors.state import CellState
from aegispay.supervision.backoff import Backoff
from aegispay.supervision.errors import CommonCauseError
from aegispay.supervision.intensity import History, recent, record_restart
from aegispay.supervision.report import Action, Reporter, Sink, ignore
from aegispay.supervision.spec import RestartIntensity
from aegispay.supervision.supervisor import GetTree
from aegispay.supervision.tree import Node

_SHOWN = 10
"""Crashed children shown in the tree: the picture is for a person."""


@dataclass(frozen=True, slots=True)
class _RestartNow(ControlMessage):
    """The pause before a restart is over."""

    ref: ActorRef[Any]


class DynamicSupervisor(Actor):
    """Supervises children that others spawn with this actor as their supervisor.

    Restarts count per child, so that one bad child ends alone. Different children that crash are counted
    separately: many at once have a common cause, which restarting them does not mend. When this supervisor itself is
    restarted, its children live on, and those that wait for a restart get it from the next incarnation.

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
        self._report = Reporter(name, sink, self._now)
        self._records: OrderedDict[str, History] = OrderedDict()
        self._distinct: OrderedDict[str, float] = OrderedDict()

    def __repr__(self) -> str:
        """Show size and trouble."""
        return f"<DynamicSupervisor {self._name} children={self._count()} crashed={len(self._records)}>"

    def on_start(self) -> None:
        """Take over the children that the incarnation before this one left waiting."""
        if self.incarnation == 0:
            return
        for ref in self._children():
            if ref.cell.state is CellState.SUSPENDED:
                # By a timer, which a crash of this child that still waits in the mailbox replaces by its own.
                self.timers.start(ref, _RestartNow(ref), 0.0)

    async def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case ChildCrashed():
                await self._crashed(message)
            case ChildStopped():
                self._stopped(message)
            case _RestartNow(ref):
                self._restart(ref)
            case GetTree():
                return self.node()
            case _:
                return super().on_receive(message)
        return None

    def _stopped(self, stop: ChildStopped) -> None:
        self.timers.cancel(stop.ref)
        if stop.reason is not StopReason.PASSIVATED:
            # Put away and started again is still the same child; ended is not.
            self._records.pop(stop.ref.actor_urn, None)

    async def _crashed(self, crash: ChildCrashed) -> None:
        name, now = crash.ref.actor_urn, self._now()
        self._forget_quiet(now)
        history, is_exhausted = record_restart(self._records.pop(name, ()), now, self._intensity)
        self._report(Action.CRASHED, name, cause=crash.cause, restarts=len(history))
        self._check_common_cause(name, now, crash.cause)
        if not crash.ref.is_alive():
            return
        if is_exhausted:
            await self._exhausted(crash, restarts=len(history))
            return
        self._records[name] = history
        delay_s = self._backoff.delay_s(len(history) - 1, self._source)
        self._report(Action.RESTARTING, name, cause=crash.cause, restarts=len(history), delay_s=delay_s)
        self.timers.start(crash.ref, _RestartNow(crash.ref), delay_s)

    async def _exhausted(self, crash: ChildCrashed, *, restarts: int) -> None:
        name = crash.ref.actor_urn
        self._report(Action.EXHAUSTED, name, cause=crash.cause, restarts=restarts)
        try:
            # Told before the last askers hear that it is dead, so that they find out why when they ask again.
            self._on_exhausted(name, crash.cause)
        except Exception as error:  # noqa: BLE001 - the child ends all the same, and the others go on
            self.system.log_failure(self, error)
        await self.system.stop(crash.ref, reason=StopReason.CRASHED, timeout_s=1.0)

    def _restart(self, ref: ActorRef[Any]) -> None:
        if ref.is_alive():
            self.system.restart(ref)
            history = self._records.get(ref.actor_urn, ())
            self._report(Action.RESTARTED, ref.actor_urn, restarts=len(recent(history, self._now(), self._intensity)))

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
            name, history = next(iter(self._records.items()))
            if now - history[-1] < self._intensity.period_s:
                return
            del self._records[name]

    def _now(self) -> float:
        return self.system.loop.time()

    def node(self) -> Node:
        """Return this supervisor and the children that crashed lately."""
        self._forget_quiet(self._now())
        shown = list(self._records.items())[-_SHOWN:]
        return Node(
            name=self._name,
            kind="dynamic",
            restarts=self.incarnation,
            note=f"[{self._count()} alive, {len(self._records)} crashed lately]",
            children=tuple(Node(name=name, kind="crashed lately", restarts=len(history)) for name, history in shown),
        )
