"""How far a payment is carried: everything about attempts after the first, as one value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from aegispay.domain.card_data import shown
from aegispay.domain.limits import refuse, seconds, whole
from aegispay.domain.outcome import Declined, DeclineKind
from aegispay.domain.retry.action import Failed, RetryAction
from aegispay.domain.retry.backoff import DELAY_MAX_S, Backoff
from aegispay.domain.retry.budget import RetryBudget
from aegispay.domain.retry.networks import NETWORK_CAPS, Network, NetworkCap
from aegispay.domain.retry.rules import DEFAULT_RULES, RetryRule
from aegispay.domain.settings_errors import Checked
from aegispay.errors import FieldError

_RULES_MAX = 1_000
_BACKOFF = Backoff()
_BUDGET = RetryBudget()

_SOFT_ENDS = RetryRule(kind=DeclineKind.SOFT, action=RetryAction.FAIL, why="failover_on_soft_decline is switched off")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What follows a failed attempt. An unknown outcome is none: it is never followed by anything but a question.

    Attributes:
        attempts_max: attempts in all; three reach every usual set-up, and issuers punish more.
        failover_on_soft_decline: whether a soft decline may be tried at another gateway, where no row of `rules` says
            otherwise.
        deadline_s: no attempt begins later than so many seconds after the first; two weeks cover the longest delay that
            a network advises, and nobody expects an older order to be charged.
        rules: your own rows, first match wins; what they say nothing about, the built-in rows decide. None by default:
            no payment waits, because only its merchant knows whether the order can.
        backoff: delays of the rows that wait and name none.
        puts_off_on_advice: whether a payment waits when a card network advises to try later; otherwise it fails.
        patience_s: a payment that waits longer is answered to its caller at once, with `retry_at`; a minute is the
            longest that people and proxies wait.
        network_caps: how often one card may be tried; what the networks allow before they charge fees.
        budget: how many attempts after the first are allowed, over all payments.
    """

    attempts_max: int = 3
    failover_on_soft_decline: bool = True
    deadline_s: float = 1_209_600.0
    rules: tuple[Annotated[RetryRule, Checked], ...] = ()
    backoff: Annotated[Backoff, Checked] = _BACKOFF
    puts_off_on_advice: bool = False
    patience_s: float = 60.0
    network_caps: tuple[Annotated[NetworkCap, Checked], ...] = NETWORK_CAPS
    budget: Annotated[RetryBudget, Checked] = _BUDGET

    def __post_init__(self) -> None:
        """Refuse a policy without any attempt, or with a bound that cannot be kept.

        Raises:
            ValidationError: naming every setting that makes no sense.
        """
        refuse(
            whole("retry.attempts_max", self.attempts_max),
            seconds("retry.deadline_s", self.deadline_s),
            seconds("retry.patience_s", self.patience_s, is_zero_fine=True),
            _bounds(self),
            hint="Correct the RetryPolicy.",
        )

    def table(self) -> Iterator[tuple[str, RetryRule]]:
        """Return all rows in the order in which they are asked, each with its name."""
        for number, rule in enumerate(self.rules, start=1):
            yield f"rule {number}", rule
        if not self.failover_on_soft_decline:
            yield "failover_on_soft_decline", _SOFT_ENDS
        for rule in DEFAULT_RULES:
            yield "built in", rule

    def rule_for(self, outcome: Failed, gateway: str) -> tuple[str, RetryRule]:
        """Return the row that decides, with its name; the last built-in row holds always."""
        if isinstance(outcome, Declined) or self.rules:
            return next((name, rule) for name, rule in self.table() if rule.holds(outcome, gateway))
        return next(("built in", rule) for rule in DEFAULT_RULES if rule.holds(outcome, gateway))

    def caps_of(self, network: Network | None) -> tuple[NetworkCap, ...]:
        """Return how often a card of this network may be tried; empty where nothing is capped."""
        return tuple(cap for cap in self.network_caps if cap.network is network) if network is not None else ()


def _bounds(policy: RetryPolicy) -> Iterator[FieldError]:
    if len(policy.rules) > _RULES_MAX:
        yield FieldError("retry.rules", f"use at most {_RULES_MAX} rows", shown(len(policy.rules)))
    if isinstance(policy.deadline_s, int | float) and policy.deadline_s > DELAY_MAX_S:
        yield FieldError("retry.deadline_s", "use at most a year", shown(policy.deadline_s))
