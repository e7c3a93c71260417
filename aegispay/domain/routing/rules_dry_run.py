"""What a new set of rules would have done with payments of the past.

Each payment's first attempt is decided again from its record: the same payment, the same time, the same eligible
gateways with the numbers they had. Later attempts depend on what came of the first, so they are left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.routing.decision import RoutingDecision
from aegispay.domain.routing.draws import draw_of
from aegispay.domain.routing.model import GatewaySnapshot, RoutingRequest
from aegispay.domain.routing.route import replay
from aegispay.domain.routing.rules import RuleBased

EXAMPLES_MAX = 3


@dataclass(frozen=True, slots=True)
class PastChoice:
    """The first decision about a payment.

    Attributes:
        gateway: the one that was tried.
        names_strategy: the payment named its own strategy, so that no rule of the engine's touches it.
    """

    payment_id: str
    request: RoutingRequest
    decision: RoutingDecision
    gateway: str
    names_strategy: bool = False


@dataclass(slots=True)
class Flow:
    """Payments that would move from one gateway to another.

    Attributes:
        amounts_minor: by currency.
        reasons: in the words of the new decision, with how many payments each moves.
        examples: ids of a few.
    """

    payments: int = 0
    amounts_minor: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, choice: PastChoice, reason: str) -> None:
        """Count one payment."""
        self.payments += 1
        self.amounts_minor[choice.request.currency] += choice.request.amount_minor
        self.reasons[reason] += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(choice.payment_id)


@dataclass(slots=True)
class DryRun:
    """The outcome.

    Attributes:
        flows: by the gateways from which and to which payments would move.
        by_rule: how many payments each enabled rule would decide.
        undecided: payments that no rule decides, where the record lacks the numbers that `otherwise` looks at.
        untouched: payments that named their own strategy.
        gateways: names of all that stand in any record, eligible or not.
    """

    payments: int = 0
    unchanged: int = 0
    undecided: int = 0
    untouched: int = 0
    flows: dict[tuple[str, str], Flow] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)
    gateways: set[str] = field(default_factory=set)

    def unheard_of(self, rules: RuleBased) -> list[str]:
        """Return the gateways that enabled rules name and no record does: nothing could move to them."""
        named = dict.fromkeys(name for rule in rules.rules if rule.enabled for name in rule.targets)
        return [name for name in named if name not in self.gateways] if self.payments else []


def begin(rules: RuleBased) -> DryRun:
    """Return an empty outcome, to `judge` one choice after the other."""
    return DryRun(by_rule={rule.name: 0 for rule in rules.rules if rule.enabled})


def judge(choice: PastChoice, rules: RuleBased, found: DryRun) -> None:
    """Decide one choice again by these rules, and count what comes of it."""
    found.payments += 1
    found.gateways.update(candidate.gateway for candidate in choice.decision.candidates)
    if choice.names_strategy:
        found.untouched += 1
        return
    # The draw is that of the attempt, also where the strategy of then drew nothing.
    record = replace(choice.decision, draw=draw_of(choice.payment_id, 1))
    again = replay(record, choice.request, strategy=rules)
    rule, _ = rules.deciding(choice.request, frozenset(again.order))
    if rule is not None:
        found.by_rule[rule.name] += 1
    elif not _has_numbers(choice, again, rules):
        found.undecided += 1
        return
    before, after = choice.gateway, again.order[0]
    if before == after:
        found.unchanged += 1
        return
    reason = f"otherwise, {rules.otherwise.title()}" if rule is None else f"rule {rule.name}"
    found.flows.setdefault((before, after), Flow()).add(choice, reason)


def _has_numbers(choice: PastChoice, again: RoutingDecision, rules: RuleBased) -> bool:
    """Return whether the record has what `otherwise` ranks by."""
    if not again.order or (again.turn is not None and choice.decision.turn is None):
        return False
    if choice.decision.strategy == rules.otherwise.kind:
        return True
    records = [candidate.facts for candidate in choice.decision.candidates if candidate.dropped is None]
    # Of calls that nobody made there are no numbers to keep.
    had_calls = any(facts.get("samples") != 0 for facts in records)
    wanted = rules.otherwise.facts(_SPECIMEN if had_calls else _NEWCOMER, choice.request)
    return {name for facts in records for name in facts} >= wanted.keys()


_SPECIMEN = GatewaySnapshot(
    name="specimen",
    contract=GatewayContract(fees=(Fee(fixed_minor=1),)),
    success_rate=1.0,
    latency_p50_s=1.0,
    samples=1,
    approvals=1.0,
    declines=1.0,
)
"""A gateway that reports every number there is, to see which of them a strategy looks at."""
_NEWCOMER = replace(_SPECIMEN, success_rate=None, latency_p50_s=None, samples=0)
"""The same before its first call."""
