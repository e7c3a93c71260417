"""Taking outcomes in, and asking error handlers what to do where something went wrong.

An outcome waits in memory while hooks are asked, at most for their deadlines. That is safe: if the process dies
meanwhile the answer is lost like any other, and the gateway is asked what became of the payment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from aegispay.actors.desk import Desk
from aegispay.actors.services import apply
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.evidence import Evidence
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.keys import operation_id, operation_key
from aegispay.domain.outcome import Outcome, Reason
from aegispay.domain.payment import Failure, Operation, Payment, Sent
from aegispay.domain.state import OperationKind, OperationStatus, PaymentState
from aegispay.hooks.contexts import ErrorContext
from aegispay.hooks.runner import Reaction
from aegispay.hooks.verdicts import Cancel, ManualReview, Refund, RetryAfter
from aegispay.log import logger
from aegispay.observability.binding import of_payment

Recording = c.RecordOutcome | c.RecordOperation


async def taken_in(desk: Desk, sent: Sent, outcome: Outcome, evidence: Evidence) -> Draft:
    """Return a draft that takes an outcome in, with what follows from it and what error handlers want done about it."""
    command = desk.asking.record(desk.existing(), sent, outcome, evidence)
    draft = await _followed(desk, command)
    return draft if not desk.services.hooks.handles_errors else await _handled(desk, draft, command)


async def _followed(desk: Desk, command: Recording) -> Draft:
    """Return a draft with the outcome, and with the next attempt or the end for want of one, if it is time for that."""
    draft = desk.draft()
    apply(draft, command)
    await desk.charging.next_attempt(draft)
    return draft


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What went wrong: a failure that ends something, or an outcome that nobody knows."""

    failure: Failure
    is_unknown: bool
    name: str
    operation: Operation | None = None


def _trouble(before: Payment, after: Payment) -> _Trouble | None:
    last = after.last_attempt
    if last is not None and last.failure is not None and before.open_attempt is not None:
        if after.state is PaymentState.FAILURE:
            return _Trouble(last.failure, False, last.id)  # noqa: FBT003 - the field says it
        if after.is_charge_in_doubt and not before.is_charge_in_doubt:
            return _Trouble(last.failure, True, last.id)  # noqa: FBT003 - the field says it
    for operation in after.operations:
        known = before.find_operation(operation.id)
        is_new = known is not None and known.status is not operation.status and operation.failure is not None
        if is_new and operation.status in {OperationStatus.FAILED, OperationStatus.UNKNOWN}:
            assert operation.failure is not None, "checked"
            return _Trouble(operation.failure, operation.status is OperationStatus.UNKNOWN, operation.id, operation)
    return None


async def _handled(desk: Desk, draft: Draft, command: Recording) -> Draft:
    before, after = desk.existing(), draft.payment
    trouble = None if after is None or after.is_parked else _trouble(before, after)
    if trouble is None or after is None:
        return draft
    asked = await desk.services.hooks.handle(
        ErrorContext(
            at=desk.services.now(),
            payment=after,
            failure=trouble.failure,
            is_unknown=trouble.is_unknown,
            operation=trouble.operation,
        )
    )
    if asked is None:
        return draft
    reaction, hook, took_s = asked
    done = await _Reacting(desk, command, trouble, hook, took_s).react(reaction)
    if done is None:
        log = logger().bind(**of_payment(after))
        log.warning("hook_verdict_not_executed", hook=hook, verdict=type(reaction).__name__)
        return draft
    return done


