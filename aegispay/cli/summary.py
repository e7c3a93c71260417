"""What came of a file of orders: counted per payment, so that a repeated row counts once."""

from __future__ import annotations

from collections import Counter, defaultdict

from rich import box
from rich.console import Console
from rich.table import Table

from aegispay.domain.money import Money
from aegispay.domain.payment import Payment
from aegispay.domain.state import PaymentState

_CAPTURED = {PaymentState.SUCCESS, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED}


class Summary:
    """Counts rows and payments."""

    def __init__(self) -> None:
        self.rows = 0
        self.rejected = 0
        self.repeated = 0
        self.in_doubt = 0
        self._seen: set[str] = set()
        self._states: Counter[str] = Counter()
        self._currencies: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        self._gateways: defaultdict[str, Counter[str]] = defaultdict(Counter)

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
        is_captured = payment.state in _CAPTURED
        self._states[f"{payment.state} (in doubt)" if payment.in_doubt else payment.state.value] += 1
        self.in_doubt += payment.in_doubt
        counts = self._currencies[payment.currency]
        counts[0] += 1
        counts[1] += is_captured
        counts[2] += payment.captured_minor
        self._gateways[payment.gateway or "(none)"]["captured" if is_captured else "other"] += 1

    def print(self, console: Console) -> None:
        """Print it; the same rows give the same text."""
        console.print(
            f"{self.rows} rows: {len(self._seen)} payments, {self.repeated} repeated, {self.rejected} rejected"
        )
        console.print(self._state_table())
        console.print(self._currency_table())
        console.print(self._gateway_table())

    def _state_table(self) -> Table:
        table = _table("state", "payments")
        for state, count in sorted(self._states.items()):
            table.add_row(state, str(count))
        return table

    def _currency_table(self) -> Table:
        table = _table("currency", "payments", "captured", "amount")
        for currency, (count, captured, captured_minor) in sorted(self._currencies.items()):
            table.add_row(currency, str(count), str(captured), str(Money(captured_minor, currency)))
        return table

    def _gateway_table(self) -> Table:
        table = _table("gateway", "captured", "not captured")
        for gateway, counts in sorted(self._gateways.items()):
            table.add_row(gateway, str(counts["captured"]), str(counts["other"]))
        return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    return table
