"""The inbox: what gateways report by themselves is verified, kept, acknowledged, and offered until it is taken in."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pydantic

from aegispay.actors.answers import readable
from aegispay.domain.card_data import is_card_like_id
from aegispay.domain.contract import GatewayContract
from aegispay.domain.keys import is_ours
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import OutcomeUnknown, Reason
from aegispay.errors import (
    FencedError,
    OverloadedError,
    PaymentParkedError,
    RefusedWebhook,
    StoreError,
    UnknownGatewayError,
    WebhookRefusedError,
)
from aegispay.log import logger, sampled
from aegispay.observability.binding import of_reference
from aegispay.observability.lines import LineLogger
from aegispay.ports import Clock, EventStore, Gateway, InboxEntry, NotifyingGateway, Receipt
from aegispay.ports.gateway import sends_webhooks

Merge = Callable[[str, Notification, bool], Awaitable[bool]]
"""Told (gateway, notification, whether it contradicts an earlier one of its id), it tells the payment.

``True``: the payment has it, now or from before. ``False``: there is no such payment, or it cannot take it in now.
"""

BODY_BYTES_MAX = 1_000_000
"""Providers' webhooks have a few kilobytes; more is a mistake or an attack."""

_DELAYS_S = (5.0, 30.0, 300.0, 3_600.0)
"""After each try in vain; the last repeats. Most that come early wait for a commit, the others for an operator."""
_PATIENCE = timedelta(days=3)
_BATCH = 500
_ID_LENGTH_MAX = 255
_ADAPTER: pydantic.TypeAdapter[Notification] = pydantic.TypeAdapter(Notification)


