"""Operations over a whole engine: how tests begin, and the comparison with what providers really did."""

from __future__ import annotations

from typing import Any

from aegispay import (
    AegisPay,
    AttemptStatus,
    GatewayContract,
    LookupAuthority,
    OperationStatus,
    Payment,
    PaymentState,
)
from aegispay.domain.invariants import check
from aegispay.domain.notification import Notification
from aegispay.gateways.script import Fault
from aegispay.ports import Receipt
from tests.integration.engine.rig import World, elapse, order

MUTE = GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None)
"""Nobody can be asked, so that only what comes from outside ends a doubt."""
SAID: dict[str, Any] = {"evidence": "seen in the portal", "operator": "mira"}
DONE: dict[str, Any] = SAID | {"gateway_reference": "alpha_1"}


async def authorized(aegis: AegisPay, key: str = "order-1", **changes: Any) -> Payment:
    payment = await aegis.pay(**order(key, capture="manual", **changes))
    assert payment.state is PaymentState.AUTHORIZED
    return payment


async def charged(aegis: AegisPay, key: str = "order-1", **changes: Any) -> Payment:
    payment = await aegis.pay(**order(key, **changes))
    assert payment.state is PaymentState.SUCCESS
    return payment


async def doubtful(world: World, aegis: AegisPay, fault: Fault = Fault.ERROR_AFTER, **changes: Any) -> Payment:
    kind = "authorize" if changes.get("capture") == "manual" else "charge"
    world["alpha"].script(kind, fault)
    payment = await aegis.pay(**order(**changes))
    assert payment.in_doubt
    return payment


async def agreed(world: World, aegis: AegisPay, payment_id: str) -> Payment:
    """Return the payment after checking that it says to the cent what its providers did."""
    payment = await aegis.get_payment(payment_id)
    check(payment)
    done = [entry for entry in world.ledger.of_payment(payment_id) if entry.is_done]
    begun = [(entry.reference, entry.amount_minor) for entry in done if entry.kind.begins]
    moved = [(entry.reference, entry.kind.value, entry.amount_minor) for entry in done if not entry.kind.begins]
    approved = [a.operation_id for a in payment.attempts if a.status is AttemptStatus.APPROVED]
    operations = [
        (op.id, op.kind.value, op.amount_minor) for op in payment.operations if op.status is OperationStatus.SUCCEEDED
    ]
    assert begun == [(reference, payment.authorized_minor) for reference in approved]
    assert sorted(operations) == sorted(moved)
    assert payment.captured_minor == world.captured_minor(payment_id)
    assert payment.refunded_minor == world.refunded_minor(payment_id)
    return payment


def operations(payment: Payment) -> list[tuple[str, str, int]]:
    """Return (kind, status, minor units) of each operation, oldest first."""
    return [(op.kind.value, op.status.value, op.amount_minor) for op in payment.operations]


async def types_after(aegis: AegisPay, before: Payment) -> list[str]:
    """Return the stored names of the events since the payment was as given."""
    stored = await aegis.payment_events(before.id)
    return [each.event.type.value for each in stored[before.version :]]


async def deliver(world: World, aegis: AegisPay, said: Notification, gateway: str = "alpha") -> Receipt:
    """Send the gateway's webhook to the engine."""
    headers, body = world[gateway].webhook(said)
    return await aegis.receive_webhook(gateway, headers, body)


async def settled(aegis: AegisPay, payment_id: str, *, within_s: float = 7_200.0) -> Payment:
    """Let time pass until nothing is open, and return the payment as it is then."""
    for _ in range(int(within_s / 10)):
        payment = await aegis.get_payment(payment_id)
        if payment.open_attempt is None and not payment.has_open_operation:
            return payment
        await elapse(10)
    raise AssertionError(f"{payment_id} is still open after {within_s:g} s")
