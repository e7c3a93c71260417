"""A whole engine against the real sandbox: an answer that is lost never becomes a second charge."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import AegisPay, AegisPayConfig, PaymentState
from aegispay.domain.contract import GatewayContract
from tests.integration.sandbox.process import SandboxProcess
from tests.integration.sandbox_gateway.payloads import charge_request, gateway

ORDER = {
    "idempotency_key": "order-1",
    "amount": "10.00",
    "currency": "USD",
    "payment_method": {"type": "card", "token": "tok_visa"},
}
SOON = AegisPayConfig(check_delays_s=(0.01,), wake_interval_s=0.01)


def pay(sandbox, folder, contract, **order):
    async def scenario():
        alpha = gateway(sandbox.url, contract=contract)
        beta = gateway(sandbox.url, contract=contract, api_key="sk_sandbox_beta")
        beta._name = "beta"
        async with AegisPay(folder / "payments.db", gateways=[alpha, beta], config=SOON) as aegis:
            payment = await aegis.pay(**(ORDER | order))
            async with asyncio.timeout(30):
                while not payment.state.is_final:
                    payment = await aegis.get_payment(payment.id)
            await asyncio.gather(alpha.aclose(), beta.aclose())
            return payment

    return asyncio.run(scenario())


def collected(sandbox):
    return [movement["amount"] for movement in sandbox.movements() if movement["kind"] == "capture"]


@pytest.mark.parametrize(
    "fault", ["error_500_after", "unreadable_after", "drop_after", "in_progress", "rate_limit_after", "hang_after"]
)
def test_a_charge_whose_answer_is_lost_is_found_and_not_made_again(tmp_path, fault):
    with SandboxProcess(tmp_path) as sandbox:
        sandbox.admin("POST", "/admin/faults", {"fault": fault, "count": 1})
        payment = pay(sandbox, tmp_path, GatewayContract(timeout_s=0.5))
        assert (payment.state, len(payment.attempts)) == (PaymentState.SUCCESS, 1)
        assert collected(sandbox) == [1_000]


def test_a7_a_provider_that_executes_anew_after_a_failure_is_asked_and_never_sent_the_charge_again(tmp_path):
    with SandboxProcess(tmp_path, "--reexecute-failures") as sandbox:
        sandbox.admin("POST", "/admin/faults", {"fault": "error_500_after", "count": 1})
        payment = pay(sandbox, tmp_path, GatewayContract(timeout_s=0.5, key_covers_failures=False))
        assert payment.state is PaymentState.SUCCESS
        assert collected(sandbox) == [1_000]
        posts = [request for request in sandbox.requests() if request["method"] == "POST"]
        assert len([request for request in posts if request["path"] == "/v1/payments"]) == 1


@pytest.mark.parametrize(
    ("options", "contract", "is_up"),
    [
        ((), None, True),
        (("--reexecute-failures",), None, False),
        (("--reexecute-failures",), GatewayContract(key_covers_failures=False), True),
        (("--key-window-s", "60"), None, False),
        (("--key-window-s", "60"), GatewayContract(idempotency_window_s=60.0), True),
    ],
)
def test_a7_a_sandbox_that_keeps_less_than_its_adapter_declares_is_not_up(tmp_path, options, contract, is_up):
    async def scenario():
        asked = gateway(sandbox.url, contract=contract)
        health = await asked.health_check()
        await asked.aclose()
        return health

    with SandboxProcess(tmp_path, *options) as sandbox:
        assert asyncio.run(scenario()).is_up is is_up


def test_a7_the_hazard_is_real_for_the_same_key_sent_again_there_charges_again(tmp_path):
    with SandboxProcess(tmp_path, "--reexecute-failures") as sandbox:
        sandbox.admin("POST", "/admin/faults", {"fault": "error_500_after", "count": 1})

        async def scenario():
            asked = gateway(sandbox.url)
            for _ in range(2):
                await asked.charge(charge_request())
            found = await asked.fetch_payment(charge_request())
            await asked.aclose()
            return found

        found = asyncio.run(scenario())
        assert collected(sandbox) == [1_000, 1_000]
        assert (found.type, found.reason) == ("unknown", "conflicting_answer")
