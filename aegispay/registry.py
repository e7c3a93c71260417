"""The registered gateways: each with its actor, under supervision, with what an earlier engine knew of it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from aegispay.actors import ActorRef
from aegispay.actors.calls import CallResult, CallScope
from aegispay.actors.gateway import GatewayActor, GatewayServices
from aegispay.actors.gateway_memory import GatewayMemory
from aegispay.actors.gateway_messages import SetPolicies
from aegispay.actors.gateway_policies import policies_of
from aegispay.actors.services import GatewayEntry
from aegispay.config import AegisPayConfig
from aegispay.errors import DuplicateGatewayError, EngineFailedError, FencedError, StoreError
from aegispay.gateway_check import check_gateway
from aegispay.log import logger, sampled
from aegispay.ports import Clock, EventStore, Gateway
from aegispay.supervision import ChildSpec, StartChild, SupervisionError

_ANSWER_S = 10.0
_CLOSE_S = 1.0
_GIVE_UP_S = 1.0
"""How long closing waits for adapters to take their cancellation in."""


class GatewayRegistry:
    """Starts gateway actors and remembers their specs for a supervisor that starts anew.

    Args:
        find: returns the ref of a core actor by name.
        deliver: hands a call's result to its payment.
        in_background: runs work that nobody waits for.

    Attributes:
        entries: registered gateways by name, in order of registration. specs: how their actors are started.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        config: AegisPayConfig,
        clock: Clock,
        calls: CallScope,
        find: Callable[[str], ActorRef[Any]],
        deliver: Callable[[CallResult], None],
        in_background: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._store = store
        self._config = config
        self._clock = clock
        self._log = sampled(clock.monotonic)
        self._calls = calls
        self._find = find
        self._deliver = deliver
        self._in_background = in_background
        self._saved: dict[str, str] = {}
        self._registering: set[str] = set()
        self.entries: dict[str, GatewayEntry] = {}
        self.specs: list[ChildSpec] = []

    async def load(self) -> None:
        """Read what earlier engines knew of their gateways."""
        self._saved = await self._store.load_gateways()

    async def close(self) -> None:
        """Close the adapters that can be closed, all beside each other; one that does it badly holds nobody up."""
        tasks = {asyncio.create_task(_close(entry.gateway)): name for name, entry in self.entries.items()}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=_CLOSE_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_GIVE_UP_S)
        for task, name in tasks.items():
            error = TimeoutError.__name__ if task in late else _error_of(task)
            if error:
                logger().warning("gateway_not_closed", gateway=name, error=error)

    async def register(self, gateway: Gateway) -> None:
        """Add a gateway under supervision.

        Raises:
            DuplicateGatewayError: one of that name is registered.
            ValidationError: the object is no gateway.
        """
        check_gateway(gateway)
        name = gateway.name
        if name in self.entries or name in self._registering:
            raise DuplicateGatewayError(f"a gateway named {name!r} is registered already")
        self._registering.add(name)
        try:
            await self._start_gateway(gateway, name)
        finally:
            self._registering.discard(name)

    def configure(self, config: AegisPayConfig) -> None:
        """Go by these settings from now on: gateways that are registered, and those that will be."""
        self._config = config
        for name, entry in self.entries.items():
            entry.ref.tell(SetPolicies(policies_of(config, name)))

    async def _start_gateway(self, gateway: Gateway, name: str) -> None:
        config = self._config
        memory = self._remember_gateway(gateway, name)
        services = GatewayServices(
            clock=self._clock,
            calls=self._calls,
            deliver=self._deliver,
            report=lambda report: self._find("router").tell(report),
            save=lambda each, data: self._in_background(self._save_gateway(each, data)),
        )
        spec = ChildSpec(
            id=f"gateway:{name}",
            start=lambda: GatewayActor(gateway, memory, services),
            capacity=self._config.in_flight_max,
            is_registered=True,
        )
        try:
            await self._find("gateways").ask(StartChild(spec), block=False, timeout=_ANSWER_S)
        except SupervisionError as error:
            raise EngineFailedError(f"gateway {name} could not be started: {error}") from error
        self.specs.append(spec)
        entry = self.entries[name] = GatewayEntry(gateway, lambda: self._find(spec.id))
        if self._config is not config:
            # It was changed while the actor was being started, and went to those that were registered then.
            entry.ref.tell(SetPolicies(policies_of(self._config, name)))

    def _remember_gateway(self, gateway: Gateway, name: str) -> GatewayMemory:
        memory = GatewayMemory(
            policies_of(self._config, name),
            window_s=self._config.health_window_s,
            concurrency_max=gateway.contract.concurrency_max,
            now=self._clock.monotonic(),
        )
        try:
            if name in self._saved:
                memory.restore(self._saved[name], self._clock)
        except ValueError:
            # Losing a breaker's age costs a few calls; not opening would cost all of them.
            logger().warning("gateway_not_restored", gateway=name)
        return memory

    async def _save_gateway(self, name: str, data: str) -> None:
        try:
            await self._store.save_gateway(name, data)
        except FencedError:
            raise
        except StoreError as error:
            self._log.warning("gateway_not_saved", gateway=name, error=str(error))


async def _close(gateway: Gateway) -> str:
    """Return the kind of error it came to, or an empty text."""
    try:
        close = getattr(gateway, "aclose", None)
        closing = None if close is None else close()
        if inspect.isawaitable(closing):
            await closing
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a task that exits would take the whole loop with it
        return type(error).__name__
    return ""


def _error_of(task: asyncio.Task[str]) -> str:
    if task.cancelled():
        return asyncio.CancelledError.__name__
    error = task.exception()
    return task.result() if error is None else type(error).__name__
