"""The payment actor: one payment, one mailbox, one writer of its events. It never waits for a gateway."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from aegispay.actors import operating, outcomes, submitting
from aegispay.actors.actor import Actor
from aegispay.actors.asking import Asking
from aegispay.actors.calls import CallResult
from aegispay.actors.charging import Charging
from aegispay.actors.desk import Desk
from aegispay.actors.payment_messages import (
    CancelPayment,
    CloseIncident,
    CompleteAction,
    GetPayment,
    NotificationArrived,
    Operate,
    OutcomeArrived,
    ProcessPayment,
    RefusedError,
    Reread,
    ResolveDoubt,
    SendAgain,
    SubmitPayment,
    Wake,
)
from aegispay.actors.waking import Waking, is_interrupted, open_sends
from aegispay.domain.resolution import Purpose
from aegispay.errors import (
    AegisPayError,
    CommitUnknownError,
    FencedError,
    StoreError,
    StoreUnavailableError,
    VersionConflictError,
)

_STORE_RETRY_S = 1.0
"""How soon an outcome is offered to the store again that it could not take."""
_SEND_AGAIN_S = 0.25
"""How soon an operation is offered again to a gateway that had no room for it."""
_SEND_AGAIN_SHARE = 0.25
_SEND_AGAIN_MAX_S = 5.0
"""How soon at the latest, whatever the gateway's breaker says: it may be reset, or half open early."""


class PaymentActor(Actor):
    """Serialises everything that happens to one payment."""

    def __init__(self, payment_id: str, charging: Charging, asking: Asking) -> None:
        super().__init__()
        self._services = charging.services
        self._desk = Desk(payment_id, charging, asking)
        self._message: Any = None
        self._waking: Waking | None = None

    def __repr__(self) -> str:
        """Show id, state and version."""
        payment = self._desk.payment
        if payment is None:
            return f"<PaymentActor {self._desk.id} empty>"
        return f"<PaymentActor {self._desk.id} {payment.state} v{payment.version}>"

    def can_passivate(self) -> bool:
        """Stay in memory while money may still move, or an answer waits for the store."""
        return not open_sends(self._desk.payment) and not len(self.timers)

    async def on_start(self) -> None:  # type: ignore[override]  # pykka's hooks may be async here
        """After a crash, read the events and go on; a first instance reads when it must."""
        if self.incarnation > 0:
            try:
                await self._load()
            except StoreUnavailableError:
                # Not this payment's fault, so no crash of its own.
                self.timers.start("load", Wake(), _STORE_RETRY_S)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Keep an answer that perhaps was not written; ask again for one that this instance crashed over."""
        if not isinstance(self._message, OutcomeArrived):
            return
        if isinstance(exception_value, CommitUnknownError):
            self._services.deliver(self._message.result)
        else:
            self._services.calls.withdraw(self._message.result.call)

    async def on_receive(self, message: Any) -> Any:
        """Handle one message; business refusals are replies, everything unexpected is a crash."""
        self._message = message
        try:
            return await self._handle_up_to_date(message)
        except FencedError as error:
            self._services.fenced(error)
            raise RefusedError(error) from error
        except StoreUnavailableError as error:
            # Surely not written, so what is in memory is still true.
            if isinstance(message, OutcomeArrived):
                self.timers.start(("store", message.result.call.operation_id), message, _STORE_RETRY_S)
            raise RefusedError(error) from error
        except StoreError:
            raise
        except AegisPayError as error:
            raise RefusedError(error) from error

    async def _handle_up_to_date(self, message: Any) -> Any:
        desk = self._desk
        if self._has_to_read(message):
            await self._load()
        try:
            return await self._handle(message)
        except VersionConflictError:
            # There are events in this stream that are not in memory: it was not read yet, or parking wrote to it.
            await self._load()
            return await self._handle(message)
        except StoreUnavailableError:
            if desk.is_loaded or not isinstance(message, SubmitPayment):
                raise
            # A repetition needs no writing: if the payment exists, what it has become can be said all the same.
            await self._load()
            if desk.payment is None:
                raise
            return await self._handle(message)

    def _has_to_read(self, message: Any) -> bool:
        """Return whether the log knows more: it was not read yet, or the payment was parked, and perhaps let go on."""
        payment = self._desk.payment
        if self._desk.is_loaded:
            return (payment is not None and payment.is_parked) or isinstance(message, Reread)
        if not isinstance(message, SubmitPayment):
            return True
        # A new payment is found out by the append, unless hooks have to know before: of repetitions they are not asked.
        hooks = self._services.hooks
        return hooks.looks_at_requests or (message.process and (hooks.judges or hooks.prefers))

    async def _handle(self, message: Any) -> Any:
        desk = self._desk
        match message:
            case SubmitPayment():
                return await submitting.submit(desk, message)
            case ProcessPayment():
                return await submitting.process(desk)
            case GetPayment():
                return desk.existing()
            case OutcomeArrived(result):
                await self._answered(result)
            case Wake():
                await self._wake()
            case _:
                return await self._handle_later(message)
        return None

    async def _handle_later(self, message: Any) -> Any:
        """Handle what comes after the charge."""
        desk = self._desk
        match message:
            case Operate():
                return await operating.operate(desk, message)
            case CancelPayment():
                return await operating.cancel(desk, message)
            case CompleteAction():
                return await operating.complete_action(desk, message)
            case NotificationArrived():
                return await outcomes.notified(desk, message)
            case ResolveDoubt():
                return await operating.resolve(desk, message)
            case CloseIncident():
                return await operating.close_incident(desk, message)
            case SendAgain(reference):
                self._send_again(reference)
                return None
            case Reread():
                return None
            case _:
                return super().on_receive(message)

    async def _answered(self, result: CallResult) -> None:
        if await outcomes.answered(self._desk, result):
            reference = result.call.operation_id
            self.timers.start(("send", reference), SendAgain(reference), self._pause_s(result))
        await operating.complete_what_waits(self._desk)

    def _pause_s(self, result: CallResult) -> float:
        """Return how long to wait before an operation is offered again: not beyond the end of its patience."""
        sent = self._desk.existing().find_operation(result.call.operation_id)
        wanted_s = getattr(result.answer, "retry_after_s", None) or 0.0
        if sent is None:
            return _SEND_AGAIN_S
        now = self._services.now()
        left_s = (sent.next_check_at - now).total_seconds()
        # The longer it has waited, the less often: a thousand that wait must not keep the gateway's actor busy.
        waited_s = (now - sent.started_at).total_seconds()
        return max(_SEND_AGAIN_S, min(max(wanted_s, waited_s * _SEND_AGAIN_SHARE), left_s, _SEND_AGAIN_MAX_S))

    def _send_again(self, reference: str) -> None:
        payment = self._desk.existing()
        operation = payment.find_operation(reference)
        if operation is not None and operation.is_first_hand:
            self._desk.asking.place(payment, operation, Purpose.SEND)

    async def _wake(self) -> None:
        if self._waking is None:
            self._waking = Waking(self._desk, is_restarted=self.incarnation > 0)
        await self._waking.wake(is_waiting=bool(len(self.timers)))

    async def _load(self) -> None:
        """Rebuild the payment from its events; if it was interrupted, go on with it after this message."""
        is_first = not self._desk.is_loaded
        await self._desk.load()
        payment = self._desk.payment
        if not is_first or payment is None:
            return
        if is_interrupted(payment) and not isinstance(self._message, Wake):
            self.actor_ref.tell(Wake())
        # The instance before this one may have crashed between its commit and telling whoever waits.
        self._desk.tell(payment)
