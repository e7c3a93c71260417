"""How the parts of an engine are put together, and taken apart again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Sequence
from typing import Any

from aegispay.actors import ActorDeadError, ActorRef, ActorSystem, Directory, DirectoryFullError
from aegispay.actors.asking import Asking
from aegispay.actors.calls import CallResult, CallScope
from aegispay.actors.charging import Charging
from aegispay.actors.interception import Interception
from aegispay.actors.payment import PaymentActor
from aegispay.actors.payment_messages import NotificationArrived, OutcomeArrived, Wake
from aegispay.actors.router import RouterActor, RouterMemory
from aegispay.actors.scheduler import SchedulerActor
from aegispay.actors.services import GatewayEntry, PaymentServices
from aegispay.background import Background
from aegispay.config import AegisPayConfig
from aegispay.dispatch import Dispatcher
from aegispay.domain.commands import RefusePayment
from aegispay.domain.judgement import review_cause
from aegispay.domain.keys import payment_of
from aegispay.domain.notification import Notification
from aegispay.domain.payment import Payment
from aegispay.errors import AegisPayError, EngineFailedError, StoreError
from aegispay.hooks.registry import Hooks
from aegispay.hooks.runner import HookRunner
from aegispay.inbox import Inbox
from aegispay.log import sampled
from aegispay.measuring import Measuring
from aegispay.observability.binding import of_operation
from aegispay.observability.telemetry import Telemetry
from aegispay.outbox.relay import Relay
from aegispay.parking import ParkingLot
from aegispay.ports import Clock, EventStore, Gateway
from aegispay.recovery import Recovery
from aegispay.registry import GatewayRegistry
from aegispay.settings import Settings
from aegispay.supervision import ChildSpec, DynamicSupervisor, Node, RestartIntensity, Supervisor, node_of
from aegispay.waiting import Waiters

_CORE_INTENSITY = RestartIntensity(restarts=10, period_s=10.0)
"""Router, gateways and scheduler hold little and restart fast; ten crashes in ten seconds are no accident."""


async def assemble(assembly: Assembly, gateways: Sequence[Gateway]) -> Assembly:
    """Start all parts on an open store.

    Raises:
        DuplicateGatewayError: two gateways of one name.
        ValidationError: an object among the gateways is none.
    """
    await assembly.start()
    try:
        for gateway in gateways:
            await assembly.registry.register(gateway)
        assembly.settings.check_gateways()
    except BaseException:
        await assembly.stop_actors()
        raise
    return assembly


class Assembly:
    """The running parts of one engine.

    Attributes:
        registry: the registered gateways. inbox: what they report.
        directory: the payment actors, by payment id. dispatcher: the way to them.
        hooks: asks and tells hooks.
        refusal: why no commands are taken any more: the root gave up, or another engine owns the database.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        config: AegisPayConfig,
        clock: Clock,
        random_source: random.Random,
        calls: CallScope,
        interception: Interception | None = None,
        hooks: Hooks | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.telemetry = Telemetry() if telemetry is None else telemetry
        self._store = store
        self._config = config
        self._clock = clock
        self._random = random_source
        self._background = Background(self._halt)
        self._router_memory = RouterMemory({})
        self._held: dict[str, dict[str, CallResult]] = {}
        self._finished: deque[str] = deque()
        self._log = sampled(clock.monotonic)
        self.refusal: AegisPayError | None = None
        self.waiters = Waiters()
        self.hooks = HookRunner(Hooks() if hooks is None else hooks, store, clock, self.telemetry)
        tell = self.telemetry.also(self.hooks.tell)
        self.parking = ParkingLot(store=store, clock=clock, waiters=self.waiters, tell=tell)
        self.recovery = self._make_recovery()
        self.calls = calls
        self.calls.wake = self._wake_due
        self.system = ActorSystem(name="aegispay", clock=clock, interception=interception)
        self.registry = GatewayRegistry(
            store=store,
            config=config,
            clock=clock,
            calls=calls,
            find=self.find,
            deliver=self._deliver,
            in_background=self._background.spawn,
        )
        self.settings = Settings(
            config, store=store, clock=clock, announce=self.registry.configure, gateways=self.registry.entries
        )
        self.inbox = Inbox(store, clock, merge=self._merge)
        self.relay = Relay(
            store=store,
            clock=clock,
            system=self.system,
            find=self.find,
            fenced=self._halt,
            source=random_source,
            shutdown_s=config.shutdown_s,
            telemetry=self.telemetry,
        )

    @property
    def gateways(self) -> dict[str, GatewayEntry]:
        """Registered gateways by name, in order of registration."""
        return self.registry.entries

    directory: Directory
    dispatcher: Dispatcher
    charging: Charging
    measuring: Measuring

    # --- starting -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the tree: router, gateways, payments, scheduler, subscribers, in this order."""
        self.measuring = Measuring(self, self.telemetry, self._store, self._clock)
        await self.settings.open()
        await self.parking.load()
        await self.registry.load()
        self._root = self.system.spawn(self._make_root, name="root")
        await self.system.started(self._root)
        self.directory = self._make_directory()
        self.dispatcher = Dispatcher(
            directory=self.directory,
            waiters=self.waiters,
            parking=self.parking,
            config=self._config,
            refusal=lambda: self.refusal,
            lifecycle=self.hooks.lifecycle,
            telemetry=self.telemetry,
        )

    def _make_root(self) -> Supervisor:
        specs = (
            ChildSpec(id="router", start=self._make_router, is_registered=True, capacity=1_000_000),
            ChildSpec(id="gateways", start=self._make_gateways),
            ChildSpec(id="payments", start=self._make_payments),
            ChildSpec(id="scheduler", start=self._make_scheduler),
            ChildSpec(id="subscribers", start=self.relay.make_supervisor),
        )
        return Supervisor(
            "root",
            specs,
            intensity=_CORE_INTENSITY,
            source=self._random,
            sink=self.telemetry.reported,
            on_gave_up=self._gave_up,
        )

    def _make_router(self) -> RouterActor:
        return RouterActor(self._router_memory)

    def _make_gateways(self) -> Supervisor:
        return Supervisor(
            "gateways",
            tuple(self.registry.specs),
            intensity=_CORE_INTENSITY,
            source=self._random,
            sink=self.telemetry.reported,
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
            sink=self.telemetry.reported,
        )

    def _make_scheduler(self) -> SchedulerActor:
        return SchedulerActor(
            self._store,
            self._clock,
            interval_s=self._config.wake_interval_s,
            wake=self._wake_due,
            look=self._look,
            on_error=lambda error: self._log.warning("timers_not_read", error=str(error), hint=error.hint),
        )

    def _make_recovery(self) -> Recovery:
        return Recovery(
            self._store,
            wake=self.wake,
            park=lambda payment_id, cause: self.parking.park(payment_id, cause=cause),
            attempts_max=self._config.recoveries_max,
            concurrency=self._config.recovery_concurrency,
        )

    def _make_directory(self) -> Directory:
        services = PaymentServices(
            store=self._store,
            clock=self._clock,
            config=self._config,
            settings=self.settings,
            find_router=lambda: self.find("router"),
            gateways=self.gateways,
            calls=self.calls,
            deliver=self._deliver,
            is_halted=lambda: self.refusal is not None,
            fenced=self._halt,
            committed=self._committed,
            doubt_ended=self.measuring.doubt_ended,
            looked_at=self.waiters.looked_at,
            recovered=self._recovered,
            hooks=self.hooks,
            telemetry=self.telemetry,
            source=self._random,
        )
        self.charging = charging = Charging(services)
        asking = Asking(services)
        return Directory(
            self.system,
            lambda payment_id: PaymentActor(payment_id, charging, asking),
            supervisor=self.find("payments"),
            capacity=self._config.mailbox_capacity,
            idle_s=self._config.actor_idle_s,
            size_max=self._config.actors_max,
        )

    def find(self, name: str) -> ActorRef[Any]:
        """Return the ref of a core actor; it may have been started anew since the last time."""
        ref = self.system.find(name)
        if ref is None:
            raise EngineFailedError(f"{name} is not running")
        return ref

    # --- running ------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Go on with every payment that was being processed when the last engine ended."""
        await self.recovery.start(self._clock.now())

    def _look(self) -> None:
        """Do what is due beside the payments' own timers."""
        if len(self.recovery):
            self._background.spawn(self.recovery.advance())
        if self.measuring.is_due():
            self._background.spawn(self.measuring.refresh())
        if self.refusal is None:
            self._background.spawn(self.inbox.offer_due())

    def _wake_due(self, payment_id: str) -> bool:
        # What recovery has not come to yet is overdue as well, and must not overtake it.
        is_free = not self.recovery.is_waiting(payment_id) and not self.calls.is_busy(payment_id)
        return self.refusal is None and is_free and self.wake(payment_id)

    def wake(self, payment_id: str) -> bool:
        """Tell a payment that its time has come; return whether it was told."""
        if payment_id in self.parking or self.directory.has_mail(payment_id):
            # With mail to handle it is awake; if it is due afterwards, the next look finds it.
            return False
        try:
            self.directory.tell(payment_id, Wake())
        except (DirectoryFullError, ActorDeadError):
            # It stays due, so the next look finds it again.
            self._log.warning("wake_postponed", payment_id=payment_id)
            return False
        return True

    def _deliver(self, result: CallResult) -> None:
        """Hand a gateway's answer to its payment, whichever incarnation lives."""
        payment_id = result.call.payment_id
        if payment_id in self.parking:
            self._held.setdefault(payment_id, {})[result.call.operation_id] = result
            return
        try:
            self.directory.tell(payment_id, OutcomeArrived(result))
        except (DirectoryFullError, ActorDeadError):
            self._log.warning("outcome_not_delivered", **of_operation(payment_id, result.call.operation_id))

    async def _merge(self, gateway: str, notification: Notification, is_conflict: bool) -> bool:  # noqa: FBT001 - a port
        """Pass what a gateway reports on to its payment; return whether there is such a payment."""
        payment_id = payment_of(notification.reference)
        if payment_id is None:
            return False
        message = NotificationArrived(gateway=gateway, notification=notification, is_conflict=is_conflict)
        return await self.dispatcher.merge(payment_id, message)

    async def unpark(
        self, payment_id: str, *, operator: str, reason: str = "", refusal: RefusePayment | None = None
    ) -> None:
        """Let a parked payment go on, with the answers that came meanwhile; or end it at once with `refusal`."""
        await self.parking.unpark(payment_id, operator=operator, reason=reason, refusal=refusal)
        held = self._held.pop(payment_id, {})
        for result in held.values():
            self._deliver(result)
        if not held:
            self.wake(payment_id)

    def _committed(self, payment: Payment) -> None:
        self.waiters.changed(payment)
        self.relay.notify()
        if payment.is_parked and payment.review is not None and payment.id not in self.parking:
            cause = review_cause(payment.review.hook, payment.review.reason)
            self._background.spawn(self.parking.park(payment.id, cause=cause, is_review=True))
        if payment.state.is_final:
            self._finished.append(payment.id)
            if len(self._finished) > self._config.finished_kept:
                self.directory.passivate(self._finished.popleft())

    def _recovered(self, payment_id: str) -> None:
        if self.recovery.is_running(payment_id):
            self._background.spawn(self.recovery.end(payment_id))

    def _exhausted(self, payment_id: str, cause: BaseException) -> None:
        # Marked before its last askers hear that it is dead, so that they find it parked when they ask again.
        self._background.spawn(
            self.parking.park(payment_id, cause=f"its actor kept crashing with {type(cause).__name__}")
        )
        self._recovered(payment_id)

    def _halt(self, error: AegisPayError) -> None:
        """Take no more commands and call no more gateways; whoever waits is told why."""
        if self.refusal is None:
            self.refusal = error
            self._log.error("engine_halted", error=str(error), hint=error.hint)
            self.waiters.fail_all(error)

    def _gave_up(self, cause: BaseException) -> None:
        self._halt(EngineFailedError(f"the engine gave up: {cause}"))
        # Nobody restarts them any more: those that are suspended would keep their askers waiting.
        self._background.spawn(self.directory.stop_all(timeout_s=self._config.shutdown_s))

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
        if self.refusal is None:
            # From now on nothing asks a gateway: a call begun during the rest would outlive the engine.
            self.refusal = error
        await self.calls.cancel_all()
        await self.registry.close()
        # If it cannot be written, those payments have one attempt less to survive, which is no reason not to close.
        with contextlib.suppress(StoreError):
            await self.recovery.leave()
        self.waiters.fail_all(error)
        await self.stop_actors()

    async def stop_actors(self) -> None:
        """Stop subscribers, payments, then the tree in reverse order, then what runs beside it."""
        await self.relay.close()
        await self.directory.stop_all(timeout_s=self._config.shutdown_s)
        await self.hooks.close(timeout_s=self._config.shutdown_s)
        await self.system.shutdown(timeout_s=self._config.shutdown_s)
        await self._background.settle()
