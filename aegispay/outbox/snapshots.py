"""Payments as each of their events made them, while the log is read from one end to the other."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aegispay.domain.evolve import evolve, replay
from aegispay.domain.payment import Payment
from aegispay.errors import CorruptStoreError
from aegispay.ports import StoredEvent

LoadMany = Callable[[Sequence[str]], Awaitable[Mapping[str, tuple[StoredEvent, ...]]]]

_KEPT_MAX = 10_000
"""Payments read last; whose next event comes later than that is read again from its beginning."""


class Snapshots:
    """Folds events that come in order into the payments they belong to.

    Args:
        load_many: `EventStore.load_many`, asked where a payment's earlier events were not seen here.
    """

    def __init__(self, load_many: LoadMany) -> None:
        self._load_many = load_many
        self._kept: OrderedDict[str, Payment] = OrderedDict()

    async def after(self, events: Sequence[StoredEvent]) -> list[Payment]:
        """Return, for each of the events, its payment as it was right after it.

        Args:
            events: of one payment or several, in the order of the log, none of a payment left out between two others.

        Raises:
            CorruptStoreError: the log does not have what came before.
        """
        before = await self._load_before(events)
        found = [self._fold(stored, before) for stored in events]
        while len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)
        return found

    async def _load_before(self, events: Sequence[StoredEvent]) -> dict[str, Payment]:
        first: dict[str, int] = {}
        for stored in events:
            first.setdefault(stored.payment_id, stored.version)
        missing = [each for each, version in first.items() if version > 1 and not self._has(each, version - 1)]
        loaded: Mapping[str, tuple[StoredEvent, ...]] = await self._load_many(missing) if missing else {}
        found: dict[str, Payment] = {}
        for payment_id in missing:
            earlier = [each.event for each in loaded.get(payment_id, ()) if each.version < first[payment_id]]
            payment = replay(payment_id, earlier)
            if payment is None or payment.version != first[payment_id] - 1:
                raise CorruptStoreError(f"{payment_id}: events before its {first[payment_id]}. are missing")
            found[payment_id] = payment
        return found

    def _has(self, payment_id: str, version: int) -> bool:
        kept = self._kept.get(payment_id)
        return kept is not None and kept.version == version

    def _fold(self, stored: StoredEvent, before: dict[str, Payment]) -> Payment:
        payment_id = stored.payment_id
        earlier = before.pop(payment_id, None) or self._kept.get(payment_id)
        payment = evolve(None if stored.version == 1 else earlier, stored.event, payment_id=payment_id)
        self._kept[payment_id] = payment
        self._kept.move_to_end(payment_id)
        return payment
