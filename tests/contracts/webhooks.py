"""What the tests of webhooks share: a gateway that signs what it reports, and a host that takes it in."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from aegispay.domain.contract import GatewayContract
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.errors import RefusedWebhook, UnknownGatewayError, WebhookRefusedError
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.inbox import Inbox
from aegispay.ports import Receipt
from aegispay.storage.memory import MemoryStore
from tests import builders as b
from tests.contracts.stores import StillClock

SECRET = b"whsec_only_for_tests"
TOLERANCE_S = 300
REFERENCE = f"{b.ID}-a1"


def said(notification_id: str = "evt_1", **changes: Any) -> Notification:
    """Return what a gateway reports: that the payment was approved, unless changed."""
    fields = {"id": notification_id, "kind": NotificationKind.CHARGE, "reference": REFERENCE, "outcome": b.approved()}
    return Notification(**(fields | changes))


def payload(*events: tuple[str, int]) -> bytes:
    """Return a body that reports these amounts, in minor units, as approved."""
    return json.dumps([{"id": name, "amount_minor": amount} for name, amount in events]).encode()


def signed(body: bytes, *, at_s: float | None = None, secret: bytes = SECRET) -> dict[str, str]:
    """Return the headers that make the body genuine."""
    stamp = str(int(b.NOW.timestamp() if at_s is None else at_s))
    signature = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Timestamp": stamp, "X-Signature": signature}


class SigningGateway(SimulatedGateway):
    """A gateway that signs its webhooks as most providers do: HMAC-SHA256 over the time and the raw bytes."""

    def __init__(self, name: str = "alpha", clock: Any = None) -> None:
        super().__init__(name)
        self._now = clock if clock is not None else StillClock()

    async def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notification]:
        stamp = headers.get("x-timestamp", "")
        right = hmac.new(SECRET, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, headers.get("x-signature", "")):
            raise WebhookRefusedError("the signature is wrong", reason=RefusedWebhook.SIGNATURE)
        if abs(self._now.now().timestamp() - int(stamp)) > TOLERANCE_S:
            raise WebhookRefusedError("the webhook is too old", reason=RefusedWebhook.TIMESTAMP)
        return [said(each["id"], outcome=b.approved(amount_minor=each["amount_minor"])) for each in json.loads(body)]


class Mute:
    """A gateway that sends no webhooks, as far as the inbox can see."""

    name = "mute"
    contract = GatewayContract()


class Speaker:
    """A gateway whose adapter does what the test says.

    Args:
        parse: called with headers and body.
    """

    def __init__(self, parse: Callable[[Mapping[str, str], bytes], Any], name: str = "alpha", **contract: Any) -> None:
        self.name = name
        self.contract = GatewayContract(**contract)
        self.parse_webhook = parse


class Host:
    """An engine reduced to its inbox: what was merged is a list, and the test says how merging goes."""

    def __init__(self, store: Any = None, clock: Any = None, merge: Any = None) -> None:
        self.clock = clock if clock is not None else StillClock()
        self.store = store if store is not None else MemoryStore(clock=self.clock)
        self.gateways: dict[str, Any] = {name: SigningGateway(name, self.clock) for name in ("alpha", "beta")}
        self.gateways["mute"] = Mute()
        self.told: list[tuple[str, str, bool]] = []
        self._merge = merge
        self.inbox = Inbox(self.store, self.clock, merge=self._tell)

    async def _tell(self, gateway: str, notification: Notification, is_conflict: bool) -> bool:
        self.told.append((gateway, notification.id, is_conflict))
        return True if self._merge is None else await self._merge(notification)

    async def receive_webhook(self, gateway: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        if gateway not in self.gateways:
            raise UnknownGatewayError(f"gateway: {gateway!r} is not registered")
        return await self.inbox.receive(self.gateways[gateway], headers, body)

    async def hear(self, *notifications: Any, gateway: str = "alpha") -> Receipt:
        """Receive what an adapter would return for some webhook."""
        return await self.inbox.receive(Speaker(lambda _headers, _body: notifications, gateway), {}, b"")

    async def waiting(self) -> list[tuple[str, int]]:
        """Return the ids that wait, with the tries so far."""
        return [(each.notification.id, each.tries) for each in await self.store.inbox_due(b.LATER)]

    async def later(self, seconds: float) -> None:
        """Let time pass, then offer what is due."""
        self.clock.time += timedelta(seconds=seconds)
        await self.inbox.offer_due()
