"""The supervisor: starts its children in order, restarts what crashes, stops in reverse, and knows when to give up."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aegispay.actors import (
    Actor,
    CellRef,
    ChildCrashed,
    ChildStopped,
    ControlMessage,
    DuplicateActorError,
    StopReason,
)
from aegispay.supervision.child import Child, Children
from aegispay.supervision.decider import Verdict
from aegispay.supervision.errors import ChildNotStartedError, CrashEscalatedError, RestartIntensityExceededError
from aegispay.supervision.intensity import History, recent, record_restart
from aegispay.supervision.report import Action, Reporter, Sink, ignore
from aegispay.supervision.spec import ChildSpec, RestartIntensity, RestartType, Strategy, check_ids
from aegispay.supervision.tree import Node, node_of


@dataclass(frozen=True, slots=True)
class StartChild:
    """Add a child and start it; the reply is its ref, or `ChildNotStartedError`."""

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class GetTree:
    """Ask for the `Node` of this supervisor."""


@dataclass(frozen=True, slots=True)
class _RestartNow(ControlMessage):
    """The pause before a restart is over: of one child, or of all that are down."""

    child: str | None


class Supervisor(Actor):
    """Supervises a fixed set of children, to which more may be added.

    Args:
        name: for reports.
        specs: children in start order.
        strategy: who is restarted with a crashed child.
        intensity: how many restarts are normal.
        source: randomness of the pauses.
        sink: where reports go.
        on_gave_up: told why, when this supervisor gives up; for the root, which nobody supervises.
    """

    is_supervisor = True

    def __init__(
        self,
        name: str,
        specs: Sequence[ChildSpec],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: RestartIntensity | None = None,
        source: random.Random,
        sink: Sink = ignore,
        on_gave_up: Callable[[BaseException], None] | None = None,
    ) -> None:
        super().__init__()
        check_ids(tuple(specs))
        self._name = name
        self._specs = tuple(specs)
        self._strategy = strategy
        self._intensity = intensity if intensity is not None else RestartIntensity()
        self._source = source
        self._report = Reporter(name, sink, self._now)
        self._on_gave_up = on_gave_up
        self._children = Children(strategy)
        self._history: History = ()
        self._due_at: dict[str | None, float] = {}

    def __repr__(self) -> str:
        """Show strategy, size and how close it is to giving up."""
        limit = f"{self._intensity.restarts} in {self._intensity.period_s:g} s"
        restarts = f"{self._restarts()}/{limit}"
        return f"<Supervisor {self._name} {self._strategy} children={len(self._children)} restarts={restarts}>"

    async def on_start(self) -> None:  # type: ignore[override]  # pykka's hooks may be async here
        """Start the children in order; if one fails, stop those that run, in reverse, and fail."""
        for spec in self._specs:
            try:
                await self._start(spec)
            except Exception as error:
                await self._discard(spec, error)
                raise

    async def on_stop(self) -> None:  # type: ignore[override]  # pykka's hooks may be async here
        """Stop the children in reverse order."""
        await self._stop_all()

    async def on_failure(  # type: ignore[override]
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the children in reverse order: the next incarnation starts its own."""
        await self._stop_all()
        if self._on_gave_up is not None and exception_value is not None:
            self._on_gave_up(exception_value)

    async def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case ChildCrashed():
                await self._crashed(message)
            case ChildStopped():
                await self._stopped(message)
            case _RestartNow(child):
                await self._restart(child)
            case StartChild(spec):
                return await self._add(spec)
            case GetTree():
                return self.node()
            case _:
                return super().on_receive(message)
        return None

    # --- starting and stopping ----------------------------------------------------------------------

    async def _start(self, spec: ChildSpec) -> CellRef[Any]:
        child = Child(spec, self._spawn(spec), self._now())
        self._children.add(child)
        await self.system.started(child.ref)
        self._report(Action.STARTED, spec.id, restarts=self._restarts())
        return child.ref

    def _spawn(self, spec: ChildSpec) -> CellRef[Any]:
        return self.system.spawn(
            spec.start,
            name=spec.id,
            supervisor=self.actor_ref,
            capacity=spec.capacity,
            register=spec.is_registered,
        )

    async def _add(self, spec: ChildSpec) -> CellRef[Any]:
        check_ids((*(child.spec for child in self._children), spec))
        try:
            return await self._start(spec)
        except Exception as error:
            await self._discard(spec, error)
            raise ChildNotStartedError(self._name, spec.id, error) from error

    async def _discard(self, spec: ChildSpec, cause: BaseException) -> None:
        """Leave nothing of a child whose first start failed."""
        self._report(Action.CRASHED, spec.id, cause=cause, restarts=self._restarts())
        child = self._children.get(spec.id)
        if child is not None:
            self._children.remove(child)
            await self.system.stop(child.ref, timeout_s=spec.shutdown_s)

    async def _stop_all(self) -> None:
        for child in reversed(tuple(self._children)):
            await self._remove(child, StopReason.SHUTDOWN)

    async def _remove(self, child: Child, reason: StopReason) -> None:
        await self.system.stop(child.ref, reason=reason, timeout_s=child.spec.shutdown_s)
        self._report(Action.STOPPED, child.spec.id, restarts=self._restarts())
        self._forget(child)

    def _forget(self, child: Child) -> None:
        """Let a child go; those that were taken down with it come back all the same."""
        self._children.remove(child)
        key = self._timer_of(child)
        if key is not None:
            self._due_at.pop(key, None)
            self.timers.cancel(key)
        elif self._children.down() and key not in self._due_at:
            self._restart_at(key, self._now())

    # --- crashes ------------------------------------------------------------------------------------

    async def _crashed(self, crash: ChildCrashed) -> None:
        child = self._children.find(crash.ref)
        if child is None:
            return
        name, cause = child.spec.id, crash.cause
        verdict = child.spec.decider.decide(cause)
        self._report(Action.CRASHED, name, cause=cause, restarts=self._restarts())
        if verdict is Verdict.ESCALATE:
            self._report(Action.GAVE_UP, name, cause=cause, restarts=self._restarts())
            raise CrashEscalatedError(self._name, name, cause) from cause
        if verdict is Verdict.STOP or child.spec.restart is RestartType.TEMPORARY:
            await self._remove(child, StopReason.CRASHED)
        elif not self._is_coming_back(child):
            await self._plan_restart(child, cause)

    async def _stopped(self, stop: ChildStopped) -> None:
        """A child ended without this supervisor: start it again, on a cell of its own, or forget it."""
        child = self._children.find(stop.ref)
        if child is None:
            return
        self._report(Action.STOPPED, child.spec.id, restarts=self._restarts())
        is_abnormal = stop.reason is StopReason.CRASHED
        if child.spec.restart is not RestartType.PERMANENT and not (
            is_abnormal and child.spec.restart is RestartType.TRANSIENT
        ):
            self._forget(child)
        elif not self._is_coming_back(child):
            await self._plan_restart(child, None)

    def _timer_of(self, child: Child) -> str | None:
        """Return the key of the restart that brings a child back: its own, or the one of all that are down."""
        return child.spec.id if self._strategy is Strategy.ONE_FOR_ONE else None

    def _is_coming_back(self, child: Child) -> bool:
        """Return whether a planned restart covers the child already: its crash is no further one."""
        return child.is_down and self._timer_of(child) in self._due_at

    async def _plan_restart(self, child: Child, cause: BaseException | None) -> None:
        """Count the restart, take down who goes down with the child, and come back after the pause."""
        now = self._now()
        self._count_restart(child.spec.id, now, cause)
        delay_s = child.next_delay_s(now, lambda restarts: child.spec.backoff.delay_s(restarts, self._source))
        child.is_down = True
        for other in reversed(self._children.affected(child)):
            if not other.is_down:
                await self._take_down(other)
        self._report(Action.RESTARTING, child.spec.id, cause=cause, restarts=self._restarts(), delay_s=delay_s)
        self._restart_at(self._timer_of(child), now + delay_s)

    def _restart_at(self, key: str | None, due_at: float) -> None:
        """Start what is down at loop time `due_at`, or when an earlier plan says if that is later."""
        due_at = self._due_at[key] = max(due_at, self._due_at.get(key, due_at))
        self.timers.start(key, _RestartNow(key), max(0.0, due_at - self._now()))

    def _count_restart(self, name: str, now: float, cause: BaseException | None) -> None:
        self._history, is_exceeded = record_restart(self._history, now, self._intensity)
        if is_exceeded:
            self._report(Action.GAVE_UP, name, cause=cause, restarts=self._restarts())
            raise RestartIntensityExceededError(
                self._name, name, self._intensity.restarts, self._intensity.period_s
            ) from cause

    async def _take_down(self, child: Child) -> None:
        """Suspend a child because of another's crash, its mail kept; a temporary one never comes back."""
        if child.spec.restart is RestartType.TEMPORARY:
            await self._remove(child, StopReason.SHUTDOWN)
            return
        child.is_down = True
        await self.system.suspend(child.ref, timeout_s=child.spec.shutdown_s)

    async def _restart(self, key: str | None) -> None:
        """Start in order what is down; one that fails holds up those after it until its own restart."""
        self._due_at.pop(key, None)
        for child in self._children.down():
            if self._timer_of(child) == key and not await self._restart_one(child):
                return

    async def _restart_one(self, child: Child) -> bool:
        """Start one child again, in its old place; return whether it runs."""
        child.started_at = self._now()
        try:
            if child.ref.is_alive():
                self.system.restart(child.ref)
                await self.system.started(child.ref)
            else:
                child.ref = self._spawn(child.spec)
                await self.system.started(child.ref)
                self._report(Action.STARTED, child.spec.id, restarts=self._restarts())
        except DuplicateActorError as error:
            # Somebody else has the name, so there is no cell that could report the failure.
            self._report(Action.CRASHED, child.spec.id, cause=error, restarts=self._restarts())
            await self._plan_restart(child, error)
            return False
        except Exception:  # noqa: BLE001 - it comes as ChildCrashed or ChildStopped, which count and back off
            return False
        child.is_down = False
        self._report(Action.RESTARTED, child.spec.id, restarts=self._restarts())
        return True

    # --- looking ------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self.system.loop.time()

    def _restarts(self) -> int:
        return len(recent(self._history, self._now(), self._intensity))

    def node(self) -> Node:
        """Return this supervisor and everything below it."""
        return Node(
            name=self._name,
            kind=self._strategy.value,
            restarts=self.incarnation,
            note=f"[{self._restarts()} of {self._intensity.restarts} restarts in {self._intensity.period_s:g} s]",
            children=tuple(node_of(child.ref) for child in self._children),
        )
