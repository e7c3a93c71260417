"""Mistakes in a retry policy that would hide a row or promise what cannot happen."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from itertools import pairwise

from aegispay.domain.outcome import DeclineKind, Reason
from aegispay.domain.retry.action import SAME_CARD_LATER, FailureClass, RetryAction
from aegispay.domain.retry.backoff import Backoff
from aegispay.domain.retry.networks import Network
from aegispay.domain.retry.policy import RetryPolicy
from aegispay.domain.retry.rules import RetryRule

_UNKNOWN = frozenset(
    {
        Reason.TIMEOUT,
        Reason.CONNECTION_LOST,
        Reason.GATEWAY_FAULT,
        Reason.UNREADABLE_ANSWER,
        Reason.INTERRUPTED,
        Reason.CANNOT_BE_ASKED,
        Reason.PENDING,
        Reason.DUPLICATE_REFERENCE,
        Reason.IN_PROGRESS,
    }
)
"""Why an outcome is not known. No row is ever asked about one: the gateway is."""


def lint(policy: RetryPolicy, *, gateways: Collection[str] | None = None) -> tuple[str, ...]:
    """Return one sentence for each mistake, naming the row by its place from 1; empty if there is none.

    Args:
        policy: what to look at.
        gateways: the names there are; ``None`` when they are not known.
    """
    found: list[str] = []
    for number, rule in enumerate(policy.rules, start=1):
        earlier = policy.rules[: number - 1]
        found += (f"rule {number}: {problem}" for problem in _problems(rule, earlier, policy, gateways))
    found += _whole(policy)
    return tuple(found)


def _problems(
    rule: RetryRule, earlier: tuple[RetryRule, ...], policy: RetryPolicy, gateways: Collection[str] | None
) -> Iterator[str]:
    yield from _hidden(rule, earlier)
    if rule.reason in _UNKNOWN:
        yield f"never holds: {rule.reason} means that the outcome is not known, and then only its gateway is asked"
    elif rule.action is not RetryAction.FAIL and _is_unfit(rule):
        yield f"never has an effect: {rule.action.value} is not done after {rule.conditions()}"
    if gateways is not None and rule.gateway is not None and rule.gateway not in gateways:
        near = get_close_matches(rule.gateway, gateways, n=1)
        yield f"there is no gateway {rule.gateway}" + (f"; did you mean {near[0]}?" if near else "")
    if rule.attempts_max is not None and rule.attempts_max > policy.attempts_max:
        yield f"attempts_max {rule.attempts_max} is more than the policy's {policy.attempts_max}, which holds"
    yield from _delays(rule, policy)


def _hidden(rule: RetryRule, earlier: tuple[RetryRule, ...]) -> Iterator[str]:
    for place, other in enumerate(earlier, start=1):
        if other.covers(rule):
            is_clash = rule.code is not None and other.code is not None and rule.code != other.code
            detail = f"; {other.code} and {rule.code} are the same code" if is_clash else ""
            opposed = "" if other.action is rule.action else f", which says {other.action.value}"
            yield f"is never reached: rule {place} holds wherever it does{opposed}{detail}"
            return


def _is_unfit(rule: RetryRule) -> bool:
    """Whether what the row names is final whatever it says."""
    if rule.outcome in {FailureClass.NOT_PROCESSED, FailureClass.MISCONFIGURED} or rule.kind is DeclineKind.SOFT:
        return False
    return rule.reason in _PAYERS_OWN or (
        rule.kind is not None and not (rule.action.is_later and rule.reason in {None, *SAME_CARD_LATER})
    )


_PAYERS_OWN = frozenset(
    {
        Reason.LOST_CARD,
        Reason.STOLEN_CARD,
        Reason.EXPIRED_CARD,
        Reason.INCORRECT_CVC,
        Reason.INVALID_METHOD,
        Reason.FRAUD_SUSPECTED,
        Reason.AUTHENTICATION_FAILED,
        Reason.REJECTED_REQUEST,
    }
)


def _delays(rule: RetryRule, policy: RetryPolicy) -> Iterator[str]:
    delays_s = rule.delays_s
    if any(later < sooner for sooner, later in pairwise(delays_s)):
        yield "its delays become shorter"
    most = policy.attempts_max if rule.attempts_max is None else min(rule.attempts_max, policy.attempts_max)
    if len(delays_s) > most - 1:
        yield f"it has {len(delays_s)} delays, but only {most} attempts are made, so {most - 1} are used"
    used = delays_s[: max(0, most - 1)]
    if used and sum(used) > policy.deadline_s:
        yield f"its delays add up to {sum(used):g} s, more than the policy's deadline_s of {policy.deadline_s:g}"


def _whole(policy: RetryPolicy) -> Iterator[str]:
    if policy.attempts_max == 1 and any(rule.action is not RetryAction.FAIL for rule in policy.rules):
        yield "attempts_max is 1, so no rule has any effect"
    if policy.backoff.cap_s > policy.deadline_s and policy.backoff != Backoff():
        yield f"backoff.cap_s {policy.backoff.cap_s:g} is more than deadline_s {policy.deadline_s:g}"
    for network in Network:
        caps = sorted(policy.caps_of(network), key=lambda cap: cap.window_s)
        if not caps:
            yield f"network_caps: {network} has none, and charges for more than it allows"
        for shorter, longer in pairwise(caps):
            if longer.attempts_max < shorter.attempts_max:
                yield (
                    f"network_caps: {network} allows {shorter.attempts_max} in {shorter.window_s:g} s, but only "
                    f"{longer.attempts_max} in the longer {longer.window_s:g} s, so the first never matters"
                )
