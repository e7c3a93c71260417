"""What follows a failed attempt: a pure function of the outcome, the policy and where the payment stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aegispay.domain.outcome import Declined, DeclineKind, InvalidRequest, NotProcessed, Reason
from aegispay.domain.payment_method import PaymentMethod
from aegispay.domain.retry.action import Failed, RetryAction, why_barred
from aegispay.domain.retry.advice import Advice, AdviceKind, advice_of
from aegispay.domain.retry.networks import network_of
from aegispay.domain.retry.policy import RetryPolicy
from aegispay.domain.retry.rules import RetryRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where a payment stands when its last attempt has failed.

    Attributes:
        gateway: of that attempt.
        attempts: how many were made, that one included.
        began_at: when the first one began. at: now. Both aware UTC.
    """

    payment_id: str
    method: PaymentMethod
    gateway: str
    attempts: int
    began_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Fail:
    """There is no other attempt."""

    why: str


@dataclass(frozen=True, slots=True)
class TryNow:
    """Another gateway may be tried at once."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TryAt:
    """The next attempt waits.

    Attributes:
        at: no attempt begins before, aware UTC.
        gateway: the only one that may be tried then; ``None`` for any.
        is_put_off: whether it waits longer than a caller does.
    """

    at: datetime
    why: str
    gateway: str | None = None
    is_put_off: bool = False


Step = Fail | TryNow | TryAt


def next_step(outcome: Failed, policy: RetryPolicy, situation: Situation) -> Step:
    """Return what follows. Only outcomes that surely moved no money come here: an unknown one has no such question."""
    case = _Case.of(outcome, policy, situation)
    end = case.end()
    if end is not None:
        return Fail(end)
    action = case.action
    if action is RetryAction.FAIL:
        return Fail(case.why)
    barred = why_barred(outcome, action)
    if barred is not None:
        return Fail(barred)
    if action.is_later:
        return case.later()
    return case.now()


def wished_step(outcome: Failed, policy: RetryPolicy, situation: Situation, *, wish: datetime, why: str) -> Step:
    """Return what follows when somebody wants a payment to wait that would have failed; bounds and bars hold."""
    case = _Case.of(outcome, policy, situation)
    end = case.end() or why_barred(outcome, RetryAction.ANY_GATEWAY_LATER)
    if end is not None:
        return Fail(end)
    return case.wait(max((wish - situation.at).total_seconds(), case.least_s, 0.0), why)


def is_repeatable(outcome: Failed) -> bool:
    """Return whether the same gateway may be asked again later: what it cannot do at all, it cannot do then."""
    match outcome:
        case NotProcessed(reason=reason):
            return reason is not Reason.UNSUPPORTED
        case Declined(kind=kind):
            return kind in {DeclineKind.SOFT, DeclineKind.CUSTOMER_FIXABLE}
        case _:
            return False


def left_s(policy: RetryPolicy, began_at: datetime, at: datetime) -> float:
    """Return how many seconds are left in which an attempt may begin; negative when the deadline has passed."""
    return policy.deadline_s - (at - began_at).total_seconds()


@dataclass(frozen=True, slots=True)
class _Case:
    """One failure, with the row and the advice that are about it."""

    outcome: Failed
    policy: RetryPolicy
    situation: Situation
    name: str
    rule: RetryRule
    advice: Advice | None

    @classmethod
    def of(cls, outcome: Failed, policy: RetryPolicy, situation: Situation) -> _Case:
        name, rule = policy.rule_for(outcome, situation.gateway)
        advice = None
        if isinstance(outcome, Declined) and outcome.advice:
            advice = advice_of(network_of(situation.method), outcome.advice)
        return cls(outcome, policy, situation, name, rule, advice)

    @property
    def action(self) -> RetryAction:
        """What the row says, or what the network's advice makes of it."""
        if self.advice is not None and self.policy.puts_off_on_advice and not self.rule.action.is_later:
            return RetryAction.ANY_GATEWAY_LATER
        return self.rule.action

    @property
    def why(self) -> str:
        if self.advice is not None and self.action is not self.rule.action:
            return self._advised()
        return self.rule.why or f"{self.name}: {self.rule.conditions()}"

    @property
    def least_s(self) -> float:
        """What the gateway or the network asks for, in seconds."""
        return max(self._retry_after_s, 0.0 if self.advice is None else self.advice.delay_s)

    @property
    def _retry_after_s(self) -> float:
        after_s = getattr(self.outcome, "retry_after_s", None)
        return after_s if after_s is not None and after_s > 0 else 0.0

    def _advised(self) -> str:
        assert self.advice is not None, "asked only where there is one"
        return f"{self.advice.network} advice {self.advice.code}: {self.advice.words}"

    def end(self) -> str | None:
        """Return why nothing may follow, whatever the row says."""
        if isinstance(self.outcome, InvalidRequest):
            return why_barred(self.outcome, RetryAction.OTHER_GATEWAY)
        if self.advice is not None and self.advice.kind is not AdviceKind.LATER:
            return self._advised()
        most = min(self.rule.attempts_max or self.policy.attempts_max, self.policy.attempts_max)
        if self.situation.attempts >= most:
            return f"{self.situation.attempts} of {most} attempts were made"
        return None

    def now(self) -> Step:
        if self.advice is not None:
            return Fail(f"{self._advised()}; puts_off_on_advice is off")
        if left_s(self.policy, self.situation.began_at, self.situation.at) < 0:
            return Fail("the payment's deadline has passed")
        return TryNow(self.why)

    def later(self) -> Step:
        delay_s, why = self._delay_s(), self.why
        if self.least_s > delay_s:
            is_advised = self.advice is not None and self.advice.delay_s >= self._retry_after_s
            why = f"{why}; not before {'the network advises' if is_advised else 'the gateway asks for it'}"
        return self.wait(max(delay_s, self.least_s), why)

    def _delay_s(self) -> float:
        delays_s, attempts = self.rule.delays_s, self.situation.attempts
        if delays_s:
            return delays_s[min(attempts, len(delays_s)) - 1]
        if self.advice is not None and not self.rule.action.is_later:
            return self.advice.delay_s
        return self.policy.backoff.delay_s(self.situation.payment_id, attempts)

    def wait(self, wait_s: float, why: str) -> Step:
        situation, policy = self.situation, self.policy
        if wait_s > left_s(policy, situation.began_at, situation.at):
            return Fail(f"{why}; that would be after the payment's deadline")
        return TryAt(
            at=situation.at + timedelta(seconds=wait_s),
            why=why,
            gateway=situation.gateway if self.action is RetryAction.SAME_GATEWAY_LATER else None,
            is_put_off=wait_s > policy.patience_s,
        )
