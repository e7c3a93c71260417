"""How the parts of an engine are put together, and taken apart again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

from aegispay.actors import ActorDeadError, ActorRef, ActorSystem, Directory, DirectoryFullError
from aegispay.actors.calls import CallResult, CallScope
from aegispay.actors.charging import Charging, GatewayEntry, PaymentServices
from aegispay.actors.gateway import GatewayActor, GatewayServices
from aegispay.actors.gateway_memory import GatewayMemory
from aegispay.actors.payment import PaymentActor
from aegispay.actors.payment_messages import OutcomeArrived, Wake
from aegispay.actors.router import RouterActor, RouterMemory
from aegispay.actors.scheduler import SchedulerActor
from aegispay.config import AegisConfig
from aegispay.dispatch import Dispatcher
from aegispay.domain.payment import Payment
from aegispay.errors import (
    AegisPayError,
    DuplicateGatewayError,
    EngineFailedError,
    FencedError,
    StoreError,
)
from aegispay.gateway_check import check_gateway
from aegispay.log import log_report, logger
from aegispay.parking import ParkingLot
from aegispay.ports import Clock, EventStore, Gateway
from aegispay.recovery import Recovery
from aegispay.supervision import (
    ChildSpec,
    DynamicSupervisor,
    Node,
    RestartIntensity,
    StartChild,
    SupervisionError,
    Supervisor,
    node_of,
)
from aegispay.waiting import Waiters

_CORE_INTENSITY = RestartIntensity(restarts=10, period_s=10.0)
"""Router, gateways and scheduler hold little and restart fast; ten crashes in ten seconds are no accident."""
_ANSWER_S = 10.0


async def assemble(
    *,
    store: EventStore,
    gateways: Sequence[Gateway],
    config: AegisConfig,
    clock: Clock,
    random_source: random.Random,
    calls: CallScope,
) -> Assembly:
    """Start all parts on an open store.

    Raises:
        DuplicateGatewayError: two gateways of one name.
        ValidationError: an object among the gateways is none.
    """
    assembly = Assembly(store=store, config=config, clock=clock, random_source=random_source, calls=calls)
    await assembly.start()
    try:
        for gateway in gateways:
            await assembly.register(gateway)
    except BaseException:
        await assembly.stop_actors()
        raise
    return assembly


class Assembly:
    """The running parts of one engine.

    Attributes:
        gateways: registered gateways by name, in order of registration.
        directory: the payment actors, by payment id. dispatcher: the way to them.
        refusal: why no commands are taken any more: the root gave up, or another engine owns the database.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        config: AegisConfig,
        clock: Clock,
        random_source: random.Random,
        calls: CallScope,
    ) -> None:
        self._store = store
        self._config = config
        self._clock = clock
        self._random = random_source
        self._tasks: set[asyncio.Task[Any]] = set()
        self._gateway_specs: list[ChildSpec] = []
        self._router_memory = RouterMemory({})
        self._registering: set[str] = set()
        self._held: dict[str, CallResult] = {}
        self._finished: deque[str] = deque()
        self._saved: dict[str, str] = {}
        self._log = logger()
        self.refusal: AegisPayError | None = None
        self.waiters = Waiters()
        self.parking = ParkingLot(store=store, clock=clock, waiters=self.waiters)
        self.recovery = Recovery(
            store,
            wake=self.wake,
            park=lambda payment_id, cause: self.parking.park(payment_id, cause=cause),
            attempts_max=config.recoveries_max,
            concurrency=config.recovery_concurrency,
        )
        self.calls = calls
        self.gateways: dict[str, GatewayEntry] = {}
        self.system = ActorSystem(name="aegispay", clock=clock)

    directory: Directory
    dispatcher: Dispatcher

    # --- starting -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the tree: router, gateways, payments, scheduler, in this order."""
        await self.parking.load()
        self._saved = await self._store.load_gateways()
        self._root = self.system.spawn(self._make_root, name="root")
        await self.system.started(self._root)
        self.directory = self._make_directory()
        self.dispatcher = Dispatcher(
            directory=self.directory,
            waiters=self.waiters,
            parking=self.parking,
            config=self._config,
            refusal=lambda: self.refusal,
        )

    def _make_root(self) -> Supervisor:
        specs = (
            ChildSpec(id="router", start=self._make_router, is_registered=True, capacity=1_000_000),
            ChildSpec(id="gateways", start=self._make_gateways),
            ChildSpec(id="payments", start=self._make_payments),
            ChildSpec(id="scheduler", start=self._make_scheduler),
        )
        return Supervisor(
            "root",
            specs,
            intensity=_CORE_INTENSITY,
            source=self._random,
            sink=log_report,
            on_gave_up=self._gave_up,
        )

    def _make_router(self) -> RouterActor:
        return RouterActor(self._router_memory, self._config.routing)

    def _make_gateways(self) -> Supervisor:
        return Supervisor(
            "gateways",
            tuple(self._gateway_specs),
            intensity=_CORE_INTENSITY,
            source=self._random,
            sink=log_report,
        )

    def _make_payments(self) -> DynamicSupervisor:
        config = self._config
        return DynamicSupervisor(
            "payments",
            intensity=RestartIntensity(restarts=config.crashes_max, period_s=config.crash_window_s),
            common_cause=RestartIntensity(restarts=config.common_cause_max, period_s=config.common_cause_window_s),
            on_exhausted=self._exhausted,
            count=lambda: len(self.directory),
            children=lambda: self.directory.refs(),  # noqa: PLW0108 - the directory is made after this supervisor
            source=self._random,
            sink=log_report,
        )

    def _make_scheduler(self) -> SchedulerActor:
        return SchedulerActor(
            self._store,
            self._clock,
            interval_s=self._config.wake_interval_s,
            wake=self._wake_due,
            look=self._continue_recovery,
            on_error=lambda error: self._log.warning("timers_not_read", error=str(error), hint=error.hint),
        )

    def _make_directory(self) -> Directory:
        services = PaymentServices(
            store=self._store,
            clock=self._clock,
            config=self._config,
            find_router=lambda: self._find("router"),
            gateways=self.gateways,
            calls=self.calls,
            deliver=self._deliver,
            is_halted=lambda: self.refusal is not None,
            fenced=self._halt,
            settled=self._settled,
            recovered=self._recovered,
        )
        charging = Charging(services)
        return Directory(
            self.system,
            lambda payment_id: PaymentActor(payment_id, charging),
            supervisor=self._find("payments"),
            capacity=self._config.mailbox_capacity,
            idle_s=self._config.actor_idle_s,
            size_max=self._config.actors_max,
        )

    def _find(self, name: str) -> ActorRef[Any]:
        ref = self.system.find(name)
        if ref is None:
            raise EngineFailedError(f"{name} is not running")
        return ref

    async def register(self, gateway: Gateway) -> None:
        """Add a gateway under supervision.

        Raises:
            DuplicateGatewayError: one of that name is registered.
            ValidationError: the object is no gateway.
        """
        check_gateway(gateway)
        name = gateway.name
        if name in self.gateways or name in self._registering:
            raise DuplicateGatewayError(f"a gateway named {name!r} is registered already")
        self._registering.add(name)
        try:
            await self._start_gateway(gateway, name)
        finally:
            self._registering.discard(name)

    async def _start_gateway(self, gateway: Gateway, name: str) -> None:
        memory = self._remember_gateway(name)
        services = GatewayServices(
            clock=self._clock,
            calls=self.calls,
            deliver=self._deliver,
            report=lambda report: self._find("router").tell(report),
            save=lambda each, data: self._spawn_task(self._save_gateway(each, data)),
            breaker=self._config.breaker,
            weights=self._config.health_weights,
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
        self._gateway_specs.append(spec)
        self.gateways[name] = GatewayEntry(gateway, lambda: self._find(spec.id))

    def _remember_gateway(self, name: str) -> GatewayMemory:
        memory = GatewayMemory(window_s=self._config.health_window_s, now=self._clock.monotonic())
        try:
            if name in self._saved:
                memory.restore(self._saved[name], self._clock)
        except ValueError:
            # Losing a breaker's age costs a few calls; not opening would cost all of them.
            self._log.warning("gateway_not_restored", gateway=name)
        return memory

    # --- running ------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Go on with every payment that was being processed when the last engine ended."""
        await self.recovery.start()

    def _continue_recovery(self) -> None:
        if len(self.recovery):
            self._spawn_task(self.recovery.advance())

    def _wake_due(self, payment_id: str) -> None:
        # What recovery has not come to yet is overdue as well, and must not overtake it.
        if self.refusal is None and not self.recovery.is_waiting(payment_id):
            self.wake(payment_id)

    def wake(self, payment_id: str) -> None:
        """Tell a payment that its time has come."""
        if payment_id in self.parking or self.directory.has_mail(payment_id):
            # With mail to handle it is awake; if it is due afterwards, the next look finds it.
            return
        try:
            self.directory.tell(payment_id, Wake())
        except (DirectoryFullError, ActorDeadError):
            # It stays due, so the next look finds it again.
            self._log.warning("wake_postponed", payment_id=payment_id)

    def _deliver(self, result: CallResult) -> None:
        """Hand a gateway's answer to its payment, whichever incarnation lives."""
        payment_id = result.call.payment_id
        if payment_id in self.parking:
            self._held[payment_id] = result
            return
        try:
            self.directory.tell(payment_id, OutcomeArrived(result))
        except (DirectoryFullError, ActorDeadError):
            self._log.warning("outcome_not_delivered", payment_id=payment_id)

    async def unpark(self, payment_id: str, *, operator: str) -> None:
        """Let a parked payment go on, with the answer that came meanwhile if there is one."""
        await self.parking.unpark(payment_id, operator=operator)
        held = self._held.pop(payment_id, None)
        if held is None:
            self.wake(payment_id)
        else:
            self._deliver(held)

    def _settled(self, payment: Payment) -> None:
        self.waiters.settled(payment)
        if payment.state.is_final:
            self._finished.append(payment.id)
            if len(self._finished) > self._config.finished_kept:
                self.directory.passivate(self._finished.popleft())

    def _recovered(self, payment_id: str) -> None:
        if self.recovery.is_running(payment_id):
            self._spawn_task(self.recovery.end(payment_id))

    def _exhausted(self, payment_id: str, cause: BaseException) -> None:
        # Marked before its last askers hear that it is dead, so that they find it parked when they ask again.
        self._spawn_task(self.parking.park(payment_id, cause=f"its actor kept crashing with {type(cause).__name__}"))
        self._recovered(payment_id)

    async def _save_gateway(self, name: str, data: str) -> None:
        try:
            await self._store.save_gateway(name, data)
        except FencedError:
            raise
        except StoreError as error:
            self._log.warning("gateway_not_saved", gateway=name, error=str(error))

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except FencedError as error:
            self._halt(error)
        except AegisPayError as error:
            self._log.warning("background_work_failed", error=str(error), hint=error.hint)

    def _halt(self, error: AegisPayError) -> None:
        """Take no more commands and call no more gateways; whoever waits is told why."""
        if self.refusal is None:
            self.refusal = error
            self._log.error("engine_halted", error=str(error), hint=error.hint)
            self.waiters.fail_all(error)

    def _gave_up(self, cause: BaseException) -> None:
        self._halt(EngineFailedError(f"the engine gave up: {cause}"))
        # Nobody restarts them any more: those that are suspended would keep their askers waiting.
        self._spawn_task(self.directory.stop_all(timeout_s=self._config.shutdown_s))

    def tree(self) -> Node:
        """Return the supervision tree."""
        return node_of(self._root)

    # --- stopping -----------------------------------------------------------------------------------

    async def shut_down(self, error: AegisPayError) -> None:
        """Wait for what is in flight, up to the limit; tell `error` to whoever still waits; stop everything."""
        try:
            async with asyncio.timeout(self._config.shutdown_s):
                while self.calls or self.waiters:
                    pending: list[asyncio.Future[Any]] = [*self.calls.tasks(), *self.waiters.futures()]
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self._log.warning("closed_with_calls_in_flight", calls=len(self.calls))
        await self.calls.cancel_all()
        # If it cannot be written, those payments have one attempt less to survive, which is no reason not to close.
        with contextlib.suppress(StoreError):
            await self.recovery.leave()
        if self.refusal is None:
            self.refusal = error
        self.waiters.fail_all(error)
        await self.stop_actors()

    async def stop_actors(self) -> None:
        """Stop payments, then the tree in reverse order, then what runs beside it."""
        await self.directory.stop_all(timeout_s=self._config.shutdown_s)
        await self.system.shutdown(timeout_s=self._config.shutdown_s)
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
