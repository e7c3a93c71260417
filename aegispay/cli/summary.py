"""What came of a file of orders: counted per payment, so that a repeated row counts once."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from aegispay.cli.console import make_table
from aegispay.domain.money import exponent
from aegispay.domain.payment import Payment
from aegispay.domain.state import AttemptStatus, PaymentState

_CAPTURED = {PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED}


@dataclass(slots=True)
class _CurrencyCount:
    payments: int = 0
    captured: int = 0
    captured_minor: int = 0


@dataclass(slots=True)
class _GatewayCount:
    attempts: int = 0
    captured: int = 0
    failed: int = 0
    in_doubt: int = 0


class Summary:
    """Counts rows and payments.

    Attributes:
        rows: seen in all. rejected: not accepted. repeated: of a payment that an earlier row asked for.
        in_doubt: payments whose outcome is not known. unfinished: payments still at work, those in doubt left out.
        failed_over: payments that more than one gateway was tried for.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.rejected = 0
        self.repeated = 0
        self.in_doubt = 0
        self.unfinished = 0
        self.failed_over = 0
        self._seen: set[str] = set()
        self._states: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._currencies: defaultdict[str, _CurrencyCount] = defaultdict(_CurrencyCount)
        self._gateways: defaultdict[str, _GatewayCount] = defaultdict(_GatewayCount)

    @property
    def payments(self) -> int:
        """How many different payments the rows asked for."""
        return len(self._seen)

    def reject(self) -> None:
        """Count a row that was not accepted."""
        self.rows += 1
        self.rejected += 1

    def add(self, payment: Payment) -> None:
        """Count a row that was accepted."""
        self.rows += 1
        if payment.id in self._seen:
            self.repeated += 1
            return
        self._seen.add(payment.id)
        self._states[f"{payment.state} (in doubt)" if payment.in_doubt else payment.state.value] += 1
        self.in_doubt += payment.in_doubt
        self.unfinished += not payment.is_settled
        self.failed_over += len({attempt.gateway for attempt in payment.attempts}) > 1
        if payment.failure is not None and payment.state is PaymentState.FAILURE:
            self._reasons[payment.failure.reason.value] += 1
        self._count_money(payment)
        self._count_attempts(payment)

    def _count_money(self, payment: Payment) -> None:
        count = self._currencies[payment.currency]
        count.payments += 1
        count.captured += payment.state in _CAPTURED
        count.captured_minor += payment.captured_minor

    def _count_attempts(self, payment: Payment) -> None:
        for attempt in payment.attempts:
            count = self._gateways[attempt.gateway]
            count.attempts += 1
            count.failed += attempt.status is AttemptStatus.FAILED
            count.in_doubt += attempt.status is AttemptStatus.UNKNOWN
        if payment.state in _CAPTURED and payment.gateway is not None:
            self._gateways[payment.gateway].captured += 1

    def print(self, console: Console) -> None:
        """Print it; the same rows give the same text."""
        console.print(f"{self.rows} rows: {self.payments} payments, {self.repeated} repeated, {self.rejected} rejected")
        if self.failed_over:
            console.print(f"{self.failed_over} payments failed over to another gateway")
        for table in (self._state_table(), self._reason_table(), self._currency_table(), self._gateway_table()):
            if table.row_count:
                console.print()
                console.print(table)

    def _state_table(self) -> Table:
        return _counted("state", self._states)

    def _reason_table(self) -> Table:
        return _counted("reason of failure", self._reasons)

    def _currency_table(self) -> Table:
        table = make_table("currency", "payments", "captured", "amount captured")
        for currency, count in sorted(self._currencies.items()):
            # A sum may be larger than any one amount may be.
            amount = f"{Decimal(count.captured_minor).scaleb(-exponent(currency)):f} {currency}"
            table.add_row(currency, str(count.payments), str(count.captured), amount)
        return table

    def _gateway_table(self) -> Table:
        table = make_table("gateway", "attempts", "captured", "failed", "in doubt")
        for gateway, count in sorted(self._gateways.items()):
            table.add_row(gateway, *(str(n) for n in (count.attempts, count.captured, count.failed, count.in_doubt)))
        return table


def _counted(name: str, counts: Counter[str]) -> Table:
    table = make_table(name, "payments")
    for value, count in sorted(counts.items()):
        table.add_row(value, str(count))
    return table
