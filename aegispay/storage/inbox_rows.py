"""Between a notification in the inbox and what SQLite keeps of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pydantic

from aegispay.domain.notification import Notification
from aegispay.errors import CorruptStoreError
from aegispay.ports import InboxEntry
from aegispay.storage.rows import from_us, to_us

_ADAPTER: pydantic.TypeAdapter[Notification] = pydantic.TypeAdapter(Notification)

ENTRY_COLUMNS = "gateway, notification_id, digest, data, received_at, tries, due_at"


def write_notification(notification: Notification) -> str:
    """Return the notification as JSON."""
    return _ADAPTER.dump_json(notification).decode()


def read_notification(data: str) -> Notification:
    """Return the notification that `write_notification` wrote.

    Raises:
        ValueError: it cannot be read. It shows nothing of the content.
    """
    try:
        return _ADAPTER.validate_json(data)
    except pydantic.ValidationError as error:
        raise ValueError(f"{error.error_count()} fields do not fit") from None


def entry_values(entry: InboxEntry) -> tuple[Any, ...]:
    """Return an entry in the order of `ENTRY_COLUMNS`."""
    return (
        entry.gateway,
        entry.notification.id,
        entry.digest,
        write_notification(entry.notification),
        to_us(entry.received_at),
        entry.tries,
        to_us(entry.due_at),
    )


def read_entry(values: tuple[Any, ...]) -> InboxEntry:
    """Return the entry that stands in `ENTRY_COLUMNS`.

    Raises:
        CorruptStoreError: it cannot be read.
    """
    try:
        return InboxEntry(
            gateway=values[0],
            notification=read_notification(values[3]),
            digest=values[2],
            received_at=from_us(values[4]),
            tries=values[5],
            due_at=from_us(values[6]),
        )
    except (ValueError, OverflowError) as error:
        raise CorruptStoreError(f"notification {values[1]} of {values[0]} cannot be read: {error}") from error


def read_sound_entries(rows: Iterable[tuple[Any, ...]]) -> tuple[InboxEntry, ...]:
    """Return the entries that can be read: one that is damaged must not hold up the others."""
    entries = []
    for row in rows:
        try:
            entries.append(read_entry(row))
        except CorruptStoreError:
            continue
    return tuple(entries)