class Inbox:
    """Keeps each notification before it is acknowledged, and then brings it to its payment, in any order.

    Attributes:
        given_up: how many notifications of this engine's life no payment took in for three days. The time that a
            payment was parked does not count: what is about a parked payment is never given up.

    Args:
        merge: must do no harm when it is told the same thing twice: a crash may come between telling and noting it.
    """

    def __init__(self, store: EventStore, clock: Clock, *, merge: Merge) -> None:
        self._store = store
        self._clock = clock
        self._log = sampled(clock.monotonic)
        self._merge = merge
        self._offering: set[tuple[str, str]] = set()
        self._parked_at: dict[tuple[str, str], datetime] = {}
        self.given_up = 0

    async def receive(self, gateway: Gateway, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Verify and keep what a webhook says, and offer it to its payment.

        Once this returned, the webhook may be acknowledged: a payment that cannot take it in now is told again later.

        Args:
            gateway: whose webhook it is.
            headers: names in any case.
            body: as received; at most 1,000,000 bytes.

        Returns:
            `CONFLICT` when anything in it contradicts what was said before under the same id, else `STORED` when
            anything is new, else `DUPLICATE`; `IGNORED` when it says nothing of interest.

        Raises:
            UnknownGatewayError: the gateway takes no webhooks.
            WebhookRefusedError: it is not genuine, too old, too large or cannot be read; nothing was kept.
            StoreError: it may not be kept; the sender has to send it again.
            OverloadedError: it is a conflict, and there is no payment that can be told of it now; the sender has to
                send it again.
            AegisPayError: it is a conflict, and telling its payment failed, for example with PaymentParkedError; the
                sender has to send it again.
        """
        try:
            notifications = await read_webhook(gateway, headers, body, log=self._log)
        except WebhookRefusedError as refused:
            self._log.info("webhook_refused", gateway=gateway.name, reason=refused.reason)
            raise
        entries = [self._entry(gateway.name, notification) for notification in notifications]
        receipts = await asyncio.gather(*(self._store.receive(entry) for entry in entries))
        for entry in _of(Receipt.STORED, entries, receipts):
            await self._offer(entry)
        for entry in _of(Receipt.CONFLICT, entries, receipts):
            await self._report(entry)
        return _sum(receipts)

    async def offer_due(self) -> None:
        """Offer what is due to its payments once more.

        Raises:
            StoreError: what is due cannot be read.
            FencedError: another engine owns the database now.
        """
        due = await self._store.inbox_due(self._clock.now(), limit=_BATCH)
        # Beside each other: a payment that does not answer holds up no other.
        for result in await asyncio.gather(*map(self._offer, due), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _entry(self, gateway: str, notification: Notification) -> InboxEntry:
        now = self._clock.now()
        return InboxEntry(
            gateway=gateway,
            notification=notification,
            digest=digest_of(notification),
            received_at=now,
            # It is offered at once; this is when somebody else may take it for forgotten.
            due_at=now + timedelta(seconds=_DELAYS_S[0]),
        )

    async def _offer(self, entry: InboxEntry) -> None:
        key = (entry.gateway, entry.notification.id)
        if key in self._offering:
            return
        self._offering.add(key)
        try:
            if await self._is_taken_in(entry):
                await self._store.inbox_merged(*key)
                self._parked_at.pop(key, None)
            else:
                await self._postpone(entry)
        except FencedError:
            raise
        except StoreError as error:
            # It lies there as before and is due again; a payment that has it already will say so.
            log = self._log.bind(**of_reference(entry.notification.reference))
            log.warning("inbox_not_written", gateway=key[0], notification=key[1], error=type(error).__name__)
        finally:
            self._offering.discard(key)

    async def _is_taken_in(self, entry: InboxEntry) -> bool:
        try:
            return await self._merge(entry.gateway, entry.notification, False)  # noqa: FBT003 - see `Merge`
        except FencedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it is kept and offered again
            if isinstance(error, PaymentParkedError):
                self._parked_at[entry.gateway, entry.notification.id] = self._clock.now()
            self._log.bind(**of_reference(entry.notification.reference)).warning(
                "notification_not_merged",
                gateway=entry.gateway,
                notification=entry.notification.id,
                error=type(error).__name__,
            )
            return False

    async def _postpone(self, entry: InboxEntry) -> None:
        key = (entry.gateway, entry.notification.id)
        due_at = next_try(entry, self._clock.now(), since=self._parked_at.get(key, entry.received_at))
        await self._store.inbox_postpone(*key, due_at=due_at)
        if due_at is None:
            self._parked_at.pop(key, None)
            self.given_up += 1
            self._log.bind(**of_reference(entry.notification.reference)).error(
                "notification_given_up",
                gateway=entry.gateway,
                notification=entry.notification.id,
                reference=entry.notification.reference,
                tries=entry.tries + 1,
            )

    async def _report(self, entry: InboxEntry) -> None:
        log = self._log.bind(**of_reference(entry.notification.reference))
        log.error("notification_conflict", gateway=entry.gateway, notification=entry.notification.id)
        if not await self._merge(entry.gateway, entry.notification, True):  # noqa: FBT003 - see `Merge`
            # Nothing of a conflict is kept, so only its sender can bring it back.
            raise OverloadedError(
                f"{entry.gateway}'s event contradicts an earlier one with its id, and its payment cannot be told of"
                " it now",
                hint="The gateway has to send it again; see docs/webhooks.md.",
            )


def next_try(entry: InboxEntry, now: datetime, *, since: datetime) -> datetime | None:
    """Return when to offer an entry again that was just offered in vain; ``None`` when it has waited long enough.

    Args:
        entry: as it was offered.
        now: the time.
        since: when it began to wait.
    """
    due_at = now + timedelta(seconds=_DELAYS_S[min(entry.tries, len(_DELAYS_S) - 1)])
    return due_at if due_at <= since + _PATIENCE else None


def _of(wanted: Receipt, entries: Sequence[InboxEntry], receipts: Sequence[Receipt]) -> list[InboxEntry]:
    return [entry for entry, receipt in zip(entries, receipts, strict=True) if receipt is wanted]


def _sum(receipts: Sequence[Receipt]) -> Receipt:
    telling = (Receipt.CONFLICT, Receipt.STORED, Receipt.DUPLICATE)
    return next((receipt for receipt in telling if receipt in receipts), Receipt.IGNORED)


async def read_webhook(
    gateway: Gateway, headers: Mapping[str, str], body: bytes, *, log: LineLogger | None = None
) -> tuple[Notification, ...]:
    """Return what the webhook says.

    Raises:
        UnknownGatewayError: the gateway takes no webhooks.
        WebhookRefusedError: it is not genuine, too old, too large or cannot be read.
    """
    log = (logger() if log is None else log).bind(gateway=gateway.name)
    if not sends_webhooks(gateway):
        raise UnknownGatewayError(f"gateway {gateway.name} takes no webhooks", hint="Give it a parse_webhook method.")
    if not isinstance(body, bytes):
        raise _unreadable(gateway, log, f"the body is a {type(body).__name__}, not the bytes as received")
    if len(body) > BODY_BYTES_MAX:
        raise WebhookRefusedError(f"the body has more than {BODY_BYTES_MAX:,} bytes", reason=RefusedWebhook.TOO_LARGE)
    said = await _parse(cast("NotifyingGateway", gateway), gateway.contract, _lowered(headers), body, log)
    if not isinstance(said, Sequence):
        raise _unreadable(gateway, log, f"its adapter returned a {type(said).__name__}, not a sequence of Notification")
    return tuple(_checked(gateway, each, log) for each in said)


def digest_of(notification: Notification) -> str:
    """Return the SHA-256 over what the notification says, hexadecimal."""
    return hashlib.sha256(_ADAPTER.dump_json(notification)).hexdigest()


async def _parse(
    gateway: NotifyingGateway, contract: GatewayContract, headers: Mapping[str, str], body: bytes, log: LineLogger
) -> object:
    try:
        # Some providers verify a signature only when asked over the network.
        async with asyncio.timeout(contract.timeout_s):
            said: object = gateway.parse_webhook(headers, body)
            return await said if inspect.isawaitable(said) else said
    except WebhookRefusedError:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise _raised(error, log) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises, it could not read the webhook
        raise _raised(error, log) from None


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    lowered: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        lowered[key] = f"{lowered[key]}, {value}" if key in lowered else value
    return lowered


def _raised(error: BaseException, log: LineLogger) -> WebhookRefusedError:
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    # Never the exception's own text: it may quote what was received.
    log.warning("webhook_unreadable", error=kind, where=where)
    return WebhookRefusedError(f"the adapter raised {kind}", reason=RefusedWebhook.UNREADABLE)


def _unreadable(gateway: Gateway, log: LineLogger, why: str) -> WebhookRefusedError:
    log.warning("webhook_unreadable", why=why, hint="see docs/webhooks.md")
    return WebhookRefusedError(f"a webhook of {gateway.name} cannot be read: {why}", reason=RefusedWebhook.UNREADABLE)


def _checked(gateway: Gateway, said: object, log: LineLogger) -> Notification:
    """Return the notification if it can be kept: adapters are not type-checked at run time."""
    if not isinstance(said, Notification):
        raise _unreadable(gateway, log, f"its adapter returned a {type(said).__name__} where a Notification belongs")
    if not isinstance(said.kind, NotificationKind):
        raise _unreadable(gateway, log, "its kind is no NotificationKind")
    for name, text in (("id", said.id), ("reference", said.reference)):
        if not _is_sound(text):
            raise _unreadable(gateway, log, f"its {name} is not 1 to {_ID_LENGTH_MAX} printable characters")
        if _may_be_card(text, gateway.contract):
            raise _unreadable(gateway, log, f"its {name} looks like a card number")
    outcome = readable(said.outcome, gateway.contract, lambda: log)
    if isinstance(outcome, OutcomeUnknown) and outcome.reason is Reason.UNREADABLE_ANSWER:
        raise _unreadable(gateway, log, f"its outcome, a {type(said.outcome).__name__}, cannot be kept")
    notification = replace(said, outcome=outcome)
    try:
        return _ADAPTER.validate_json(_ADAPTER.dump_json(notification))
    except (ValueError, TypeError):
        raise _unreadable(gateway, log, "it cannot be written as JSON and read back") from None


def _is_sound(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _ID_LENGTH_MAX and text.isprintable()


def _may_be_card(text: str, contract: GatewayContract) -> bool:
    is_number = contract.numeric_references and text.isdecimal()
    return not is_ours(text) and not is_number and is_card_like_id(text)
