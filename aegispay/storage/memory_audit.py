"""What an auditor asks the store in memory for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from aegispay.domain.projection import PaymentRow
from aegispay.domain.state import PaymentState
from aegispay.ports import PaymentQuery, StoredEvent
from aegispay.ports.audit import GROUPS_MAX, SUCCEEDED, EventRecord, GroupBy, StatisticsQuery, StatisticsRow
from aegispay.storage.chain import GENESIS
from aegispay.storage.queries import checked_limit
from aegispay.storage.statistics import check_dimensions, check_groups, start_of

Value = str | datetime | None


class MemoryAudit:
    """The part of the store that auditors read."""

    _log: list[StoredEvent]
    _streams: defaultdict[str, list[StoredEvent]]
    _rows: dict[str, PaymentRow]
    _data: list[bytes]

    def _fits(self, row: PaymentRow, query: PaymentQuery) -> bool:
        raise NotImplementedError

    async def records(self, payment_id: str) -> tuple[EventRecord, ...]:
        """Return the payment's events as they are kept."""
        return tuple(map(self._record, self._streams.get(payment_id, ())))

    def _record(self, stored: StoredEvent) -> EventRecord:
        index = stored.position - 1
        return EventRecord(
            position=stored.position,
            payment_id=stored.payment_id,
            version=stored.version,
            type=stored.event.type.value,
            schema_version=stored.event.schema_version,
            data=self._data[index].decode(),
            recorded_at=stored.recorded_at,
            previous_hash=self._log[index - 1].hash if index else GENESIS.hex(),
            hash=stored.hash,
        )

    async def statistics(self, query: StatisticsQuery) -> tuple[StatisticsRow, ...]:
        """Count payments by groups."""
        checked_limit(query.limit, most=GROUPS_MAX)
        check_dimensions(query)
        wanted = PaymentQuery(
            merchant=query.merchant,
            state=query.state,
            customer_id=query.customer_id,
            gateway=query.gateway,
            currency=query.currency,
            in_doubt=query.in_doubt,
            has_incident=query.has_incident,
            created_after=query.created_after,
            created_before=query.created_before,
        )
        groups: defaultdict[tuple[Value, ...], list[PaymentRow]] = defaultdict(list)
        for row in self._rows.values():
            if self._fits(row, wanted):
                groups[tuple(_value(row, dimension) for dimension in query.dimensions)].append(row)
        check_groups(query, len(groups))
        ordered = sorted(groups, key=lambda values: [(value is not None, value) for value in values])
        names = [dimension.value for dimension in query.dimensions]
        return tuple(_sum(dict(zip(names, values, strict=True)), groups[values]) for values in ordered)


def _value(row: PaymentRow, dimension: GroupBy) -> Value:
    match dimension:
        case GroupBy.HOUR | GroupBy.DAY:
            return start_of(dimension, row.created_at)
        case GroupBy.STATE:
            return row.state.value
        case GroupBy.CUSTOMER:
            return row.customer_id
        case _:
            value: str | None = getattr(row, dimension.value)
            return None if value is None else str(value)


def _sum(group: dict[str, Value], rows: Sequence[PaymentRow]) -> StatisticsRow:
    succeeded = sum(row.state in SUCCEEDED for row in rows)
    failed = sum(row.state is PaymentState.FAILURE for row in rows)
    cancelled = sum(row.state is PaymentState.CANCELLED for row in rows)
    return StatisticsRow(
        group=group,
        payments=len(rows),
        succeeded=succeeded,
        failed=failed,
        cancelled=cancelled,
        unfinished=len(rows) - succeeded - failed - cancelled,
        in_doubt=sum(row.in_doubt for row in rows),
        incidents=sum(row.has_incident for row in rows),
        amount_minor=sum(row.amount_minor for row in rows),
        captured_minor=sum(row.captured_minor for row in rows),
        refunded_minor=sum(row.refunded_minor for row in rows),
    )
