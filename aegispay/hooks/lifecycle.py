"""Hooks around operations: before, they may refuse; after, they only hear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from aegispay.domain.hook_kind import HookKind
from aegispay.domain.payment import Payment
from aegispay.domain.request import PaymentRequest
from aegispay.errors import HookRefusedError
from aegispay.hooks.calling import Answer, Caller
from aegispay.hooks.contexts import LifecycleContext, own_payment, own_request
from aegispay.hooks.kinds import Moment
from aegispay.hooks.registered import Registered
from aegispay.hooks.registry import Hooks
from aegispay.hooks.telling import Telling
from aegispay.hooks.verdicts import Refuse


class Lifecycle:
    """Asks and tells the hooks of an operation."""

    def __init__(self, hooks: Hooks, caller: Caller, telling: Telling, now: Callable[[], datetime]) -> None:
        self._hooks = hooks
        self._caller = caller
        self._telling = telling
        self._now = now

    def __bool__(self) -> bool:
        """Return whether there is anybody to ask or tell."""
        return self._hooks.interests.operations

    async def before(self, operations: tuple[str, ...], payment_id: str, request: PaymentRequest | None = None) -> None:
        """Ask everybody who stands before these operations.

        Raises:
            HookRefusedError: by the first who refuses; nobody else is asked.
        """
        for operation in operations:
            for registered in self._at(operation, Moment.BEFORE):
                context = self._context(operation, payment_id, request)
                _raise_if_refused(registered, await self._caller.ask(registered, context), operation)

    def after(
        self,
        operations: tuple[str, ...],
        payment_id: str,
        *,
        request: PaymentRequest | None = None,
        payment: Payment | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Tell everybody who stands after these operations, in the background."""
        for operation in operations:
            context = self._context(operation, payment_id, request)
            context = replace(context, payment=payment, error=None if error is None else type(error).__name__)
            for registered in self._at(operation, Moment.AFTER):
                self._telling.put(registered, _Own(context))

    def _at(self, operation: str, moment: Moment) -> Iterator[Registered]:
        for registered in self._hooks.of(HookKind.LIFECYCLE):
            hook = registered.hook
            if hook.moment is moment and operation in hook.operations:
                yield registered

    def _context(self, operation: str, payment_id: str, request: PaymentRequest | None) -> LifecycleContext:
        own = None if request is None else own_request(request)
        return LifecycleContext(at=self._now(), operation=operation, payment_id=payment_id, request=own)


class _Own:
    """Makes a context of its own for each hook that hears."""

    __slots__ = ("_context",)

    def __init__(self, context: LifecycleContext) -> None:
        self._context = context

    def __call__(self) -> LifecycleContext:
        request, payment = self._context.request, self._context.payment
        return replace(
            self._context,
            request=None if request is None else own_request(request),
            payment=None if payment is None else own_payment(payment),
        )


def _raise_if_refused(registered: Registered, answer: Answer, operation: str) -> None:
    if answer.failure and registered.hook.closes:
        reason = f"the hook failed, and is declared to refuse then: {answer.failure}"
    elif isinstance(answer.verdict, Refuse):
        reason = answer.verdict.reason
    else:
        return
    registered.counts.refused += 1
    raise HookRefusedError(hook=registered.hook.name, operation=operation, reason=reason)
