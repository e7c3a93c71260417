"""The erasure of customers in the store in memory: sealed as on disk, so that the log is the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from aegispay.delivery_errors import CustomerBusyError
from aegispay.domain.events import decode
from aegispay.domain.projection import PaymentRow
from aegispay.ports import Clock, Delivery, Parking, StoredEvent, WebhookAttempt
from aegispay.ports.privacy import Erasure, ErasureRecord
from aegispay.storage.appends import Write
from aegispay.storage.customer_keys import Owner
from aegispay.storage.erasures import NAMED_MAX
from aegispay.storage.personal import is_personal
from aegispay.storage.queries import checked_limit
from aegispay.storage.sealing import CustomerKey, Place, seal, split

T = TypeVar("T")


class MemoryKeys:
    """The keys of customers who were not erased."""

    def __init__(self) -> None:
        self.records: list[ErasureRecord] = []
        self._live: dict[Owner, CustomerKey] = {}
        self._last_id = 0

    def of(self, owner: Owner, secret: bytes) -> CustomerKey:
        """Return the owner's key, made of `secret` if there is none."""
        if owner not in self._live:
            self._last_id += 1
            self._live[owner] = CustomerKey(self._last_id, secret)
        return self._live[owner]

    def drop(self, owner: Owner) -> None:
        """Forget the owner's key."""
        self._live.pop(owner, None)

    def is_live(self, key_id: int) -> bool:
        """Return whether what is sealed with a key can still be read."""
        return any(key.id == key_id for key in self._live.values())


class MemoryPrivacy:
    """The part of the store that forgets customers; the store itself says how a change is made."""

    _clock: Clock
    _customer_keys: MemoryKeys
    _log: list[StoredEvent]
    _attempts: list[tuple[int, WebhookAttempt]]
    _data: list[bytes]
    _streams: defaultdict[str, list[StoredEvent]]
    _rows: dict[str, PaymentRow]
    _parked: dict[str, Parking]
    _deliveries: dict[tuple[str, int], Delivery]

    async def _commit(self, change: Callable[[], T]) -> T:
        raise NotImplementedError

    def _sealed(self, write: Write) -> list[bytes]:
        """Return the events of an append as they are kept."""
        data = []
        for version, encoded in enumerate(write.encoded, start=write.append.expected_version + 1):
            event_type, _, plain, personal = encoded
            if personal is not None:
                key = self._customer_keys.of(write.owner, write.secret)
                plain = seal(key, Place(write.append.payment_id, version, event_type), plain, personal)
            data.append(plain.encode())
        return data

    async def erase_customer(self, customer_id: str, *, merchant: str, operator: str, reason: str) -> Erasure:
        """Make the personal data of a customer's payments unreadable."""
        record = ErasureRecord(
            merchant=merchant, customer_id=customer_id, at=self._clock.now(), operator=operator, reason=reason
        )
        return await self._commit(lambda: self._erase(record))

    def _erase(self, record: ErasureRecord) -> Erasure:
        owner = (record.merchant, record.customer_id)
        rows = [row for row in self._rows.values() if (row.merchant, row.customer_id) == owner]
        rows.sort(key=lambda row: (row.created_at, row.payment_id))
        busy = tuple(row.payment_id for row in rows if self._is_busy(row))
        if busy:
            raise CustomerBusyError(record.customer_id, busy[:NAMED_MAX])
        payment_ids = tuple(row.payment_id for row in rows)
        self._customer_keys.drop(owner)
        if rows:
            self._customer_keys.records.append(record)
        self._blank_errors(frozenset(payment_ids))
        return self._forget(payment_ids)

    def _is_busy(self, row: PaymentRow) -> bool:
        is_parked = row.payment_id in self._parked
        return not row.state.is_final or row.in_doubt or row.wake_at is not None or is_parked

    def _blank_errors(self, payment_ids: frozenset[str]) -> None:
        for key, delivery in self._deliveries.items():
            if delivery.payment_id in payment_ids:
                self._deliveries[key] = replace(delivery, error="")
        self._attempts = [
            (number, replace(line, error="") if self._log[line.position - 1].payment_id in payment_ids else line)
            for number, line in self._attempts
        ]

    def _forget(self, payment_ids: tuple[str, ...]) -> Erasure:
        events = plain_events = 0
        for stored in [stored for payment_id in payment_ids for stored in self._streams[payment_id]]:
            parts = split(self._data[stored.position - 1].decode())
            if parts is None:
                plain_events += is_personal(stored.event)
            elif not self._customer_keys.is_live(parts[1]):
                events += 1
                event = decode(stored.event.type, stored.event.schema_version, parts[0])
                forgotten = replace(stored, event=event)
                self._log[stored.position - 1] = self._streams[stored.payment_id][stored.version - 1] = forgotten
        return Erasure(payment_ids=payment_ids, events=events, plain_events=plain_events)

    async def erasures(self, *, limit: int = 100) -> tuple[ErasureRecord, ...]:
        """Return what was erased, newest first."""
        return tuple(self._customer_keys.records[::-1][: checked_limit(limit)])
