"""One payment at work: what is known of it, and the only way to write to it."""

from __future__ import annotations

from aegispay.actors.asking import Asking
from aegispay.actors.charging import Charging
from aegispay.actors.network_caps import capped, is_cap
from aegispay.actors.payment_messages import CompleteAction
from aegispay.actors.services import PaymentServices
from aegispay.actors.verdicts import blocked
from aegispay.domain.draft import Draft
from aegispay.domain.events import (
    AttemptFailed,
    AttemptStarted,
    OperationFailed,
    OperationRequested,
    OperationSucceeded,
    OutcomeResolved,
    PaymentAuthorized,
    PaymentSucceeded,
)
from aegispay.domain.evidence import Evidence
from aegispay.domain.invariants import check
from aegispay.domain.payment import Payment, Sent
from aegispay.domain.projection import project
from aegispay.domain.resolution import Purpose
from aegispay.errors import LimitReachedError, PaymentNotFoundError
from aegispay.history import rebuild
from aegispay.hooks.counters import full_counter
from aegispay.ports import Append

_SETTLING_SENDS = (AttemptFailed, PaymentAuthorized, PaymentSucceeded, OperationSucceeded, OperationFailed)
_SETTLING = (OutcomeResolved, OperationSucceeded, OperationFailed)


class Desk:
    """The state of one incarnation of a payment's actor.

    Attributes:
        payment: as it is on disk; ``None`` when it was not read yet or does not exist.
        is_loaded: whether it was read, or written, by this incarnation.
        begun_s: monotonic seconds at which this process decided each send, by reference.
        completion: the payer's return that waits until the gateway has answered an earlier question.
    """

    __slots__ = ("asking", "begun_s", "charging", "completion", "id", "is_loaded", "payment", "services")

    def __init__(self, payment_id: str, charging: Charging, asking: Asking) -> None:
        self.id = payment_id
        self.charging = charging
        self.asking = asking
        self.services: PaymentServices = charging.services
        self.payment: Payment | None = None
        self.is_loaded = False
        self.begun_s: dict[str, float] = {}
        self.completion: CompleteAction | None = None

    def existing(self) -> Payment:
        """Return the payment.

        Raises:
            PaymentNotFoundError: there is none.
        """
        if self.payment is None:
            raise PaymentNotFoundError(f"there is no payment {self.id}")
        return self.payment

    def draft(self) -> Draft:
        """Return an empty draft on the payment as it is."""
        return Draft(self.id, self.payment)

    async def load(self) -> None:
        """Rebuild the payment from its events."""
        payment = rebuild(self.id, await self.services.store.load(self.id))
        await self.services.settings.keep(payment)
        self.payment = payment
        self.is_loaded = True
        if payment is not None:
            self._forget_sends(payment)

    async def commit(self, draft: Draft) -> Payment:
        """Write what was decided; only then may it be seen, answered or acted upon."""
        payment = draft.payment
        if payment is None:
            raise PaymentNotFoundError(f"there is no payment {self.id}")
        if not draft.events:
            return payment
        check(payment)
        try:
            await self._append(payment, draft)
        except LimitReachedError as error:
            return await self.commit(self._instead(draft, error))
        before, self.payment = self.payment, payment
        self.is_loaded = True
        if before is not None and before.in_doubt:
            self._count_ended(before, payment, draft)
        for event in draft.events:
            if isinstance(event, _SETTLING_SENDS):
                self._forget_sends(payment)
            if isinstance(event, AttemptStarted | OperationRequested):
                self._send(payment, event.operation_id)
        self.services.telemetry.committed(payment, draft.events)
        self.tell(payment)
        if self.services.hooks.hears:
            self.services.hooks.tell(payment, draft.events)
        return payment

    def _instead(self, draft: Draft, error: LimitReachedError) -> Draft:
        """Return what to write where a counter takes no more: the end of the payment, without an attempt.

        The store has decided it, so nobody is asked again. What is returned counts less, so this comes to an end.

        Raises:
            LimitReachedError: nobody here counts by that key.
        """
        now = self.services.now()
        if is_cap(error):
            return capped(draft, self.payment, error, now)
        verdict = full_counter(draft.marks, error)
        if verdict is None:
            raise error
        return blocked(draft, self.payment, verdict, now)

    async def _append(self, payment: Payment, draft: Draft) -> None:
        append = Append(
            payment_id=self.id,
            expected_version=draft.version,
            events=draft.events,
            row=project(payment),
            marks=tuple(draft.marks),
        )
        span = self.services.telemetry.commit_started(payment)
        if span is None:
            await self.services.store.append(append)
            return
        try:
            await self.services.store.append(append)
        except BaseException as error:
            span.end(error=type(error).__name__)
            raise
        span.end()

    def _count_ended(self, before: Payment, after: Payment, draft: Draft) -> None:
        for doubt in before.doubts:
            sent = after.find_sent(doubt.id)
            if sent is None or sent.unknown_since is not None or doubt.unknown_since is None:
                continue
            evidence = next((e.evidence for e in draft.events if isinstance(e, _SETTLING)), Evidence.ANSWER)
            seconds = (after.updated_at - doubt.unknown_since).total_seconds()
            self.services.doubt_ended(seconds, Evidence(evidence))

    def _forget_sends(self, payment: Payment) -> None:
        # All that is settled, not only what this incarnation began: the one before it may have crashed.
        sends: tuple[Sent, ...] = (*payment.attempts, *payment.operations)
        for sent in sends:
            if not sent.status.is_open:
                self.begun_s.pop(sent.id, None)
                self.services.calls.settled(sent.id)

    def _send(self, payment: Payment, reference: str) -> None:
        sent = payment.find_sent(reference)
        if sent is not None and sent.status.is_open:
            self.begun_s[reference] = self.services.clock.monotonic()
            self.asking.place(payment, sent, Purpose.SEND)

    def tell(self, payment: Payment) -> None:
        """Tell whoever waits what the payment has become."""
        self.services.committed(payment)
        if payment.is_settled and not payment.is_charge_in_doubt:
            self.services.recovered(self.id)

    def begun(self, sent: Sent) -> float | None:
        """Return when this process decided to send it, in monotonic seconds; ``None`` when another process did."""
        return self.begun_s.get(sent.id)
