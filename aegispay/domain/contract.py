"""What a gateway declares about itself. Routing, recovery and the actors read this; adapters keep it true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from aegispay.domain.card_data import shown
from aegispay.domain.limits import refuse, seconds, whole
from aegispay.domain.money import currencies
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.errors import FieldError


class LookupAuthority(StrEnum):
    """How far the answer of a look-up can be trusted when it says "never heard of it"."""

    NONE = "none"
    ADVISORY = "advisory"
    AUTHORITATIVE = "authoritative"


class CaptureSupport(StrEnum):
    """Which captures of an authorization the gateway accepts."""

    NONE = "none"
    FULL = "full"
    PARTIAL = "partial"
    MULTIPLE = "multiple"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """The price of one charge: a fixed part and a share of the amount.

    Attributes:
        currency: ISO 4217 code it applies to; ``None`` for every currency without a fee of its own.
        method: payment method it applies to; ``None`` for every method without a fee of its own.
        fixed_minor: minor units of the payment's currency.
        basis_points: hundredths of a percent of the amount.
    """

    currency: str | None = None
    method: PaymentMethodType | None = None
    fixed_minor: int = 0
    basis_points: int = 0

    def cost_minor(self, amount_minor: int) -> float:
        """Return the cost of charging `amount_minor`, in minor units; fractions are kept, for ranking only."""
        return self.fixed_minor + amount_minor * self.basis_points / 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayContract:
    """What a gateway can do and how it behaves when something goes wrong.

    Attributes:
        methods: payment methods it takes.
        currencies: ISO 4217 codes it takes; ``None`` for all.
        capture: which captures of an authorization it accepts.
        void: whether an authorization can be released.
        refund: whether a captured payment can be refunded.
        lookup: how far its look-up by our reference can be trusted.
        visibility_delay_s: how long after the charge a look-up may still miss it.
        idempotency_window_s: how long a key protects a resend; ``None`` if the gateway has no keys: nothing is resent.
        resend_for_s: how long an unanswered request is sent again although an authoritative look-up could do without:
            as long as it may be sent again, "not found" proves nothing.
        key_covers_failures: whether a key also protects a request that the gateway answered with an error of its own;
            where it does not, such a request would be executed anew, so nothing is resent.
        partial_authorization: whether it may authorize less than was asked, where the merchant captures himself.
        numeric_references: its ids are digits only, so that one which looks like a card number is none.
        authorization_validity_s: how long an authorization can be captured.
        timeout_s: how long one call may take before its outcome is unknown.
        concurrency_max: calls in flight at once; more are refused and go elsewhere.
        fees: what charges cost; the most specific entry counts.
    """

    methods: frozenset[PaymentMethodType] = frozenset(PaymentMethodType)
    currencies: frozenset[str] | None = None
    capture: CaptureSupport = CaptureSupport.MULTIPLE
    void: bool = True
    refund: bool = True
    lookup: LookupAuthority = LookupAuthority.AUTHORITATIVE
    visibility_delay_s: float = 0.0
    idempotency_window_s: float | None = 86_400.0
    resend_for_s: float = 60.0
    key_covers_failures: bool = True
    partial_authorization: bool = False
    numeric_references: bool = False
    authorization_validity_s: float = 604_800.0
    timeout_s: float = 30.0
    concurrency_max: int = 256
    fees: tuple[Fee, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would make the engine trust the gateway wrongly.

        Raises:
            ValidationError: naming every field that makes no sense.
        """
        refuse(
            seconds("contract.timeout_s", self.timeout_s),
            seconds("contract.visibility_delay_s", self.visibility_delay_s, is_zero_fine=True),
            seconds("contract.authorization_validity_s", self.authorization_validity_s, is_zero_fine=True),
            seconds("contract.resend_for_s", self.resend_for_s, is_zero_fine=True),
            seconds("contract.idempotency_window_s", self.idempotency_window_s or 0.0, is_zero_fine=True),
            whole("contract.concurrency_max", self.concurrency_max),
            _currencies(self.currencies),
            _of("contract.methods", self.methods, frozenset),
            _of("contract.capture", self.capture, CaptureSupport),
            _of("contract.lookup", self.lookup, LookupAuthority),
            _of("contract.fees", self.fees, tuple),
            *(
                _of(f"contract.{name}", getattr(self, name), bool)
                for name in ("void", "refund", "key_covers_failures", "partial_authorization", "numeric_references")
            ),
            hint="Correct the gateway's contract.",
        )

    def fee(self, currency: str, method: PaymentMethodType) -> Fee | None:
        """Return the most specific fee for a charge, or ``None`` when no price is declared."""
        best, specific_most = None, -1
        for fee in self.fees:
            if fee.currency in {None, currency} and fee.method in {None, method}:
                specific = 2 * (fee.currency is not None) + (fee.method is not None)
                if specific > specific_most:
                    best, specific_most = fee, specific
        return best


def _currencies(given: object) -> Iterator[FieldError]:
    if given is None:
        return
    if not isinstance(given, frozenset):
        yield FieldError("contract.currencies", "use a frozenset of ISO 4217 codes, or None for all", shown(given))
        return
    for unknown in sorted(given - set(currencies()), key=repr):
        yield FieldError("contract.currencies", "use ISO 4217 codes in capitals", shown(unknown))


def _of(field: str, given: object, wanted: type) -> Iterator[FieldError]:
    if not isinstance(given, wanted):
        yield FieldError(field, f"use a {wanted.__name__}", shown(given))
