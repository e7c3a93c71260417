"""What an engine logs: bound to its payment, few lines however often something happens, and nobody's data."""

from __future__ import annotations

import asyncio
import logging

import pytest

from aegispay import AegisPay, GatewayHealth, OverloadedError, SimulatedGateway, WebhookRefusedError
from aegispay.domain.keys import attempt_id
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

PERSON = {
    "id": "cust-1",
    "email": "pat@example.com",
    "phone": "+49 170 1234567",
    "name": "Pat Payer",
    "billing_address": {"country": "DE", "line1": "Hidden Lane 5", "city": "Smallville", "postal_code": "98765"},
}
PRIVATE = ("pat@example.com", "170 1234567", "Pat Payer", "Hidden Lane", "Smallville", "98765", "tok_top_secret")


def lines(caplog, event):
    found = [getattr(record, "aegispay", {}) for record in caplog.records]
    return [fields for fields in found if fields.get("event") == event]


def raising(error="no route"):
    return Adapter(RuntimeError(error))


@virtual
async def test_a_line_about_a_call_names_payment_attempt_gateway_and_operation(caplog):
    world = World()
    async with world.engine(raising()) as aegis:
        payment = await aegis.pay(**order(gateway="odd"))
    (line,) = lines(caplog, "adapter_raised")
    assert (line["payment_id"], line["attempt"], line["gateway"]) == (payment.id, 1, "odd")
    assert line["operation_id"] == attempt_id(payment.id, 1)
    assert line["error"] == "RuntimeError"


@virtual
async def test_a_crash_of_a_payment_names_the_payment(caplog):
    world, crashes = World(), [True]

    def crash(point):
        if crashes and crashes.pop():
            raise ValueError("no")

    world.store.faults = crash
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
    (line,) = lines(caplog, "crashed")
    assert line["payment_id"] == payment.id


@virtual
async def test_lines_of_payments_at_the_same_time_never_mix_what_is_bound(caplog):
    world = World()
    names = [f"odd-{number}" for number in range(20)]

    async def fail(request):
        await elapse(1)
        raise RuntimeError("no")

    async with world.engine(*(Adapter(fail, name=name) for name in names)) as aegis:
        paid = await asyncio.gather(*(aegis.pay(**order(name, gateway=name)) for name in names))
    said = {line["payment_id"]: (line["gateway"], line["operation_id"]) for line in lines(caplog, "adapter_raised")}
    assert said == {each.id: (each.idempotency_key, attempt_id(each.id, 1)) for each in paid}


@virtual
async def test_an_adapter_that_raises_a_thousand_times_writes_a_handful_of_lines_that_count_them_all(caplog):
    world = World()
    async with world.engine(raising(), breaker={"failures_max": 1_000}) as aegis:
        for number in range(200):
            await aegis.pay(**order(f"order-{number}", gateway="odd"))
            await elapse(0.05)
    found = lines(caplog, "adapter_raised")
    assert 3 <= len(found) <= 10
    assert sum(line.get("left_out", 0) for line in found) > 100


@virtual
async def test_a_gateway_that_is_down_and_up_in_turn_is_not_a_line_each_time(caplog):
    caplog.set_level(logging.INFO)
    world = World()

    class Flapping(Adapter):
        asked = 0

        async def health_check(self):
            self.asked += 1
            return GatewayHealth(is_up=self.asked % 2 == 0, message=f"code {self.asked}")

    gateway = Flapping()
    checks = {"idle_s": 1.0, "down_s": 1.0}
    async with world.engine(gateway, health_checks=checks):
        await elapse(120)
    assert gateway.asked > 40
    assert 1 <= len(lines(caplog, "gateway_not_up")) < gateway.asked / 4


@virtual
async def test_forged_webhooks_do_not_fill_the_log(caplog):
    caplog.set_level(logging.INFO)
    world = World()
    signed = SimulatedGateway("signed", clock=world.clock, webhook_secret="whsec_c2VjcmV0c2VjcmV0c2VjcmV0")
    async with world.engine(signed) as aegis:
        for number in range(1_000):
            with pytest.raises(WebhookRefusedError):
                await aegis.receive_webhook("signed", {"webhook-id": f"forged-{number}"}, b"{}")
    (line,) = lines(caplog, "webhook_refused")
    assert line["gateway"] == "signed"


def test_nobodys_data_is_in_any_line_of_any_logger_at_any_level(tmp_path, caplog):
    caplog.set_level(1)

    async def charge(request):
        raise RuntimeError(f"{request.customer.name} <{request.customer.email}> {request.payment_method.token}")

    def listen(context):
        raise ValueError(PERSON["name"])

    async def main():
        gateways = [SimulatedGateway("alpha"), Adapter(charge)]
        engine = AegisPay(tmp_path / "payments.db", gateways=gateways)
        engine.hooks.event_listener(is_quick=True)(listen)
        engine.hooks.fraud_check(is_quick=True, on_failure="open", name="odd")(listen)
        async with engine as aegis:
            for number, gateway in enumerate(("alpha", "odd")):
                fields = order(f"order-{number}", token="tok_top_secret", customer=PERSON, gateway=gateway)
                payment = await aegis.pay(**fields)
            await aegis.list_payments(customer_id=PERSON["id"])
            await aegis.get_payment(payment.id)

    asyncio.run(main(), debug=True)
    shown = [(record.name, record.getMessage(), record.exc_text or "", record.__dict__) for record in caplog.records]
    assert {"aiosqlite", "pykka", "aegispay", "aegispay.hooks"} <= {name for name, *_ in shown}
    assert [(said, line) for said in PRIVATE for line in shown if said in repr(line)] == []


@virtual
async def test_what_is_refused_for_want_of_room_is_an_error_to_the_caller_and_no_flood_of_lines(caplog):
    world = World()
    async with world.engine(mailbox_capacity=1) as aegis:
        created = await aegis.create_payment(**order())
        asked = [aegis.process_payment(created.id) for _ in range(200)]
        done = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in done if isinstance(each, OverloadedError)]
    assert len(refused) > 0
    assert len(caplog.records) <= 2
