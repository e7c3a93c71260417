"""What the seven assertions look at: the log, the table of payments and the providers' books, read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from aegispay.domain.evolve import evolve
from aegispay.domain.payment import Payment
from aegispay.domain.projection import PaymentRow
from aegispay.domain.state import PaymentState
from aegispay.gateways.entry import LedgerEntry
from aegispay.gateways.ledger import Ledger
from aegispay.ports import Doubts, EventStore, PaymentQuery, StoredEvent

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it has to be.

    Attributes:
        check: which assertion it fails.
        payment_id: whose; empty when it is nobody's.
    """

    check: str
    payment_id: str
    text: str

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.text}" if self.payment_id else self.text


@dataclass(frozen=True, slots=True)
class History:
    """One payment's events, with the payment after each.

    Attributes:
        broken: why its events could not be followed to their end; empty when they could.
    """

    events: tuple[StoredEvent, ...]
    states: tuple[Payment, ...]
    broken: str = ""

    @property
    def payment(self) -> Payment:
        """The payment as its events make it."""
        return self.states[-1]

    def committed(self) -> Iterator[Payment]:
        """Return the payment after each commit: what is written together is never seen in between."""
        nexts = [*(stored.recorded_at for stored in self.events[1:]), None]
        for stored, state, next_at in zip(self.events, self.states, nexts, strict=False):
            if stored.recorded_at != next_at:
                yield state


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that lies outside of the engine's memory.

    Attributes:
        events: the whole log, in order.
        rows: the table of payments.
        parked: ids of what is set aside.
        doubts, counts: what the store counts.
        entries: the providers' books, in order.
        at: when it was read; ``None`` when nobody needs to know.
    """

    events: tuple[StoredEvent, ...]
    rows: Mapping[str, PaymentRow]
    parked: frozenset[str] = frozenset()
    doubts: Doubts | None = None
    counts: Mapping[PaymentState, int] = field(default_factory=dict)
    entries: tuple[LedgerEntry, ...] = ()
    at: datetime | None = None

    @cached_property
    def histories(self) -> dict[str, History]:
        """Every payment's history, by id."""
        streams: defaultdict[str, list[StoredEvent]] = defaultdict(list)
        for stored in self.events:
            streams[stored.payment_id].append(stored)
        return {payment_id: _follow(payment_id, events) for payment_id, events in streams.items()}

    @property
    def payments(self) -> list[Payment]:
        """The payments whose events can be followed."""
        return [history.payment for history in self.histories.values() if history.states]

    @cached_property
    def done(self) -> dict[str, list[LedgerEntry]]:
        """What providers really carried out, by payment."""
        found: defaultdict[str, list[LedgerEntry]] = defaultdict(list)
        for entry in self.entries:
            if entry.is_done:
                found[entry.payment_id].append(entry)
        return dict(found)


def _follow(payment_id: str, events: Iterable[StoredEvent]) -> History:
    followed: list[StoredEvent] = []
    states: list[Payment] = []
    for stored in events:
        try:
            states.append(evolve(states[-1] if states else None, stored.event, payment_id=payment_id))
        except Exception as error:  # noqa: BLE001 - whatever an impossible event does, it is a finding
            broken = f"version {stored.version}, {stored.event.type}: {error}"
            return History(tuple(followed), tuple(states), broken)
        followed.append(stored)
    return History(tuple(followed), tuple(states))


async def gather_evidence(
    store: EventStore, ledger: Ledger | Iterable[LedgerEntry] = (), *, at: datetime | None = None
) -> Evidence:
    """Read everything; the store has to be open and nothing may be under way.

    Args:
        store: of the engine.
        ledger: the providers' books, or their entries.
        at: the time now, if overdue timers are to be found.
    """
    events: list[StoredEvent] = []
    while page := await store.read_all(after=events[-1].position if events else 0, limit=_PAGE):
        events += page
    rows: dict[str, PaymentRow] = {}
    after: str | None = None
    while True:
        listed = await store.list_payments(PaymentQuery(limit=_PAGE, after=after))
        rows |= {row.payment_id: row for row in listed.rows}
        after = listed.next_cursor
        if after is None:
            break
    return Evidence(
        events=tuple(events),
        rows=rows,
        parked=frozenset(parking.payment_id for parking in await store.parked()),
        doubts=await store.doubts(),
        counts=await store.count_states(),
        entries=tuple(ledger if isinstance(ledger, Iterable) else ledger.entries()),
        at=at,
    )
