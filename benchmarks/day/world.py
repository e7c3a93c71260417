"""The day as it is, whoever routes: who pays, what each gateway charges, approves and answers, and when it fails.

Every number was chosen before any strategy was run. The reason stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.payment_method import PaymentMethodType

DAY_S = 86_400.0
HOUR_S = 3_600.0
CARD, UPI, NET_BANKING = PaymentMethodType.CARD, PaymentMethodType.UPI, PaymentMethodType.NET_BANKING


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Payers who are alike.

    Attributes:
        share: of all payments.
        median_minor: half of the amounts are smaller.
        usd_per_minor: what a minor unit is worth, fixed for the day, so that sums can be made.
    """

    name: str
    currency: str
    method: PaymentMethodType
    share: float
    median_minor: int
    usd_per_minor: float


# A shop that sells in dollars first, in Europe second, and grows in India and Japan. The median basket is about 40 USD,
# in India a third of it.
SEGMENTS = (
    Segment(name="US card", currency="USD", method=CARD, share=0.42, median_minor=4_000, usd_per_minor=0.01),
    Segment(name="EU card", currency="EUR", method=CARD, share=0.22, median_minor=3_700, usd_per_minor=0.0108),
    Segment(name="UK card", currency="GBP", method=CARD, share=0.12, median_minor=3_200, usd_per_minor=0.0127),
    Segment(name="IN upi", currency="INR", method=UPI, share=0.12, median_minor=110_000, usd_per_minor=0.00012),
    Segment(name="IN card", currency="INR", method=CARD, share=0.05, median_minor=130_000, usd_per_minor=0.00012),
    Segment(name="JP card", currency="JPY", method=CARD, share=0.07, median_minor=6_000, usd_per_minor=0.0067),
)
AMOUNT_SIGMA = 0.9
"""Log-normal amounts: one payment in a hundred is eight times the median."""
PAYER_DECLINE_SHARE = 0.06
"""Payments that no gateway gets approved: no money, lost card. Everything above 0.94 is out of reach."""
PAYER_DECLINE_HARD_SHARE = 0.35
"""Of those, declined for good at once; the others are soft, and tried elsewhere in vain."""
GATEWAY_DECLINE_HARD_SHARE = 0.2
"""Of the declines that another gateway might have avoided: the issuer still says never to try again."""


class TroubleKind(Enum):
    """How a gateway fails. A refused connection says so at once; a time-out leaves open what happened."""

    REFUSING = "refuses every connection"
    HANGING = "never answers"
    BROWN_OUT = "slow, and one call in eight fails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A time of trouble.

    Attributes:
        error_share: calls that the gateway refuses to process. hang_share: calls that it never answers.
        slowness: what every other latency is multiplied by.
        is_seen_by_health_check: whether the gateway's own health check says that it is down.
    """

    kind: TroubleKind
    starts_s: float
    ends_s: float
    error_share: float = 0.0
    hang_share: float = 0.0
    slowness: float = 1.0
    is_seen_by_health_check: bool = False

    def is_on(self, at: float) -> bool:
        return self.starts_s <= at < self.ends_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One gateway as it really is.

    Attributes:
        approval: by segment, the share of willing payers that it gets approved, before drift; a segment that is
            missing is one it does not take.
        drift: what is added to those shares at a time of day.
        latency_s: the median. latency_sigma: of the log-normal.
        error_share, hang_share: on any good day.
    """

    name: str
    contract: GatewayContract
    approval: dict[str, float]
    drift: Callable[[float], float]
    latency_s: float
    latency_sigma: float = 0.45
    error_share: float = 0.002
    hang_share: float = 0.0003
    troubles: tuple[Trouble, ...] = field(default=())

    def approval_at(self, segment: Segment, at: float) -> float:
        return min(0.995, max(0.0, self.approval[segment.name] + self.drift(at)))

    def trouble_at(self, at: float) -> Trouble | None:
        return next((trouble for trouble in self.troubles if trouble.is_on(at)), None)

    def error_share_at(self, at: float) -> float:
        trouble = self.trouble_at(at)
        return self.error_share if trouble is None else max(self.error_share, trouble.error_share)

    def hang_share_at(self, at: float) -> float:
        trouble = self.trouble_at(at)
        return self.hang_share if trouble is None else max(self.hang_share, trouble.hang_share)


def _contract(fees: tuple[Fee, ...], methods: set[PaymentMethodType], *currencies: str) -> GatewayContract:
    return GatewayContract(methods=frozenset(methods), currencies=frozenset(currencies), fees=fees)


def _sliding(first: float, last: float) -> Callable[[float], float]:
    return lambda at: first + (last - first) * at / DAY_S