class _Reacting:
    """Executes one verdict on a fresh draft; what the rules do not allow leaves the payment as it would have been."""

    def __init__(self, desk: Desk, command: Recording, trouble: _Trouble, hook: str, took_s: float) -> None:
        self._desk = desk
        self._command = command
        self._trouble = trouble
        self._hook = hook
        self._took_s = took_s

    async def react(self, reaction: Reaction) -> Draft | None:
        """Return a draft with the outcome, the verdict and what follows from it; ``None`` if it is not allowed."""
        steps: dict[type, tuple[VerdictKind, Callable[[Any, Draft], Draft | None]]] = {
            RetryAfter: (VerdictKind.RETRY_AFTER, self._retry),
            Refund: (VerdictKind.REFUND, self._refund),
            ManualReview: (VerdictKind.MANUAL_REVIEW, self._review),
            Cancel: (VerdictKind.CANCEL, self._cancel),
        }
        verdict, step = steps[type(reaction)]
        draft = step(reaction, await _followed(self._desk, self._command_for(reaction)))
        if draft is None:
            return None
        kept = c.JudgePayment(
            at=self._desk.services.now(),
            hook=self._hook,
            kind=HookKind.ERROR_HANDLER,
            verdict=verdict,
            reason=reaction.reason,
            took_s=self._took_s,
        )
        return draft if draft.apply(kept) is None else None

    def _command_for(self, reaction: Reaction) -> Recording:
        command = self._command
        if not isinstance(reaction, RetryAfter) or not isinstance(command, c.RecordOutcome):
            return command
        retry_at = command.at + timedelta(seconds=reaction.seconds)
        return replace(command, retry_at=retry_at, retry_why=f"hook {self._hook}")

    def _retry(self, _reaction: RetryAfter, draft: Draft) -> Draft | None:
        # What may have moved money is never tried again; what the policy's bounds end has ended all the same.
        payment = draft.payment
        is_charge = isinstance(self._command, c.RecordOutcome) and not self._trouble.is_unknown
        return draft if is_charge and payment is not None and payment.state is not PaymentState.FAILURE else None

    def _refund(self, _reaction: Refund, draft: Draft) -> Draft | None:
        # The same again, to the minor unit: what else the payment took in, nobody has asked to return.
        payment, failed = draft.payment, self._trouble.operation
        if payment is None or payment.in_doubt or failed is None or failed.kind is not OperationKind.REFUND:
            return None
        if not self._can(OperationKind.REFUND):
            return None
        key = f"hook:{self._hook}"
        reference = operation_id(payment.id, OperationKind.REFUND, key)
        if payment.find_operation(reference) is not None:
            # Once for each hook: a refund that fails is not a reason for the next one.
            return None
        gateway = payment.gateway or ""
        refund = c.RequestOperation(
            at=self._desk.services.now(),
            kind=OperationKind.REFUND,
            operation_id=reference,
            amount_minor=failed.amount_minor,
            idempotency_key=operation_key(reference, gateway),
            deadline_at=self._desk.services.patience(gateway),
            key=key,
            reason=f"hook {self._hook}",
        )
        return draft if draft.apply(refund) is None else None

    def _review(self, reaction: ManualReview, draft: Draft) -> Draft | None:
        opened = c.OpenIncident(
            at=self._desk.services.now(),
            incident_id=f"{self._trouble.name}-{self._hook}",
            reason=Reason.REVIEW_WANTED,
            detail=f"hook {self._hook}: {reaction.reason}",
        )
        return draft if draft.apply(opened) is None else None

    def _cancel(self, reaction: Cancel, draft: Draft) -> Draft | None:
        payment = draft.payment
        if payment is None or (payment.state is PaymentState.AUTHORIZED and not self._can(OperationKind.VOID)):
            return None
        key = f"hook:{self._hook}"
        reference = operation_id(payment.id, OperationKind.VOID, key)
        gateway = payment.gateway or ""
        cancel = c.CancelPayment(
            at=self._desk.services.now(),
            reason=reaction.reason or f"hook {self._hook}",
            operation_id=reference,
            idempotency_key=operation_key(reference, gateway),
            deadline_at=self._desk.services.patience(gateway),
            key=key,
        )
        return draft if draft.apply(cancel) is None else None

    def _can(self, kind: OperationKind) -> bool:
        """Return whether the gateway that holds the money can do this."""
        payment = self._desk.existing()
        approved = payment.approved_attempt
        contract = None if approved is None else self._desk.asking.contract(payment, approved)
        return contract is not None and (contract.refund if kind is OperationKind.REFUND else contract.void)
