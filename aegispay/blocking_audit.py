"""What auditors and analysts ask, without an event loop."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar, Unpack

from aegispay.engine import AegisPay
from aegispay.fields import StatisticsFilters
from aegispay.ports.audit import GroupBy, StatisticsRow

T = TypeVar("T")


class BlockingAuditMethods:
    """Looking back, from any thread."""

    _engine: AegisPay

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        raise NotImplementedError

    def export_payment(self, payment_id: str, *, personal: bool = False) -> dict[str, Any]:
        """See `AegisPay.export_payment`."""
        return self._run(self._engine.export_payment(payment_id, personal=personal))

    def statistics(
        self,
        by: Iterable[GroupBy | str] | GroupBy | str = (),
        *,
        limit: int = 1_000,
        **filters: Unpack[StatisticsFilters],
    ) -> tuple[StatisticsRow, ...]:
        """See `AegisPay.statistics`."""
        return self._run(self._engine.statistics(by, limit=limit, **filters))
