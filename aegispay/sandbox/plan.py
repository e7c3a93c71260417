"""Which fault strikes a request: ordered by header, armed, by token, or drawn from a seeded plan."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from aegispay.sandbox.faults import Call, Fault, Strike, by_token, can_happen


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as the choice of a fault sees it.

    Attributes:
        reference: the caller's name of what is asked for or about; empty where there is none.
        number: how many times such a request was sent for that reference, this one included.
        token: the payment's token.
        ordered: the fault named by the request's own header.
    """

    call: Call
    reference: str
    number: int
    token: str | None = None
    ordered: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Shares of requests, by fault, drawn from a seed.

    What is drawn depends on the seed, the kind of request, its reference and how often it was sent, so the order in
    which requests arrive does not matter.
    """

    seed: int = 0
    rates: Mapping[Fault, float] = field(default_factory=dict)

    def draw(self, sent: Sent) -> Fault | None:
        """Return the fault that strikes this request."""
        if not self.rates:
            return None
        point = dice(self.seed, "fault", sent).random()
        for fault, rate in self.rates.items():
            if can_happen(fault, sent.call):
                point -= rate
                if point < 0:
                    return fault
        return None


@dataclass(slots=True, kw_only=True)
class Armed:
    """A fault for the next requests that fit.

    Attributes:
        count: how many requests are left for it.
        call: only this kind of request.
        prefix: only references that begin so.
    """

    fault: Fault
    count: int = 1
    call: Call | None = None
    prefix: str = ""
    seconds: float | None = None

    def fits(self, sent: Sent) -> bool:
        """Return whether the request is one it waits for."""
        return (
            self.call in {None, sent.call}
            and sent.reference.startswith(self.prefix)
            and can_happen(self.fault, sent.call)
        )


class FaultChooser:
    """Chooses the fault for each request, and counts how often each was sent.

    Args:
        plan: what to draw from.
        counts: how often a kind of request was sent for a reference before.
    """

    def __init__(self, plan: Plan, counts: Counter[tuple[Call, str]]) -> None:
        self.plan = plan
        self._counts = counts
        self._armed: list[Armed] = []

    def arm(self, armed: Armed) -> None:
        """Keep a fault for requests to come; the first one armed that fits is used up first."""
        self._armed.append(armed)

    def disarm(self) -> None:
        """Forget the plan and everything armed."""
        self._armed.clear()
        self.plan = Plan()

    def count(self, call: Call, reference: str) -> int:
        """Return how many times such a request was sent, this one included."""
        self._counts[call, reference] += 1
        return self._counts[call, reference]

    def choose(self, sent: Sent) -> Strike | None:
        """Return what strikes the request; a header's order comes first, then what is armed, the token, the plan."""
        if sent.ordered is not None:
            return Strike.of(sent.ordered) if can_happen(sent.ordered, sent.call) else None
        armed = next((each for each in self._armed if each.fits(sent)), None)
        if armed is not None:
            return self._use(armed)
        token = by_token(sent.token, sent.call) if sent.number == 1 else None
        fault = token if token is not None else self.plan.draw(sent)
        return None if fault is None else Strike.of(fault)

    def _use(self, armed: Armed) -> Strike:
        armed.count -= 1
        if armed.count == 0:
            self._armed.remove(armed)
        return Strike.of(armed.fault, armed.seconds)


def dice(seed: int, purpose: str, sent: Sent) -> random.Random:
    """Return the randomness of one request, the same in every run with this seed."""
    return random.Random(f"{seed}/{purpose}/{sent.call}/{sent.reference}/{sent.number}")  # noqa: S311 - a simulation
