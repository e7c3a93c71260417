"""What somebody does in the provider's portal: reported by webhook, it calls for a person."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from aegispay import AegisPay, PaymentState
from aegispay.domain.outcome import Reason
from tests.integration.sandbox.process import SandboxProcess
from tests.integration.sandbox_gateway.payloads import API_KEY, gateway
from tests.integration.test_webhooks_asgi import served

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ORDER = {
    "idempotency_key": "order-1",
    "amount": "10.00",
    "currency": "USD",
    "payment_method": {"type": "card", "token": "tok_visa"},
}


@pytest.fixture
def sandbox(tmp_path):
    with SandboxProcess(tmp_path) as running:
        yield running


def run(sandbox, tmp_path, scenario):
    """Run the scenario with an engine that takes the sandbox's webhooks."""

    async def main():
        alpha = gateway(sandbox.url, webhook_secret=SECRET)
        async with AegisPay(tmp_path / "payments.db", gateways=[alpha]) as aegis, served(aegis, "/hooks") as client:
            hook = {"url": f"{client.base_url}{alpha.name}", "secret": SECRET}
            await asyncio.to_thread(sandbox.admin, "POST", "/admin/webhooks", hook)
            await scenario(aegis)

    asyncio.run(main())


async def in_the_portal(sandbox, payment, collection, reference, **body):
    """Do it as the account's owner would, and return when the webhook about it has arrived."""
    path = f"/v1/payments/{payment.attempts[0].reference}/{collection}"
    headers = {
        "authorization": f"Bearer {API_KEY}",
        "idempotency-key": reference,
        "sandbox-fault": "webhook_first",
    }
    async with httpx.AsyncClient(base_url=sandbox.url, headers=headers, trust_env=False) as portal:
        answer = await portal.post(path, json={"reference": reference, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()


def test_two_refunds_in_the_portal_are_two_incidents_of_the_payment(sandbox, tmp_path):
    async def scenario(aegis):
        payment = await aegis.pay(**ORDER)
        first = await in_the_portal(sandbox, payment, "refunds", "portal-1", amount=300)
        second = await in_the_portal(sandbox, payment, "refunds", "portal-2", amount=300)
        payment = await aegis.get_payment(payment.id)
        assert [incident.reason for incident in payment.incidents] == [Reason.UNKNOWN_OPERATION] * 2
        assert all(
            done["id"] in incident.detail for done, incident in zip((first, second), payment.incidents, strict=True)
        )
        assert (payment.state, payment.refunded_minor) == (PaymentState.SUCCESS, 0)

    run(sandbox, tmp_path, scenario)


@pytest.mark.parametrize(("collection", "body"), [("captures", {"amount": 1_000}), ("voids", {})])
def test_a_capture_or_void_in_the_portal_is_an_incident_of_the_payment(sandbox, tmp_path, collection, body):
    async def scenario(aegis):
        payment = await aegis.pay(**ORDER, capture="manual")
        await in_the_portal(sandbox, payment, collection, "portal-1", **body)
        payment = await aegis.get_payment(payment.id)
        assert [incident.reason for incident in payment.incidents] == [Reason.UNKNOWN_OPERATION]

    run(sandbox, tmp_path, scenario)


def test_a_refund_that_was_asked_for_here_is_none(sandbox, tmp_path):
    async def scenario(aegis):
        payment = await aegis.pay(**ORDER)
        fault = {"fault": "webhook_first", "count": 1, "match": {"operation": "refund"}}
        await asyncio.to_thread(sandbox.admin, "POST", "/admin/faults", fault)
        payment = await aegis.refund_payment(payment.id, idempotency_key="r1", amount="3.00")
        assert (payment.refunded_minor, payment.incidents) == (300, ())
        [refund] = [moved for moved in sandbox.movements() if moved["kind"] == "refund"]
        assert refund["amount"] == 300

    run(sandbox, tmp_path, scenario)
