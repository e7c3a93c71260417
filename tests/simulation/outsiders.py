"""Who else acts on payments: payers who come back or do not, providers that decide later, and their webhooks."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from aegispay import (
    Approved,
    Notification,
    NotificationKind,
    SimulatedGateway,
    UnsupportedOperationError,
    WebhookRefusedError,
)
from aegispay.gateways.ledger import EntryStatus, LedgerEntry
from aegispay.ports import ChargeRequest, GatewayRequest
from tests.integration.engine.rig import elapse
from tests.simulation.asking import NOT_NOW, Asker
from tests.simulation.providers import OnTheWire

_LOOK_S = 1.0
_LIE_SHARE = 0.1
_DELIVERIES_MAX = 12
_FORGED = Approved(reference="forged", amount_minor=1, currency="USD")


class Outsiders:
    """Reads the providers' books as they grow, and does about each entry what its seed says."""

    def __init__(self, asker: Asker, providers: list[SimulatedGateway], wire: list[OnTheWire]) -> None:
        self._asker = asker
        self._providers = {provider.name: provider for provider in providers}
        self._ignore_share = self._draw("ignoring").choice((0.0, 0.0, 0.0, 0.3))
        self._wire = wire
        self._heard = 0
        self._seen = 0
        self._reported: set[tuple[str, str]] = set()

    async def live(self) -> None:
        while True:
            for entry in self._new_entries():
                draw = self._draw(entry.reference, entry.status)
                if entry.status is EntryStatus.OPEN:
                    self._asker.outside.start(self._decide(entry, draw))
                for notification in self._news(entry):
                    await self._report(entry, notification)
            for sent in self._wire[self._heard :]:
                self._lie(sent)
            self._heard = len(self._wire)
            await elapse(_LOOK_S)

    def _new_entries(self) -> list[LedgerEntry]:
        entries = list(self._asker.ledger.entries())[self._seen :]
        self._seen += len(entries)
        return entries

    def _draw(self, *names: str) -> random.Random:
        return random.Random(f"{self._asker.seed}:outside:{':'.join(names)}")

    # --- what was left open -------------------------------------------------------------------------

    async def _decide(self, entry: LedgerEntry, draw: random.Random) -> None:
        """Pass a challenge, fail it or ignore it; or decide what the provider left pending."""
        provider = self._providers[entry.gateway]
        await elapse(draw.uniform(0, 25))
        try:
            if '"requires_action"' not in entry.answer:
                provider.decide(entry.reference, approve=draw.random() < 0.7)
                return
            if draw.random() >= self._ignore_share:
                decide = provider.pass_challenge if draw.random() < 0.7 else provider.fail_challenge
                decide(entry.reference)
        except ValueError:
            return  # its time was over
        if draw.random() < 0.6:
            await self._come_back(entry.payment_id)

    async def _come_back(self, payment_id: str) -> None:
        with contextlib.suppress(UnsupportedOperationError):  # only a webhook, or a person, will tell
            await self._asker.insist(
                f"{payment_id}, whose payer came back,",
                lambda aegis: aegis.complete_action(payment_id, parameters={"result": "back"}),
                expected=(UnsupportedOperationError,),
            )

    # --- webhooks -----------------------------------------------------------------------------------

    def _news(self, entry: LedgerEntry) -> Iterator[Notification]:
        for notification in self._providers[entry.gateway].notifications(entry.payment_id):
            name = (entry.gateway, notification.id)
            if name not in self._reported:
                self._reported.add(name)
                yield notification

    async def _report(self, entry: LedgerEntry, notification: Notification) -> None:
        """Lose it, send it once or several times, soon or late, so that it is overtaken; and sometimes send lies."""
        draw = self._draw(entry.gateway, notification.id)
        provider, start = self._providers[entry.gateway], self._asker.outside.start
        if draw.random() < 0.7:
            for _ in range(draw.choice((1, 1, 1, 2, 3))):
                start(
                    self._deliver(provider, notification, draw.choice((0.0, draw.uniform(0, 1), draw.uniform(0, 30))))
                )
        if draw.random() < 0.1:
            start(self._forge(provider, notification))

    async def _deliver(self, provider: SimulatedGateway, notification: Notification, after_s: float) -> None:
        await elapse(after_s)
        for tries in range(_DELIVERIES_MAX):
            try:
                await self._send(provider, notification)
                return
            except NOT_NOW:
                await elapse(2 + tries)
            except Exception as error:
                self._asker.surprises.append(f"the webhook {notification.id} was answered {error!r}")
                return

    async def _forge(self, provider: SimulatedGateway, notification: Notification) -> None:
        forged = replace(notification, id=f"forged-{notification.id}", outcome=_FORGED)
        try:
            await self._send(provider, forged, secret="whsec_of_a_thief")
        except WebhookRefusedError:
            return
        except NOT_NOW:
            return
        self._asker.surprises.append(f"the forged webhook {forged.id} was taken in")

    def _lie(self, sent: OnTheWire) -> None:
        """Let another provider claim, with its own signature, to have done what this one was asked to do."""
        draw = self._draw("lie", sent.request.reference)
        other = draw.choice(list(self._providers.values()))
        if draw.random() < _LIE_SHARE and other.name != sent.gateway:
            self._asker.outside.start(self._claim(other, sent.request, draw.uniform(0, 3)))

    async def _claim(self, other: SimulatedGateway, request: GatewayRequest, after_s: float) -> None:
        await elapse(after_s)
        kind = "charge" if isinstance(request, ChargeRequest) else request.kind.value
        money = request.money
        said = Approved(reference="stray", amount_minor=money.amount_minor, currency=money.currency)
        stray = Notification(
            id=f"stray-{request.reference}", kind=NotificationKind(kind), reference=request.reference, outcome=said
        )
        try:
            await self._send(other, stray)
        except NOT_NOW:
            return

    async def _send(self, provider: SimulatedGateway, notification: Notification, **signed: Any) -> None:
        headers, body = provider.webhook(notification, **signed)
        await self._asker.call(lambda aegis: aegis.receive_webhook(provider.name, headers, body))
