"""What the hooks that come with AegisPay have in common."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from aegispay.domain.hook_kind import HookKind
from aegispay.errors import ConfigurationError, FieldError
from aegispay.hooks.contexts import PaymentContext
from aegispay.hooks.hook import Hook
from aegispay.hooks.kinds import OnFailure
from aegispay.hooks.verdicts import Allow, Block, Review


class Then(StrEnum):
    """What a ready check answers where it finds something."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


class ReadyCheck:
    """A fraud check that only computes, made of settings."""

    __slots__ = ()

    NAME = ""

    def check(self, context: PaymentContext) -> Allow | Block | Review:
        """Look at a payment."""
        raise NotImplementedError

    def hook(self, *, on_failure: OnFailure | str, **settings: Any) -> Hook:
        """Return it as a hook to register; `settings` are those of `Hook`."""
        given: dict[str, Any] = {"name": self.NAME, "is_quick": True, **settings}
        return Hook(kind=HookKind.FRAUD_CHECK, call=self, on_failure=on_failure, **given)  # type: ignore[arg-type]  # the hook puts texts into their types


def verdict(then: Then, reason: str, score: float) -> Allow | Block | Review:
    """Return the verdict that the settings ask for."""
    match then:
        case Then.ALLOW:
            return Allow()
        case Then.REVIEW:
            return Review(reason, score)
        case Then.BLOCK:
            return Block(reason, score)


def then_of(field: str, value: object) -> Then:
    """Return what to answer.

    Raises:
        ConfigurationError: it is none of the three.
    """
    try:
        return Then(value)  # type: ignore[arg-type]  # it refuses what is none
    except ValueError:
        raise refused(field, f"use one of {', '.join(Then)}") from None


def refused(field: str, message: str) -> ConfigurationError:
    """Return the error for a setting that makes no sense."""
    return ConfigurationError([FieldError(field, message)], hint="Correct the settings of the hook.")
