"""The face of chaos: one object that an engine is given, and that says afterwards what it did."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from aegispay.actors.interception import Interception
from aegispay.chaos import faults as f
from aegispay.chaos.clocks import ChaosClock
from aegispay.chaos.gateways import ChaosGateways
from aegispay.chaos.injector import Injector, Point
from aegispay.chaos.messages import ChaosMessages
from aegispay.chaos.plan import ChaosPlan
from aegispay.chaos.report import ChaosReport
from aegispay.chaos.stores import ChaosStore
from aegispay.domain.hook_kind import HookKind
from aegispay.errors import AegisPayError
from aegispay.hooks.hook import Hook
from aegispay.ports import Clock, EventStore, Gateway

G = TypeVar("G", bound=Gateway)


class ChaosRefusedError(AegisPayError):
    """Chaos was asked for where nobody allowed it."""

    hint = "Pass allow=True where nobody's money is at stake; on an existing database set AEGISPAY_ALLOW_CHAOS=1."


class ListenerFailedError(RuntimeError):
    """A listener fails on purpose."""


class Chaos:
    """One run of a plan against one engine: ``AegisPay(..., chaos=Chaos(plan, seed=7, allow=True))``.

    The same plan, seed and requests give the same faults, in whatever order requests arrive; only ``every`` and
    ``times`` count in the order of time. It ends by itself, by the plan's `duration_s` and `injections_max`.

    Args:
        plan: what goes wrong.
        seed: what it is drawn from.
        allow: has to be ``True``: an engine that charges real money wants none of this.

    Raises:
        ChaosRefusedError: nobody allowed it.
    """

    def __init__(self, plan: ChaosPlan, *, seed: int, allow: bool = False) -> None:
        if allow is not True:
            raise ChaosRefusedError("chaos is off unless it is explicitly allowed")
        self.plan = plan
        self.seed = seed
        self._injector = Injector(plan, seed)
        self._gateways = ChaosGateways(self._injector)
        self._messages = ChaosMessages(self._injector)
        self._listeners = self._injector.of(f.ListenerFails)

    def __repr__(self) -> str:
        """Show the plan and how far it is."""
        return f"<Chaos {self.plan.name!r} seed={self.seed} injections={self._injector.by_kind.total()}>"

    # --- what an engine, or a test of its own, puts in place of the real thing ------------------------

    @property
    def interception(self) -> Interception | None:
        """What sees the messages between actors; ``None`` when the plan leaves them alone."""
        return self._messages if self._messages.has_faults else None

    def begin(self, clock: Clock) -> None:
        """Start the plan's time; the engine calls it when it opens."""
        self._injector.begin(clock)

    def clock(self, clock: Clock) -> Clock:
        """Return a clock that jumps as the plan says."""
        return ChaosClock(clock, self._injector)

    def store(self, store: EventStore) -> EventStore:
        """Return a store that fails as the plan says."""
        return cast("EventStore", ChaosStore(store, self._injector))

    def gateway(self, gateway: Gateway) -> Gateway:
        """Return a gateway that fails as the plan says."""
        return self._gateways.wrap(gateway)

    def failing(self, hook: Hook) -> str:
        """Return why a listener's call fails, without being made; empty when it does not."""
        is_listener = hook.kind is HookKind.EVENT_LISTENER
        return "on purpose" if is_listener and self._fails(hook.name) else ""

    def listener(self, name: str, listener: Callable[..., Any]) -> Callable[..., Any]:
        """Return a listener that raises as the plan says; it is always async. An engine's own are disturbed anyway."""

        async def disturbed(*arguments: Any, **keywords: Any) -> Any:
            if self._fails(name):
                raise ListenerFailedError(f"{name} fails, on purpose")
            result = listener(*arguments, **keywords)
            return await result if inspect.isawaitable(result) else result

        return disturbed

    def _fails(self, listener: str) -> bool:
        point = Point(f"listener {listener}")
        strikes = self._injector.strikes(self._listeners, point, lambda fault: fault.listener in {None, listener})
        for strike in strikes[:1]:
            self._injector.record(strike.active, point)
        return bool(strikes)

    # --- afterwards ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Inject nothing more, until `resume`; what was disturbed stays so."""
        self._injector.stop()

    def resume(self) -> None:
        """Inject again after a `stop`; the plan's time went on meanwhile."""
        self._injector.stop(is_stopped=False)

    def report(self) -> ChaosReport:
        """Return what was injected so far."""
        injector = self._injector
        return ChaosReport(
            plan=self.plan.name,
            seed=self.seed,
            total=injector.by_kind.total(),
            by_kind=dict(sorted(injector.by_kind.items())),
            by_point=dict(sorted(injector.by_point.items())),
            injections=tuple(injector.injections),
        )
