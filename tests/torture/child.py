"""The engine's process: it does what the merchant wants, is killed at any moment, and does it again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from aegispay import (
    AegisPay,
    AegisPayConfig,
    BreakerPolicy,
    EngineStateError,
    FencedError,
    GatewayContract,
    OperationStatus,
    Payment,
    PaymentState,
    PaymentTimeoutError,
    RequestError,
    SqliteStore,
    StoreError,
    StoreLockedError,
)
from aegispay.gateways.sandbox import SandboxGateway
from aegispay.webhooks import asgi
from tests.kill.child import say
from tests.torture import breakage
from tests.torture.orders import GATEWAYS, Order, Step, make_order

CONTRACT = GatewayContract(
    partial_authorization=True,
    timeout_s=1.5,
    visibility_delay_s=2.0,
    resend_for_s=3.0,
    authorization_validity_s=86_400.0,
)
CONFIG = AegisPayConfig(
    check_delays_s=(0.2, 0.4, 0.8, 1.5, 2.0),
    answer_grace_s=1.0,
    wake_interval_s=0.1,
    answer_timeout_s=20.0,
    breaker=BreakerPolicy(open_s=1.0),
    common_cause_max=10_000,
    shutdown_s=3.0,
)
_PATIENCE_S = 60.0


def database(folder: Path) -> Path:
    return folder / "payments.db"


async def trade(folder: Path, task: dict[str, Any]) -> None:
    """Carry the orders of the task out, then wait until nothing is open any more and say so."""
    say("start", pid=os.getpid())
    breakage.apply(task.get("breakage"))
    gateways = [
        SandboxGateway(
            name,
            url=task["urls"][name],
            api_key=f"sk_sandbox_{name}",
            webhook_secret=task["secret"],
            contract=CONTRACT,
        )
        for name in GATEWAYS
    ]
    store = SqliteStore(database(folder), takeover=task.get("takeover", False), busy_s=0.5)
    aegis = AegisPay(store, gateways=gateways, config=CONFIG)
    try:
        await aegis.open()
    except StoreLockedError:
        say("locked")
        return
    async with aegis, _listening(aegis) as port:
        say("open", port=port, at=time.monotonic())
        slots = asyncio.Semaphore(task.get("in_flight", 40))
        async with asyncio.TaskGroup() as tasks:
            for number in task["orders"]:
                tasks.create_task(_deal(aegis, make_order(task["seed"], number), slots))
        # Begun at: what is written although it was begun after a takeover, no fence has kept out.
        begun_at = time.monotonic()
        say("canary", told=await _write(aegis), at=begun_at)
        if task.get("until_quiet"):
            await _until_quiet(aegis, list(task["urls"].values()))
            say("quiet")
        say("end")


async def _write(aegis: AegisPay) -> str:
    """Try to write something new: an engine that was taken over must not be able to."""
    try:
        await aegis.create_payment(**replace(make_order(0, 0), number=-os.getpid()).fields())
    except (FencedError, EngineStateError, StoreError) as error:
        return type(error).__name__
    return "written"


@contextlib.asynccontextmanager
async def _listening(aegis: AegisPay) -> Any:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    server = uvicorn.Server(uvicorn.Config(asgi(aegis), log_config=None, lifespan="off"))
    server.install_signal_handlers = lambda: None
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def _deal(aegis: AegisPay, order: Order, slots: asyncio.Semaphore) -> None:
    async with slots:
        try:
            await _carry_out(aegis, order)
        except (FencedError, EngineStateError, StoreError) as error:
            say("stopped", number=order.number, error=type(error).__name__)
            return
        say("done", number=order.number)


async def _carry_out(aegis: AegisPay, order: Order) -> None:
    created = await aegis.create_payment(**order.fields())
    if order.is_hurried:
        await asyncio.gather(
            _patiently(lambda: aegis.process_payment(created.id)),
            *(_step(aegis, created.id, step) for step in order.steps),
        )
        return
    await _patiently(lambda: aegis.process_payment(created.id))
    payment = await _charged(aegis, created.id)
    if payment.state is PaymentState.REQUIRES_ACTION and order.challenge is not None:
        await _act(aegis, payment, order.challenge)
        payment = await _charged(aegis, created.id)
    if order.at_once:
        await asyncio.gather(*(_step(aegis, payment.id, step) for step in order.steps))
    else:
        for step in order.steps:
            await _step(aegis, payment.id, step)


async def _charged(aegis: AegisPay, payment_id: str) -> Payment:
    """Return the payment once its charge is no longer in doubt, or when patience ends."""
    return await _becomes(aegis, payment_id, lambda payment: payment.is_settled and not payment.is_charge_in_doubt)


async def _becomes(aegis: AegisPay, payment_id: str, wanted: Callable[[Payment], bool]) -> Payment:
    for _ in range(int(_PATIENCE_S / 0.1)):
        payment = await aegis.get_payment(payment_id)
        if wanted(payment) or any(incident.is_open for incident in payment.incidents):
            return payment
        await _pause(0.1)
    return payment


async def _act(aegis: AegisPay, payment: Payment, what: str) -> None:
    """Do what the payer does: answer the challenge at the provider, and come back."""
    assert payment.action is not None
    assert payment.action.url is not None
    for _ in range(50):
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=2.0) as browser:
                await browser.post(payment.action.url, data={"result": what})
                break
        except httpx.HTTPError:
            await _pause(0.1)
    await _patiently(lambda: aegis.complete_action(payment.id))


async def _step(aegis: AegisPay, payment_id: str, step: Step) -> None:
    """Ask for one thing; a refusal is an answer like any other, and an open outcome is waited for."""
    amount = None if step.amount_minor is None else f"{step.amount_minor // 100}.{step.amount_minor % 100:02d}"
    with contextlib.suppress(RequestError):
        match step.do:
            case "capture":
                await _patiently(
                    lambda: aegis.capture_payment(
                        payment_id, idempotency_key=step.key, amount=amount, is_final=step.is_final
                    )
                )
            case "refund":
                await _patiently(lambda: aegis.refund_payment(payment_id, idempotency_key=step.key, amount=amount))
            case _:
                await _patiently(lambda: aegis.cancel_payment(payment_id, idempotency_key=step.key))
    payment = await _becomes(aegis, payment_id, lambda payment: not payment.in_doubt and not payment.has_open_operation)
    for operation in payment.operations:
        if operation.status is OperationStatus.SUCCEEDED:
            say("told", payment_id=payment_id, operation_id=operation.id)


async def _patiently(ask: Callable[[], Awaitable[Payment]]) -> None:
    with contextlib.suppress(PaymentTimeoutError):
        await ask()


async def _until_quiet(aegis: AegisPay, providers: list[str]) -> None:
    """Wait until nothing is open but what waits for a person, and the providers have told all that they had to tell."""
    for _ in range(int(2 * _PATIENCE_S / 0.1)):
        if not await _have_news(providers) and not [payment async for payment in _open_payments(aegis)]:
            return
        await _pause(0.1)
    left = [f"{payment!r} {payment.doubts} {payment.operations}" async for payment in _open_payments(aegis)]
    say("not_quiet", payments=left)


async def _have_news(providers: list[str]) -> bool:
    """Return whether a provider has still to deliver a webhook."""
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as operator:
        answers = [await operator.get(f"{url}/admin/webhooks") for url in providers]
    return any(answer.json()["waiting"] for answer in answers)


async def _open_payments(aegis: AegisPay) -> Any:
    """Yield what has still to be carried out and does not wait for a person."""
    after: str | None = None
    while True:
        page = await aegis.list_payments(limit=1_000, **({} if after is None else {"after": after}))
        for payment in page.payments:
            waits_for_somebody = any(incident.is_open for incident in payment.incidents)
            is_unwanted = payment.is_cancel_requested and payment.unwanted_minor > 0
            is_at_work = payment.state in {PaymentState.PROCESSING, PaymentState.AUTHENTICATED}
            is_sending = any(operation.status is OperationStatus.REQUESTED for operation in payment.operations)
            is_open = payment.in_doubt or is_unwanted or is_at_work
            if is_sending or (is_open and not waits_for_somebody):
                yield payment
        after = page.next_cursor
        if after is None:
            return


async def _pause(seconds: float) -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()
