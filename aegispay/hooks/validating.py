"""Asking hooks about what is not stored yet: new requests, new captures and refunds, and what the host hands over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from aegispay.domain.hook_kind import HookKind
from aegispay.domain.metadata import parse_metadata
from aegispay.domain.request import PaymentRequest
from aegispay.errors import CardDataError, FieldError, ValidationError
from aegispay.hooks.calling import Answer, Caller
from aegispay.hooks.contexts import CustomContext, RequestContext, TransactionContext, own_payment, own_request
from aegispay.hooks.kinds import Subject
from aegispay.hooks.registered import Registered
from aegispay.hooks.registry import Hooks
from aegispay.hooks.rulings import Addition
from aegispay.hooks.verdicts import Enrich, Refuse

_HINT = "A hook refused it; correct what it names, or ask who registered the hook."


class Validation:
    """Asks hooks, from high priority to low, and collects all they refuse."""

    def __init__(self, hooks: Hooks, caller: Caller, now: Callable[[], datetime]) -> None:
        self._hooks = hooks
        self._caller = caller
        self._now = now

    async def refuse_request(self, request: PaymentRequest) -> None:
        """Ask about a new request.

        Raises:
            ValidationError: with everything that hooks refuse, each naming its hook.
        """
        await self._refuse(
            self._of_requests(request), lambda: RequestContext(at=self._now(), request=own_request(request))
        )

    async def refuse_transaction(self, context: TransactionContext) -> None:
        """Ask about a new capture or refund. Raises `ValidationError`."""

        def own() -> TransactionContext:
            return TransactionContext(
                at=context.at,
                payment=own_payment(context.payment),
                kind=context.kind,
                amount_minor=context.amount_minor,
                reason=context.reason,
            )

        await self._refuse(self._custom(Subject.TRANSACTION), own)

    async def refuse_custom(self, name: str, value: Any) -> None:
        """Ask one hook about a value of the host's.

        Raises:
            UnknownHookError: there is no custom validation of this name that is enabled.
            ValidationError: the hook refuses the value.
        """
        registered = self._hooks.named(name, HookKind.CUSTOM_VALIDATION)
        await self._refuse(iter((registered,)), lambda: CustomContext(at=self._now(), value=value))

    async def additions(self, request: PaymentRequest) -> tuple[Addition, ...]:
        """Ask what hooks add to the metadata; whoever comes first keeps a key, and the merchant comes before all."""
        merged, found = dict(request.metadata), []
        for registered in self._hooks.of(HookKind.ENRICHMENT):
            context = RequestContext(at=self._now(), request=own_request(request))
            answer = await self._caller.ask(registered, context)
            if isinstance(answer.verdict, Enrich):
                new = {name: value for name, value in answer.verdict.metadata.items() if name not in merged}
                if new and self._fits(registered, {**merged, **new}):
                    merged.update(new)
                    found.append(Addition(hook=registered.hook.name, metadata=new))
        return tuple(found)

    def _fits(self, registered: Registered, merged: dict[str, Any]) -> bool:
        """Return whether it all still is metadata; if not, the hook has said too much."""
        try:
            parse_metadata(merged)
        except (ValidationError, CardDataError) as error:
            registered.counts.failed += 1
            # Not the error's words: they show the beginning of what the hook said.
            self._caller.log.warning("enrichment_too_large", hook=registered.hook.name, error=type(error).__name__)
            return False
        return True

    def _of_requests(self, request: PaymentRequest) -> Iterator[Registered]:
        yield from self._hooks.of(HookKind.PRE_VALIDATION)
        for registered in self._hooks.of(HookKind.CUSTOM_VALIDATION):
            subject = registered.hook.subject
            if subject is Subject.PAYMENT or (subject is Subject.CUSTOMER and request.customer is not None):
                yield registered

    def _custom(self, subject: Subject) -> Iterator[Registered]:
        return (each for each in self._hooks.of(HookKind.CUSTOM_VALIDATION) if each.hook.subject is subject)

    async def _refuse(self, asked: Iterator[Registered], context: Callable[[], Any]) -> None:
        errors: list[FieldError] = []
        for registered in asked:
            answer = await self._caller.ask(registered, context())
            wrong = list(_errors(answer))
            if wrong:
                registered.counts.refused += 1
                errors += wrong
        if errors:
            raise ValidationError(errors, hint=_HINT)


def _errors(answer: Answer) -> Iterator[FieldError]:
    name = answer.hook.name
    if answer.failure:
        if answer.hook.closes:
            yield FieldError(f"hooks.{name}", f"the hook failed, and is declared to refuse then: {answer.failure}")
    elif isinstance(answer.verdict, Refuse):
        refused = answer.verdict
        if not refused.fields:
            yield FieldError(f"hooks.{name}", refused.reason)
        for field, words in refused.fields.items():
            yield FieldError(field, f"{words} (hook {name})")
