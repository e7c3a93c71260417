"""Everything an engine does with its hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from aegispay.domain.events import Event
from aegispay.domain.hook_kind import HookKind
from aegispay.domain.payment import Payment
from aegispay.domain.routing import RoutingRequest
from aegispay.hooks.calling import Caller
from aegispay.hooks.contexts import ErrorContext, PaymentContext, own_payment
from aegispay.hooks.counters import Counters
from aegispay.hooks.judging import Judge
from aegispay.hooks.lifecycle import Lifecycle
from aegispay.hooks.registry import Hooks
from aegispay.hooks.rulings import Ruling
from aegispay.hooks.telling import Telling
from aegispay.hooks.validating import Validation
from aegispay.hooks.verdicts import Cancel, Ignore, ManualReview, Prefer, Refund, RetryAfter
from aegispay.observability.telemetry import Telemetry
from aegispay.ports import Clock, EventStore, Mark

Reaction = RetryAfter | Refund | ManualReview | Cancel
"""What an error handler may want done."""


class HookRunner:
    """Asks hooks on behalf of payments. Where no hook of a kind is enabled, it costs a look at an attribute.

    Attributes:
        validation: asks about what is not stored yet. lifecycle: asks and tells about operations.
    """

    def __init__(self, hooks: Hooks, store: EventStore, clock: Clock, telemetry: Telemetry | None = None) -> None:
        self._hooks = hooks
        self._clock = clock
        self._caller = Caller(hooks.failing, now_s=clock.monotonic, telemetry=telemetry)
        self._counters = Counters(store)
        self._telling = Telling(hooks, self._caller)
        self._judge = Judge(hooks, self._caller, self._counters, clock.now)
        self.validation = Validation(hooks, self._caller, clock.now)
        self.lifecycle = Lifecycle(hooks, self._caller, self._telling, clock.now)

    def __repr__(self) -> str:
        """Show how many calls were given up and have not ended."""
        return f"<HookRunner {self._hooks!r} given_up={len(self._caller)}>"

    @property
    def looks_at_requests(self) -> bool:
        """Whether a hook is asked about new requests, so that it has to be known whether one is new."""
        return self._hooks.interests.requests

    @property
    def looks_at_transactions(self) -> bool:
        """Whether a hook is asked about captures and refunds."""
        return self._hooks.interests.transactions

    @property
    def judges(self) -> bool:
        """Whether a hook is asked before a payment's first attempt."""
        return self._hooks.interests.payments

    @property
    def handles_errors(self) -> bool:
        """Whether a hook is asked when something goes wrong."""
        return self._hooks.interests.errors

    @property
    def prefers(self) -> bool:
        """Whether a hook is asked for its favourite gateways."""
        return self._hooks.interests.routing

    @property
    def hears(self) -> bool:
        """Whether a hook is told what happens."""
        return self._hooks.interests.news

    async def judge(self, payment: Payment) -> Ruling:
        """Ask whether a payment may be processed. Raises `StoreError` when counters cannot be read."""
        return await self._judge.rule(payment)

    def marks(self, ruling: Ruling, at: datetime) -> tuple[Mark, ...]:
        """Return the counts that have to be made when the payment is processed."""
        return self._counters.marks(ruling.counts, at) if ruling.counts else ()

    async def preferring(self, payment: Payment, request: RoutingRequest) -> RoutingRequest:
        """Ask which gateways are to be tried first; whether they may be tried at all is not for hooks to say."""
        wanted = await self._preference(payment, request.excluded)
        if wanted is None:
            return request
        preference, hook = wanted
        return replace(request, preferred=preference.gateways, preferred_by=hook)

    async def _preference(self, payment: Payment, excluded: frozenset[str]) -> tuple[Prefer, str] | None:
        for registered in self._hooks.of(HookKind.ROUTING_STRATEGY):
            context = PaymentContext(at=self._clock.now(), payment=own_payment(payment), excluded=excluded)
            verdict = (await self._caller.ask(registered, context)).verdict
            if isinstance(verdict, Prefer) and verdict.gateways:
                return verdict, registered.hook.name
        return None

    async def handle(self, context: ErrorContext) -> tuple[Reaction, str, float] | None:
        """Return what the first error handler that wants something wants, its name, and how long it took."""
        for registered in self._hooks.of(HookKind.ERROR_HANDLER):
            own: Any = ErrorContext(
                at=context.at,
                payment=own_payment(context.payment),
                failure=context.failure,
                is_unknown=context.is_unknown,
                operation=context.operation,
            )
            answer = await self._caller.ask(registered, own)
            if answer.verdict is not None and not isinstance(answer.verdict, Ignore):
                return answer.verdict, registered.hook.name, round(answer.took_s, 6)
        return None

    def tell(self, payment: Payment, events: Sequence[Event]) -> None:
        """Pass on what was committed, in the background."""
        self._telling.tell(payment, events)

    async def close(self, timeout_s: float) -> None:
        """Wait until listeners have heard everything, but not longer than this."""
        await self._telling.drain(timeout_s)
