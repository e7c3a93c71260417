"""What auditors and analysts ask: one payment's full history, and sums over many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from aegispay.api.life import EngineLife, checked_id, no_payment
from aegispay.domain.card_data import shown
from aegispay.errors import FieldError, ValidationError
from aegispay.export import export_history
from aegispay.export_format import to_document
from aegispay.fields import StatisticsFilters
from aegispay.filters import parse_statistics
from aegispay.ports.audit import GroupBy, StatisticsRow


class AuditMethods(EngineLife):
    """Looking back."""

    async def export_payment(self, payment_id: str, *, personal: bool = False) -> dict[str, Any]:
        """Return everything that is known of a payment, as JSON values, for a dispute; `docs/audit.md` has the format.

        Every event stands in it as it is kept, so that whoever reads it can check the hashes.

        Args:
            payment_id: which.
            personal: include what is known of the payer, and what the merchant attached. Without it, both are left
                out, and an event in which they stand in the open is given without its content.

        Raises:
            PaymentNotFoundError: there is no such payment.
            ValidationError: `personal` is neither true nor false.
            CorruptStoreError: its events cannot be read, or do not fit together.
        """
        self._open_assembly()
        if not isinstance(personal, bool):
            raise ValidationError([FieldError("personal", "use True or False", shown(personal))], hint="Correct it.")
        records = await self._store.records(checked_id(payment_id))
        if not records:
            raise no_payment(payment_id)
        stored = await self._store.load(payment_id)
        return to_document(export_history(records, stored, personal=personal is True, at=self._clock.now()))

    async def statistics(
        self,
        by: Iterable[GroupBy | str] | GroupBy | str = (),
        *,
        limit: int = 1_000,
        **filters: Unpack[StatisticsFilters],
    ) -> tuple[StatisticsRow, ...]:
        """Count payments and add their amounts, by groups; beside everything else, so that no payment waits.

        Amounts are never added over currencies: the currency is always one of the things that groups differ in.

        Args:
            by: what groups differ in: ``merchant``, ``state``, ``gateway``, ``currency``, ``customer``, ``method``,
                ``hour``, ``day``; see `GroupBy`.
            limit: most groups, 1 to 10,000.
            **filters: which payments, see `StatisticsFilters`. With a period, only that part of the table is read.

        Returns:
            The groups, ordered by their values, those without a value first.

        Raises:
            ValidationError: something is not known, or there are more groups than `limit`.
        """
        self._open_assembly()
        return await self._store.statistics(parse_statistics(by, limit, {**filters}))
