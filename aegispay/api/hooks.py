"""Hooks, and what people decide because a hook asked them to."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from aegispay.api.life import EngineLife, checked_id
from aegispay.domain.card_data import shown
from aegispay.domain.payment import Payment
from aegispay.domain.text import text
from aegispay.errors import FieldError, IllegalTransitionError, ValidationError
from aegispay.hooks.registry import Hooks
from aegispay.parking import is_review_open, review_refusal

_WORDS_MAX = 500
_NAME_MAX = 100


class ReviewVerdict(StrEnum):
    """What a person decides about a payment that a hook wants reviewed."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class HookMethods(EngineLife):
    """The registry of hooks, reviews, and validations on demand."""

    @property
    def hooks(self) -> Hooks:
        """The registry: register, enable, disable and list hooks here, before or after opening."""
        return self._hooks

    async def review_payment(
        self, payment_id: str, verdict: ReviewVerdict | str, *, operator: str, reason: str
    ) -> Payment:
        """Decide about a payment that a hook has set aside for review; `list_payments(parked=True)` finds them.

        Args:
            payment_id: which.
            verdict: ``accept``: it is processed, and hooks are not asked again; ``refuse``: it ends as `FAILURE`.
            operator: who decides, at most 100 characters; kept.
            reason: why, at most 500 characters; kept.

        Returns:
            The payment as it is on disk: when accepted, it goes on by itself.

        Raises:
            ValidationError: a verdict that does not exist, or words that are missing.
            IllegalTransitionError: no review is open.
            PaymentNotFoundError, StoreError.
        """
        assembly = self._open_assembly()
        name = text("operator", operator, longest=_NAME_MAX)
        words = text("reason", reason, longest=_WORDS_MAX)
        decided = _verdict(verdict)
        payment = await self._payment_on_disk(checked_id(payment_id))
        if assembly.parking.is_in_review(payment.id) and not payment.is_parked:
            # Decided before, but the store failed half-way: what is left to do is to let it go on.
            await assembly.unpark(payment.id, operator=name, reason=words)
            return payment
        if not is_review_open(payment):
            raise IllegalTransitionError(state=payment.state.value, command="ReviewPayment", reason="no_review_is_open")
        refusal = None
        if decided is ReviewVerdict.REFUSE:
            refusal = review_refusal(at=self._clock.now(), operator=name, reason=words)
        await assembly.unpark(payment.id, operator=name, reason=words, refusal=refusal)
        return await self._payment_on_disk(payment.id)

    async def validate(self, name: str, value: Any) -> None:
        """Ask a custom validation about anything of yours; one registered with ``subject="custom"`` is meant for it.

        Raises:
            ValidationError: the hook refuses the value, or failed and is declared to refuse then.
            UnknownHookError: there is no custom validation of this name that is enabled.
        """
        await self._open_assembly().hooks.validation.refuse_custom(name, value)


def _verdict(value: object) -> ReviewVerdict:
    try:
        return ReviewVerdict(value)  # type: ignore[arg-type]  # it refuses what is none
    except ValueError:
        raise ValidationError([FieldError("verdict", "use accept or refuse", shown(value))]) from None
