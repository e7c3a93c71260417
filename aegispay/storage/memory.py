"""An event store in memory: for tests and simulations, where the process is the world."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from typing import TypeVar

from aegispay.clock import SystemClock
from aegispay.domain.events import Event, decode, encode
from aegispay.domain.projection import PaymentRow
from aegispay.domain.state import PaymentState
from aegispay.errors import CommitUnknownError, StoreError, StoreUnavailableError, VersionConflictError
from aegispay.ports import (
    Append,
    Clock,
    ConfigurationRecord,
    Doubts,
    InboxEntry,
    Parking,
    PaymentQuery,
    Receipt,
    RowPage,
    StoredEvent,
)
from aegispay.storage.appends import prepare
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.memory_audit import MemoryAudit
from aegispay.storage.memory_inbox import MemoryInbox
from aegispay.storage.memory_marks import MemoryMarks
from aegispay.storage.memory_outbox import MemoryOutbox
from aegispay.storage.memory_privacy import MemoryKeys, MemoryPrivacy
from aegispay.storage.queries import LIMIT_MAX, checked_limit, read_cursor, write_cursor
from aegispay.storage.rows import to_us
from aegispay.storage.sealing import Entropy, repeatable_entropy

T = TypeVar("T")


class MemoryStore(MemoryOutbox, MemoryAudit, MemoryPrivacy):
    """An `EventStore` that lives as long as the object; closing and opening it again keeps everything.

    Args:
        clock: when events are recorded.
        salt: secret from which payment ids are derived; fixed, so that tests repeat.
        faults: for tests: called at ``before_commit`` and ``after_commit`` of each append and each change of the inbox;
            what it raises happens there. As on a disk, an `OSError` is a `StoreUnavailableError` before and a
            `CommitUnknownError` after.
        entropy: where keys of customers and nonces come from; the same bytes in every run, so that tests repeat.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        salt: bytes | None = None,
        faults: Callable[[str], None] | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        super().__init__()
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._salt = salt if salt is not None else hashlib.sha256(b"aegispay memory store").digest()
        self.faults = faults
        self._log: list[StoredEvent] = []
        self._data: list[bytes] = []
        self._streams: defaultdict[str, list[StoredEvent]] = defaultdict(list)
        self._rows: dict[str, PaymentRow] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._recoveries: dict[str, int] = {}
        self._parked: dict[str, Parking] = {}
        self._gateways: dict[str, str] = {}
        self._troubled: dict[str, PaymentRow] = {}
        self._inbox = MemoryInbox()
        self._marks = MemoryMarks()
        self._configurations: list[ConfigurationRecord] = []
        self._customer_keys = MemoryKeys()
        self._entropy = entropy if entropy is not None else repeatable_entropy(self._salt)

    def __repr__(self) -> str:
        """Show the size."""
        return f"<MemoryStore events={len(self._log)} payments={len(self._rows)}>"

    @property
    def salt(self) -> bytes:
        """Secret from which payment ids are derived."""
        return self._salt

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def append(self, append: Append) -> int:
        """Write events and row at once; others may run before and after."""
        # Through JSON and back, so that what a real store could not keep does not pass here either.
        kept = [decode(event.type, event.schema_version, encode(event)) for event in append.events]
        write = prepare(append, self._entropy)
        await _let_others_run()
        self._fault("before_commit", StoreUnavailableError)
        self._refuse_unfit(append)
        self._marks.check(append.payment_id, append.marks)
        recorded_at = self._clock.now()
        for event, each in zip(kept, self._sealed(write), strict=True):
            self._add_event(append.payment_id, event, each, recorded_at)
        self._put_row(append.row)
        self._marks.add(append.marks)
        self._keys[append.row.merchant, append.row.idempotency_key] = append.payment_id
        version = len(self._streams[append.payment_id])
        self._fault("after_commit", CommitUnknownError)
        await _let_others_run()
        return version

    def _put_row(self, row: PaymentRow) -> None:
        self._rows[row.payment_id] = row
        if row.in_doubt or row.has_incident:
            self._troubled[row.payment_id] = row
        else:
            self._troubled.pop(row.payment_id, None)

    def _refuse_unfit(self, append: Append) -> None:
        payment_id, row = append.payment_id, append.row
        actual = len(self._streams.get(payment_id, ()))
        if actual != append.expected_version:
            raise VersionConflictError(payment_id=payment_id, expected=append.expected_version, actual=actual)
        owner = self._keys.get((row.merchant, row.idempotency_key), payment_id)
        if owner != payment_id:
            raise StoreUnavailableError(
                f"{payment_id}: nothing was written: its merchant and key belong to {owner}",
                hint="Repeating this will not help; other payments are not affected.",
            )

    def _add_event(self, payment_id: str, event: Event, data: bytes, recorded_at: datetime) -> None:
        stream = self._streams[payment_id]
        position, version = len(self._log) + 1, len(stream) + 1
        digest = link(
            bytes.fromhex(self._log[-1].hash) if self._log else GENESIS,
            position=position,
            payment_id=payment_id,
            version=version,
            event_type=event.type,
            schema_version=event.schema_version,
            recorded_at_us=to_us(recorded_at),
            data=data,
        )
        stored = StoredEvent(
            position=position,
            payment_id=payment_id,
            version=version,
            event=event,
            recorded_at=recorded_at,
            hash=digest.hex(),
        )
        self._log.append(stored)
        self._data.append(data)
        stream.append(stored)

    async def count_marks(self, keys: Sequence[str], *, since: datetime) -> dict[str, int]:
        """Return how many marks each key has after `since`."""
        await _let_others_run()
        return self._marks.count(keys, since)

    async def load(self, payment_id: str, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        """Return the payment's events in order."""
        await _let_others_run()
        return tuple(self._streams.get(payment_id, ())[after_version:])

    async def load_many(self, payment_ids: Sequence[str]) -> dict[str, tuple[StoredEvent, ...]]:
        """Return the events of several payments."""
        return {payment_id: await self.load(payment_id) for payment_id in payment_ids}

    async def read_all(self, *, after: int = 0, limit: int = 1000) -> tuple[StoredEvent, ...]:
        """Return events of all payments in the order of the log."""
        return tuple(self._log[after : after + checked_limit(limit)])

    async def list_payments(self, query: PaymentQuery) -> RowPage:
        """Return a page of rows, newest first."""
        limit = checked_limit(query.limit, most=LIMIT_MAX)
        cursor = None if query.after is None else read_cursor(query.after)
        fitting = [
            row
            for row in self._rows.values()
            if self._fits(row, query) and (cursor is None or (to_us(row.created_at), row.payment_id) < cursor)
        ]
        fitting.sort(key=lambda row: (row.created_at, row.payment_id), reverse=True)
        page = tuple(fitting[:limit])
        return RowPage(rows=page, next_cursor=write_cursor(page[-1]) if len(fitting) > limit else None)

    def _fits(self, row: PaymentRow, query: PaymentQuery) -> bool:
        names = ("merchant", "state", "customer_id", "gateway", "currency", "in_doubt", "has_incident")
        wanted = ((getattr(query, name), getattr(row, name)) for name in names)
        return (
            all(want is None or want == have for want, have in wanted)
            and (query.parked is None or query.parked == (row.payment_id in self._parked))
            and (query.created_after is None or row.created_at >= query.created_after)
            and (query.created_before is None or row.created_at < query.created_before)
        )

    async def due(self, at: datetime, *, limit: int = 500) -> tuple[str, ...]:
        """Return who must be woken, longest due first."""
        due = [
            (row.wake_at, row.payment_id)
            for row in self._rows.values()
            if row.wake_at is not None and row.wake_at <= at and row.payment_id not in self._parked
        ]
        return tuple(payment_id for _, payment_id in sorted(due)[: checked_limit(limit)])

    async def unfinished(self, *, due_by: datetime | None = None) -> tuple[str, ...]:
        """Return who was being processed."""
        states = {PaymentState.AUTHENTICATED, PaymentState.PROCESSING}
        rows = [row for row in self._rows.values() if row.state in states and row.payment_id not in self._parked]
        if due_by is not None:
            rows = [row for row in rows if row.wake_at is None or row.wake_at <= due_by]
        rows.sort(key=lambda row: (row.wake_at or row.created_at, row.created_at, row.payment_id))
        return tuple(row.payment_id for row in rows)

    async def count_states(self) -> dict[PaymentState, int]:
        """Return how many payments are in each state."""
        counts: defaultdict[PaymentState, int] = defaultdict(int)
        for row in self._rows.values():
            counts[row.state] += 1
        return dict(counts)

    async def doubts(self) -> Doubts:
        """Count what is in doubt or has an incident."""
        rows = self._troubled.values()
        return Doubts(
            payments=sum(row.in_doubt for row in rows),
            oldest_since=min((row.doubt_since for row in rows if row.doubt_since is not None), default=None),
            incidents=sum(row.has_incident for row in rows),
        )

    async def recoveries(self) -> dict[str, int]:
        """Return the attempts so far."""
        return dict(self._recoveries)

    async def begin_recoveries(self, payment_ids: Sequence[str]) -> dict[str, int]:
        """Count one more attempt each."""
        counts = {payment_id: self._recoveries.get(payment_id, 0) + 1 for payment_id in payment_ids}
        self._recoveries.update(counts)
        return counts

    async def end_recovery(self, payment_id: str) -> None:
        """Forget the attempts."""
        self._recoveries.pop(payment_id, None)

    async def park(self, parking: Parking) -> None:
        """Set the payment aside."""
        self._parked.setdefault(parking.payment_id, parking)

    async def unpark(self, payment_id: str) -> None:
        """Let the payment go on."""
        self._parked.pop(payment_id, None)
        await self.end_recovery(payment_id)

    async def parked(self) -> tuple[Parking, ...]:
        """Return what is parked, oldest first."""
        return tuple(sorted(self._parked.values(), key=lambda parking: (parking.parked_at, parking.payment_id)))

    async def receive(self, entry: InboxEntry) -> Receipt:
        """Keep a notification that is new."""
        return await self._commit(lambda: self._inbox.receive(entry))

    async def inbox_due(self, at: datetime, *, limit: int = 500) -> tuple[InboxEntry, ...]:
        """Return what is due."""
        return self._inbox.due(at, limit=checked_limit(limit))

    async def inbox_merged(self, gateway: str, notification_id: str) -> None:
        """Offer it no more."""
        await self._commit(lambda: self._inbox.end(gateway, notification_id))

    async def inbox_postpone(self, gateway: str, notification_id: str, *, due_at: datetime | None) -> None:
        """Offer it again later, or never."""
        await self._commit(lambda: self._inbox.postpone(gateway, notification_id, due_at=due_at))

    async def _commit(self, change: Callable[[], T]) -> T:
        await _let_others_run()
        self._fault("before_commit", StoreUnavailableError)
        answer = change()
        self._fault("after_commit", CommitUnknownError)
        await _let_others_run()
        return answer

    async def save_gateway(self, name: str, data: str) -> None:
        """Keep a gateway's state."""
        self._gateways[name] = data

    async def load_gateways(self) -> dict[str, str]:
        """Return what was kept."""
        return dict(self._gateways)

    async def save_configuration(self, record: ConfigurationRecord) -> bool:
        """Keep a revision."""
        await _let_others_run()
        fits = record.revision == len(self._configurations) + 1
        if fits:
            self._configurations.append(record)
        return fits

    async def load_configuration(self, revision: int | None = None) -> ConfigurationRecord | None:
        """Return a revision."""
        index = (len(self._configurations) if revision is None else revision) - 1
        return self._configurations[index] if 0 <= index < len(self._configurations) else None

    async def list_configurations(
        self, *, before: int | None = None, limit: int = 100
    ) -> tuple[ConfigurationRecord, ...]:
        """Return revisions, newest first."""
        end = len(self._configurations) if before is None else max(0, before - 1)
        return tuple(self._configurations[:end][::-1][: checked_limit(limit)])

    def _fault(self, point: str, meaning: type[StoreError]) -> None:
        try:
            if self.faults is not None:
                self.faults(point)
        except OSError as error:
            raise meaning(f"{point}: {error}") from error


class _let_others_run:  # noqa: N801 - reads as the statement it is
    """Yield to the loop once."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield
