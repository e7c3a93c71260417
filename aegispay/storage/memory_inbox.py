"""The inbox of the store in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aegispay.ports import InboxEntry, Receipt
from aegispay.storage.inbox_rows import read_notification, write_notification

Key = tuple[str, str]


class MemoryInbox:
    """Notifications by gateway and id: those that wait for their payment, and the digests of all that ever came."""

    def __init__(self) -> None:
        self._digests: dict[Key, str] = {}
        self._waiting: dict[Key, InboxEntry] = {}

    def receive(self, entry: InboxEntry) -> Receipt:
        """Keep a notification that is new."""
        # Through JSON and back, so that what a real store could not keep does not pass here either.
        notification = read_notification(write_notification(entry.notification))
        key = (entry.gateway, notification.id)
        known = self._digests.get(key)
        if known is not None:
            return Receipt.DUPLICATE if known == entry.digest else Receipt.CONFLICT
        self._digests[key] = entry.digest
        self._waiting[key] = replace(entry, notification=notification)
        return Receipt.STORED

    def due(self, at: datetime, *, limit: int) -> tuple[InboxEntry, ...]:
        """Return at most `limit` of those that are due, longest due first."""
        due = [entry for entry in self._waiting.values() if entry.due_at <= at]
        due.sort(key=lambda entry: (entry.due_at, entry.gateway, entry.notification.id))
        return tuple(due[:limit])

    def end(self, gateway: str, notification_id: str) -> None:
        """Let it wait no more."""
        self._waiting.pop((gateway, notification_id), None)

    def postpone(self, gateway: str, notification_id: str, *, due_at: datetime | None) -> None:
        """Let it wait until then, or no more."""
        entry = self._waiting.pop((gateway, notification_id), None)
        if entry is not None and due_at is not None:
            self._waiting[gateway, notification_id] = replace(entry, tries=entry.tries + 1, due_at=due_at)
