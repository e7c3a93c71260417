"""Where the certainty about an outcome comes from."""

from __future__ import annotations

from enum import StrEnum

from aegispay.domain.card_data import shown
from aegispay.errors import FieldError, ValidationError


class Evidence(StrEnum):
    """Why an outcome is believed; stored with it."""

    ANSWER = "answer"
    """The gateway's answer to the request itself."""
    LOOKUP = "lookup"
    """The gateway was asked what became of it."""
    RESEND = "resend"
    """The identical request was sent again under the same key."""
    COMPLETE = "complete"
    """The gateway was told that the payer came back."""
    WEBHOOK = "webhook"
    """The gateway reported it by itself, signed."""
    OPERATOR = "operator"
    """A person looked it up elsewhere and said so."""


class Verdict(StrEnum):
    """What a person says about something in doubt."""

    EXECUTED = "executed"
    """The gateway did it: money moved as asked."""
    NOT_EXECUTED = "not_executed"
    """The gateway did not do it, and will not."""


def parse_verdict(value: object) -> Verdict:
    """Return the verdict.

    Raises:
        ValidationError: there is no such verdict.
    """
    try:
        return Verdict(value)  # type: ignore[arg-type]  # it refuses what is none
    except ValueError:
        raise ValidationError(
            [FieldError("verdict", f"use {' or '.join(Verdict)}", shown(value))], hint="Correct the verdict."
        ) from None
