"""The table that says what follows which failure: data, first match wins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aegispay.domain.card_data import shown
from aegispay.domain.limits import refuse, whole
from aegispay.domain.outcome import DeclineKind, Reason
from aegispay.domain.retry.action import SAME_CARD_LATER, Failed, FailureClass, RetryAction
from aegispay.domain.retry.backoff import is_delay
from aegispay.errors import FieldError

_NAME_MAX = 255
_DELAYS_MAX = 50
_FINAL_KINDS = frozenset({DeclineKind.HARD, DeclineKind.RISK, DeclineKind.AUTHENTICATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """One row. Every condition that is given has to hold; a row without any holds always.

    Attributes:
        outcome: the class of the failure.
        kind: of a decline.
        reason: why, in AegisPay's closed list.
        code: the gateway's own code; upper and lower case are the same.
        gateway: who said so.
        action: what to do.
        delays_s: for the actions that wait: seconds after the first attempt, the second and so on, the last repeats;
            empty for the policy's back-off.
        attempts_max: how many attempts there may be in all where this row decides; ``None`` for what the policy says.
        why: for people, in `aegispay policy explain` and in the payment's events.
    """

    outcome: FailureClass | None = None
    kind: DeclineKind | None = None
    reason: Reason | None = None
    code: str | None = None
    gateway: str | None = None
    action: RetryAction
    delays_s: tuple[float, ...] = ()
    attempts_max: int | None = None
    why: str = ""

    def __post_init__(self) -> None:
        """Refuse a row that makes no sense by itself.

        Raises:
            ValidationError: naming every field that is wrong.
        """
        # From files they come as words and lists.
        for name, kind in (("outcome", FailureClass), ("kind", DeclineKind), ("reason", Reason)):
            self._become(name, kind)
        self._become("action", RetryAction)
        object.__setattr__(self, "delays_s", tuple(self.delays_s))
        refuse(
            () if self.attempts_max is None else whole("rule.attempts_max", self.attempts_max),
            _text_problems(self),
            _delay_problems(self),
            _meaning_problems(self),
            hint="Correct the RetryRule.",
        )

    def _become(self, name: str, kind: type[FailureClass | DeclineKind | Reason | RetryAction]) -> None:
        value = getattr(self, name)
        if value is None and name != "action":
            return
        try:
            object.__setattr__(self, name, kind(value))
        except ValueError:
            known = ", ".join(each.value for each in kind)
            refuse([FieldError(f"rule.{name}", f"use one of {known}", shown(value))], hint="Correct the RetryRule.")

    def holds(self, outcome: Failed, gateway: str) -> bool:
        """Return whether every condition holds."""
        return (
            (self.outcome is None or self.outcome == outcome.type)
            and (self.kind is None or self.kind is getattr(outcome, "kind", None))
            and (self.reason is None or self.reason is outcome.reason)
            and (self.code is None or self.code.casefold() == outcome.code.casefold())
            and (self.gateway is None or self.gateway == gateway)
        )

    def covers(self, other: RetryRule) -> bool:
        """Return whether this row holds wherever the other one does."""
        # Only a decline has a kind.
        theirs = FailureClass.DECLINED if other.kind is not None else other.outcome
        return (
            (self.outcome is None or self.outcome is theirs)
            and (self.kind is None or self.kind is other.kind)
            and (self.reason is None or self.reason is other.reason)
            and (self.code is None or (other.code is not None and self.code.casefold() == other.code.casefold()))
            and (self.gateway is None or self.gateway == other.gateway)
        )

    def conditions(self) -> str:
        """Say when it holds."""
        given = [
            f"{name} {value.value if hasattr(value, 'value') else value}"
            for name, value in (
                ("outcome", self.outcome),
                ("kind", self.kind),
                ("reason", self.reason),
                ("code", self.code),
                ("gateway", self.gateway),
            )
            if value is not None
        ]
        return ", ".join(given) or "anything else"


def _text_problems(rule: RetryRule) -> Iterator[FieldError]:
    for name in ("code", "gateway", "why"):
        value = getattr(rule, name)
        is_left_out = value is None or (name == "why" and not value)
        if not is_left_out and not (isinstance(value, str) and 1 <= len(value.strip()) <= _NAME_MAX):
            yield FieldError(f"rule.{name}", f"use a text of 1 to {_NAME_MAX} characters")


def _delay_problems(rule: RetryRule) -> Iterator[FieldError]:
    if len(rule.delays_s) > _DELAYS_MAX:
        yield FieldError("rule.delays_s", f"use at most {_DELAYS_MAX} delays")
    elif not all(is_delay(delay_s) for delay_s in rule.delays_s):
        yield FieldError("rule.delays_s", "use seconds, more than 0 and at most a year", shown(rule.delays_s))
    elif rule.delays_s and not rule.action.is_later:
        yield FieldError("rule.delays_s", f"are for the actions that wait; {rule.action.value} does not")


def _meaning_problems(rule: RetryRule) -> Iterator[FieldError]:
    if rule.kind is not None and rule.outcome not in {None, FailureClass.DECLINED}:
        yield FieldError("rule.kind", "is for declines only")
    if rule.action is RetryAction.FAIL:
        return
    if rule.outcome is FailureClass.INVALID_REQUEST:
        yield FieldError("rule.action", "must be fail: a request that was refused as wrong is wrong everywhere")
    if rule.kind in _FINAL_KINDS:
        yield FieldError("rule.action", f"must be fail: a decline of the kind {rule.kind.value} is never tried again")
    if rule.kind is DeclineKind.CUSTOMER_FIXABLE and (
        not rule.action.is_later or rule.reason not in {None, *SAME_CARD_LATER}
    ):
        yield FieldError("rule.action", "must be fail, or wait where only money is missing: the payer has to act first")


DEFAULT_RULES: tuple[RetryRule, ...] = (
    RetryRule(
        outcome=FailureClass.NOT_PROCESSED,
        action=RetryAction.OTHER_GATEWAY,
        why="nothing was executed there, so another gateway may be asked at once",
    ),
    RetryRule(
        outcome=FailureClass.MISCONFIGURED,
        action=RetryAction.OTHER_GATEWAY,
        why="the account at that gateway needs an operator; another gateway can take the payment",
    ),
    RetryRule(
        outcome=FailureClass.DECLINED,
        kind=DeclineKind.SOFT,
        action=RetryAction.OTHER_GATEWAY,
        why="issuers often approve over another acquirer what they declined softly",
    ),
    RetryRule(action=RetryAction.FAIL, why="the answer is final for this payment method"),
)
"""What holds where the policy's own rows say nothing. The last row holds always."""