# alpha: the incumbent. Takes everything but UPI, dear, good in the morning; its fraud filter tightens all day.
_ALPHA = Provider(
    name="alpha",
    contract=_contract(
        (
            Fee(basis_points=290, fixed_minor=30),
            Fee(currency="EUR", basis_points=290, fixed_minor=25),
            Fee(currency="GBP", basis_points=290, fixed_minor=20),
            Fee(currency="INR", basis_points=300, fixed_minor=300),
            Fee(currency="JPY", basis_points=360, fixed_minor=0),
        ),
        {CARD, NET_BANKING},
        "USD", "EUR", "GBP", "INR", "JPY",
    ),
    approval={"US card": 0.95, "EU card": 0.92, "UK card": 0.92, "IN card": 0.88, "JP card": 0.93},
    drift=_sliding(+0.02, -0.08),
    latency_s=0.6,
    troubles=(
        # Hard: in the late morning, while it is the best for dollars.
        Trouble(
            kind=TroubleKind.REFUSING, starts_s=10 * HOUR_S, ends_s=10.75 * HOUR_S, error_share=1.0,
            is_seen_by_health_check=True,
        ),
    ),
)  # fmt: skip

# beta: a European acquirer. Cheap and good at home; a new exemption from 3-D Secure is rolled out and lifts it all day.
_BETA = Provider(
    name="beta",
    contract=_contract(
        (
            Fee(basis_points=310, fixed_minor=30),
            Fee(currency="EUR", basis_points=150, fixed_minor=25),
            Fee(currency="GBP", basis_points=150, fixed_minor=20),
        ),
        {CARD},
        "USD", "EUR", "GBP",
    ),
    approval={"US card": 0.90, "EU card": 0.93, "UK card": 0.93},
    drift=_sliding(-0.06, +0.05),
    latency_s=0.45,
    troubles=(
        # Time-outs: in the afternoon, while it is the best. Its front door, which answers health checks, is well.
        Trouble(kind=TroubleKind.HANGING, starts_s=15.5 * HOUR_S, ends_s=16.25 * HOUR_S, hang_share=1.0),
    ),
)  # fmt: skip

# gamma: the discount aggregator. Takes everything, cheapest nearly everywhere, approves less, slow, swings over hours.
_GAMMA = Provider(
    name="gamma",
    contract=_contract(
        (
            Fee(basis_points=190, fixed_minor=10),
            Fee(currency="INR", basis_points=180, fixed_minor=0),
            Fee(currency="INR", method=UPI, basis_points=30, fixed_minor=0),
            Fee(currency="JPY", basis_points=280, fixed_minor=0),
        ),
        {CARD, UPI, NET_BANKING},
        "USD", "EUR", "GBP", "INR", "JPY",
    ),
    approval={
        "US card": 0.87, "EU card": 0.86, "UK card": 0.86, "IN upi": 0.92, "IN card": 0.86, "JP card": 0.84,
    },
    drift=lambda at: 0.03 * math.sin(2 * math.pi * at / (8 * HOUR_S)),
    latency_s=1.1,
    latency_sigma=0.6,
)  # fmt: skip

# delta: strong in India and Japan, fair in dollars; a partner of its is changed from noon to five.
_DELTA = Provider(
    name="delta",
    contract=_contract(
        (
            Fee(basis_points=265, fixed_minor=25),
            Fee(currency="INR", basis_points=200, fixed_minor=0),
            Fee(currency="INR", method=UPI, basis_points=50, fixed_minor=0),
            Fee(currency="JPY", basis_points=310, fixed_minor=0),
        ),
        {CARD, UPI, NET_BANKING},
        "USD", "EUR", "INR", "JPY",
    ),
    approval={"US card": 0.93, "EU card": 0.88, "IN upi": 0.97, "IN card": 0.95, "JP card": 0.95},
    drift=lambda at: -0.06 if 12 * HOUR_S <= at < 17 * HOUR_S else 0.0,
    latency_s=0.8,
    troubles=(
        # A brown-out in the evening peak: too few faults for a breaker, whose share is 0.2, too many to ignore.
        Trouble(
            kind=TroubleKind.BROWN_OUT, starts_s=19 * HOUR_S, ends_s=21 * HOUR_S, error_share=0.11, hang_share=0.015,
            slowness=4.0,
        ),
    ),
)  # fmt: skip

PROVIDERS = (_ALPHA, _BETA, _GAMMA, _DELTA)
NAMES = tuple(provider.name for provider in PROVIDERS)


def load_at(at: float) -> float:
    """Return how much is going on, 1.0 on average: quiet at five in the morning, a peak at eight in the evening."""
    hour = at / HOUR_S
    return 1.0 + 0.6 * math.sin(2 * math.pi * (hour - 11) / 24) + 0.25 * math.sin(2 * math.pi * (hour - 17.5) / 12)
