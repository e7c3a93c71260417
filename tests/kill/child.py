"""The process that is killed: it opens the engine, says again what was acknowledged, and pays what was not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aegispay import AegisPay, AegisPayError, ChargeRequest, Payment, SimulatedGateway
from aegispay.gateways.ledger import FileLedger
from aegispay.storage.sqlite import SqliteStore
from tests.kill.orders import CONFIG, books, database, gateways, order

Say = Callable[..., None]
_IN_FLIGHT = 20
_LOOKS_MAX = 400
_OUTAGE_S = 0.03
"""The first gateway is down when a process starts, so that some payments go to the second one."""


def say(kind: str, **fields: Any) -> None:
    """Tell the test, at once: one write, so that a kill cannot cut it."""
    os.write(1, (json.dumps({"kind": kind, **fields}) + "\n").encode())


async def _told(aegis: AegisPay, payment: Payment) -> dict[str, Any]:
    """Return what the caller got, with the hash of the log at that version."""
    events = await aegis.payment_events(payment.id)
    return {
        "id": payment.id,
        "key": payment.idempotency_key,
        "state": payment.state.value,
        "version": payment.version,
        "hash": events[payment.version - 1].hash,
    }


async def pay_all(folder: Path, task: dict[str, Any]) -> None:
    """Pay the orders that the task names, after telling how those stand that were acknowledged before.

    The task: ``acknowledged`` maps payment ids to versions, ``orders`` are numbers.
    """
    say("start", pid=os.getpid())
    with contextlib.closing(FileLedger(books(folder))) as ledger:
        store = SqliteStore(database(folder), takeover=task.get("takeover", False))
        lines = gateways(ledger)
        lines[0].is_up = False
        asyncio.get_running_loop().call_later(_OUTAGE_S, setattr, lines[0], "is_up", True)
        async with AegisPay(store, gateways=lines, config=CONFIG) as aegis:
            say("open")
            await asyncio.gather(*(_remember(aegis, *each) for each in task["acknowledged"].items()))
            slots = asyncio.Semaphore(_IN_FLIGHT)
            await asyncio.gather(*(_pay(aegis, number, slots) for number in task["orders"]))
            await _until_all_ended(aegis)
            await _say_all(aegis)
            say("end")


async def _remember(aegis: AegisPay, payment_id: str, version: int) -> None:
    payment = await aegis.get_payment(payment_id)
    events = await aegis.payment_events(payment_id)
    say("known", id=payment_id, state=payment.state.value, version=payment.version, hash=events[version - 1].hash)


async def _pay(aegis: AegisPay, number: int, slots: asyncio.Semaphore) -> None:
    async with slots:
        payment = await aegis.pay(**order(number))
        say("answer", **await _told(aegis, payment))


async def _until_all_ended(aegis: AegisPay) -> None:
    for _ in range(_LOOKS_MAX):
        if not (await aegis.health()).states.keys() & {"processing", "authenticated", "initiated"}:
            return
        await _pause(0.05)
    raise TimeoutError("some payments never ended")


async def _say_all(aegis: AegisPay) -> None:
    page = await aegis.list_payments(limit=1_000)
    for payment in page.payments:
        say("ended", id=payment.id, state=payment.state.value, gateway=payment.gateway)


async def _pause(seconds: float) -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()


class Announcing(SimulatedGateway):
    """Says that a request has left, long before it arrives."""

    async def charge(self, request: ChargeRequest) -> Any:
        say("sent", reference=request.reference)
        return await super().charge(request)


async def be_frozen(folder: Path, task: dict[str, Any]) -> None:
    """Send every order's request to a slow provider; then see whether this process may still write."""
    say("start", pid=os.getpid())
    with contextlib.closing(FileLedger(books(folder))) as ledger:
        alpha = Announcing("alpha", ledger=ledger, latency_s=0.5)
        beta = SimulatedGateway("beta", ledger=ledger)
        async with AegisPay(database(folder), gateways=[alpha, beta], config=CONFIG) as aegis:
            tasks = [_outcome(aegis.pay(**order(number))) for number in task["orders"]]
            for told in await asyncio.gather(*tasks):
                say("answer", told=told)
            say("late", told=await _outcome(aegis.create_payment(**order(999_999))))


async def _outcome(ask: Any) -> str:
    try:
        payment = await ask
    except AegisPayError as error:
        return type(error).__name__
    return f"{payment.state.value} v{payment.version}"
