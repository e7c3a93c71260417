"""The supervisor: starts its children in order, restarts what crashes, stops in reverse, and knows when to give up."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aegispay.actors import (
    Actor,
    ActorDeadError,
    ActorError,
    CellRef,
    ChildCrashed,
    ChildStopped,
    ControlMessage,
    StopReason,
)
from aegispay.supervision.decider import Verdict
from aegispay.supervision.errors import RestartIntensityExceededError
from aegispay.supervision.intensity import History, record_restart
from aegispay.supervision.report import Action, Report, Sink, ignore
from aegispay.supervision.spec import ChildSpec, RestartIntensity, RestartType, Strategy, check_ids
from aegispay.supervision.strategy import affected
from aegispay.supervision.tree import Node


@dataclass(frozen=True, slots=True)
class StartChild:
    """Add a child and start it; the reply is its ref."""

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class GetTree:
    """Ask for the `Node` of this supervisor."""


@dataclass(frozen=True, slots=True)
class _RestartNow(ControlMessage):
    """The pause before a restart is over."""

    child: str


@dataclass(slots=True)
class _Child:
    """One child and its history."""

    spec: ChildSpec
    ref: CellRef[Any]
    started_at: float
    restarts: int = 0


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
        self._sink = sink
        self._on_gave_up = on_gave_up
        self._children: dict[str, _Child] = {}
        self._history: History = ()

    def __repr__(self) -> str:
        """Show strategy, size and how close it is to giving up."""
        recent = f"{len(self._history)}/{self._intensity.restarts} in {self._intensity.period_s:g} s"
        return f"<Supervisor {self._name} {self._strategy} children={len(self._children)} restarts={recent}>"

    async def on_start(self) -> None:  # type: ignore[override]  # pykka's hooks may be async here
        """Start the children in order; if one fails, stop those that run, in reverse, and fail."""
        for spec in self._specs:
            try:
                await self._start(spec)
            except BaseException:
                await self._stop_all()
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
                check_ids((*(child.spec for child in self._children.values()), spec))
                return await self._start(spec)
            case GetTree():
                return await self._tree()
            case _:
                return super().on_receive(message)
        return None

    # --- starting and stopping ----------------------------------------------------------------------

    async def _start(self, spec: ChildSpec) -> CellRef[Any]:
        ref = self.system.spawn(
            spec.start,
            name=spec.id,
            supervisor=self.actor_ref,
            capacity=spec.capacity,
            register=spec.is_registered,
        )
        self._children[spec.id] = _Child(spec, ref, self._now())
        await self.system.started(ref)
        self._report(Action.STARTED, spec.id)
        return ref

    async def _stop_all(self) -> None:
        children, self._children = self._children, {}
        for name, child in reversed(children.items()):
            await self.system.stop(child.ref, reason=StopReason.SHUTDOWN, timeout_s=child.spec.shutdown_s)
            self._report(Action.STOPPED, name)

    # --- crashes ------------------------------------------------------------------------------------

    async def _crashed(self, crash: ChildCrashed) -> None:
        child = self._find(crash.ref)
        if child is None:
            return
        name = child.spec.id
        verdict = child.spec.decider.decide(crash.cause)
        self._report(Action.CRASHED, name, cause=crash.cause)
        if verdict is Verdict.ESCALATE:
            raise RestartIntensityExceededError(self._name, name, 0, self._intensity.period_s) from crash.cause
        if verdict is Verdict.STOP or child.spec.restart is RestartType.TEMPORARY:
            await self._remove(child, StopReason.CRASHED)
            return
        await self._plan_restart(child, crash.cause)

    async def _stopped(self, stop: ChildStopped) -> None:
        """A child ended by itself: a permanent one is started again, on a cell of its own."""
        child = self._find(stop.ref)
        if child is None:
            return
        name = child.spec.id
        self._report(Action.STOPPED, name)
        if child.spec.restart is not RestartType.PERMANENT:
            del self._children[name]
            return
        await self._plan_restart(child, None)

    async def _remove(self, child: _Child, reason: StopReason) -> None:
        del self._children[child.spec.id]
        await self.system.stop(child.ref, reason=reason, timeout_s=child.spec.shutdown_s)
        self._report(Action.STOPPED, child.spec.id)

    async def _plan_restart(self, child: _Child, cause: BaseException | None) -> None:
        """Count the restart, take down who goes down with the child, and come back after the pause."""
        name = child.spec.id
        now = self._now()
        self._history, is_exceeded = record_restart(self._history, now, self._intensity)
        if is_exceeded:
            self._report(Action.GAVE_UP, name, cause=cause)
            raise RestartIntensityExceededError(
                self._name, name, self._intensity.restarts, self._intensity.period_s
            ) from cause
        if now - child.started_at >= child.spec.backoff.reset_after_s:
            child.restarts = 0
        delay_s = child.spec.backoff.delay_s(child.restarts, self._source)
        child.restarts += 1
        for sibling in reversed(affected(self._strategy, tuple(self._children), name)):
            if sibling != name:
                other = self._children[sibling]
                await self.system.suspend(other.ref, timeout_s=other.spec.shutdown_s)
        self._report(Action.RESTARTING, name, cause=cause, delay_s=delay_s)
        self.timers.start(("restart", name), _RestartNow(name), delay_s)

    async def _restart(self, name: str) -> None:
        if name not in self._children:
            return
        for each in affected(self._strategy, tuple(self._children), name):
            if not await self._restart_one(self._children[each]):
                return

    async def _restart_one(self, child: _Child) -> bool:
        """Start one child again; a failure to start comes back as a crash of its own."""
        child.started_at = self._now()
        try:
            if child.ref.is_alive():
                self.system.restart(child.ref)
                await self.system.started(child.ref)
            else:
                place = tuple(self._children)
                await self._start(child.spec)
                self._children[child.spec.id].restarts = child.restarts
                self._children = {name: self._children[name] for name in place}
        except (ActorError, ActorDeadError):
            raise
        except Exception:  # noqa: BLE001 - the runtime reports it as ChildCrashed, which counts and backs off
            return False
        self._report(Action.RESTARTED, child.spec.id)
        return True

    # --- looking ------------------------------------------------------------------------------------

    def _find(self, ref: Any) -> _Child | None:
        return next((child for child in self._children.values() if child.ref is ref), None)

    def _now(self) -> float:
        return self.system.loop.time()

    def _report(self, action: Action, child: str, *, cause: BaseException | None = None, delay_s: float = 0.0) -> None:
        self._sink(
            Report(
                at_s=self._now(),
                supervisor=self._name,
                child=child,
                action=action,
                cause=None if cause is None else type(cause).__name__,
                restarts=len(self._history),
                delay_s=delay_s,
            )
        )

    async def _tree(self) -> Node:
        nodes = [await self._child_node(child) for child in self._children.values()]
        return Node(
            name=self._name,
            kind=self._strategy.value,
            restarts=self.incarnation,
            note=f"[{len(self._history)} of {self._intensity.restarts} restarts in {self._intensity.period_s:g} s]",
            children=tuple(nodes),
        )

    @staticmethod
    async def _child_node(child: _Child) -> Node:
        cell = child.ref.cell
        if cell.supervises and child.ref.is_alive():
            node: Node = await child.ref.ask(GetTree(), block=False, timeout=5.0)
            return node
        return Node(
            name=cell.name,
            kind=cell.actor_class.__name__,
            state=cell.state.value,
            mail=len(cell.mailbox),
            restarts=cell.incarnation,
        )
