"""What the tests of the event stores share: a clock that stands still, and streams of appends made by real commands."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.payment import Payment
from aegispay.domain.projection import project
from aegispay.ports import Append, InboxEntry
from tests import builders as b

CHARGE = (b.authenticate(), b.start())
APPROVE = (b.outcome(b.approved()),)
DOUBT = (b.outcome(b.unknown()),)


class StillClock:
    """A clock that goes on only when told."""

    def __init__(self) -> None:
        self.time = b.NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


def stored(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on its `store`, opened before and closed after it."""

    @functools.wraps(test)
    def run(*, store: Any, **fixtures: Any) -> None:
        async def main() -> None:
            await store.open()
            try:
                await test(store=store, **fixtures)
            finally:
                await store.close()

        asyncio.run(main())

    return run


class Stream:
    """One payment on its way into a store.

    Args:
        number: makes its id and its key.
        after_s: how long after `builders.NOW` it was created.
        changes: of the request.
    """

    def __init__(self, number: int = 1, *, after_s: float = 0, **changes: Any) -> None:
        self.id = f"pay_{number:026d}"
        self.payment: Payment | None = None
        self._at = b.NOW + timedelta(seconds=after_s)
        self._request = {"idempotency_key": f"order-{number}"} | changes

    def create(self) -> Append:
        return self.then(replace(b.create(**self._request), at=self._at))

    def then(self, *commands: c.Command, **row: Any) -> Append:
        """Return the append that these commands cause; `row` overrides what stands in the table of payments."""
        draft = Draft(self.id, self.payment)
        for command in commands:
            assert draft.apply(command) is None, command
        assert draft.payment is not None
        self.payment = draft.payment
        return Append(
            payment_id=self.id,
            expected_version=draft.version,
            events=draft.events,
            row=replace(project(draft.payment), **row),
        )

    def all(self, *steps: tuple[c.Command, ...]) -> list[Append]:
        """Return the creation and one append for each step."""
        return [self.create(), *(self.then(*step) for step in steps)]


async def write(store: Any, *streams: Stream, steps: tuple[tuple[c.Command, ...], ...] = ()) -> None:
    """Append each stream's creation and steps, one after the other."""
    for stream in streams:
        for append in stream.all(*steps):
            await store.append(append)


def entry(
    gateway: str = "alpha", notification_id: str = "evt_1", *, digest: str = "d", after_s: float = 0, **changes: Any
) -> InboxEntry:
    """Return a notification that arrived, and is due, so long after `builders.NOW`."""
    at = b.NOW + timedelta(seconds=after_s)
    said = {
        "id": notification_id,
        "kind": NotificationKind.CHARGE,
        "reference": f"{b.ID}-a1",
        "outcome": b.approved(),
    }
    notification = Notification(**(said | changes))
    return InboxEntry(gateway=gateway, notification=notification, digest=digest, received_at=at, due_at=at)
