"""Opening and closing: what callers in flight are told, what is drained, what is left for the next engine."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import (
    AegisPay,
    BlockingAegisPay,
    DuplicateGatewayError,
    EngineClosedError,
    MemoryStore,
    PaymentState,
    PaymentTimeoutError,
    SimulatedGateway,
    StoreLockedError,
    Upi,
    WebhookEndpoint,
    new_webhook_secret,
)
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

ENDPOINT = WebhookEndpoint(name="x", url="https://shop.example.com/hooks", secrets=[new_webhook_secret()])
CALLS = {
    "create_payment": lambda aegis: aegis.create_payment(**order()),
    "pay": lambda aegis: aegis.pay(**order()),
    "process_payment": lambda aegis: aegis.process_payment("pay_x"),
    "get_payment": lambda aegis: aegis.get_payment("pay_x"),
    "get_payment_by_idempotency_key": lambda aegis: aegis.get_payment_by_idempotency_key("order-1"),
    "list_payments": lambda aegis: aegis.list_payments(),
    "payment_events": lambda aegis: aegis.payment_events("pay_x"),
    "payment_ref": lambda aegis: aegis.payment_ref("pay_x"),
    "capture_payment": lambda aegis: aegis.capture_payment("pay_x", idempotency_key="c"),
    "refund_payment": lambda aegis: aegis.refund_payment("pay_x", idempotency_key="r"),
    "cancel_payment": lambda aegis: aegis.cancel_payment("pay_x"),
    "complete_action": lambda aegis: aegis.complete_action("pay_x"),
    "resolve_payment": lambda aegis: aegis.resolve_payment("pay_x", "executed", evidence="seen", operator="ops"),
    "close_incident": lambda aegis: aegis.close_incident("pay_x", "i", operator="ops", detail="seen"),
    "receive_webhook": lambda aegis: aegis.receive_webhook("alpha", {}, b""),
    "metrics": lambda aegis: aegis.metrics(),
    "unpark_payment": lambda aegis: aegis.unpark_payment("pay_x", operator="ops"),
    "register_gateway": lambda aegis: aegis.register_gateway(SimulatedGateway("gamma")),
    "enable_gateway": lambda aegis: aegis.enable_gateway("alpha"),
    "disable_gateway": lambda aegis: aegis.disable_gateway("alpha", reason="x"),
    "gateway_metrics": lambda aegis: aegis.gateway_metrics(),
    "force_breaker": lambda aegis: aegis.force_breaker("alpha", state="open", reason="x"),
    "reset_breaker": lambda aegis: aegis.reset_breaker("alpha"),
    "review_payment": lambda aegis: aegis.review_payment("pay_x", "accept", operator="ann", reason="fine"),
    "validate": lambda aegis: aegis.validate("order", {}),
    "configure": lambda aegis: aegis.configure(routing="round_robin", operator="ann", reason="why"),
    "configuration": lambda aegis: aegis.configuration(),
    "configuration_history": lambda aegis: aegis.configuration_history(),
    "preview_route": lambda aegis: aegis.preview_route(amount="1", currency="USD", payment_method=Upi(vpa="a@b")),
    "subscribe": lambda aegis: aegis.subscribe("*", print, name="x"),
    "unsubscribe": lambda aegis: aegis.unsubscribe("x"),
    "subscriptions": lambda aegis: aegis.subscriptions(),
    "dead_letters": lambda aegis: aegis.dead_letters(),
    "dead_letter": lambda aegis: aegis.dead_letter("x", "pay_x-1"),
    "replay_dead_letter": lambda aegis: aegis.replay_dead_letter("x", "pay_x-1", operator="kim"),
    "drop_dead_letter": lambda aegis: aegis.drop_dead_letter("x", "pay_x-1", operator="kim", reason="r"),
    "add_webhook_endpoint": lambda aegis: aegis.add_webhook_endpoint(ENDPOINT),
    "remove_webhook_endpoint": lambda aegis: aegis.remove_webhook_endpoint("x"),
    "enable_webhook_endpoint": lambda aegis: aegis.enable_webhook_endpoint("x", operator="kim"),
    "webhook_endpoints": lambda aegis: aegis.webhook_endpoints(),
    "webhook_log": lambda aegis: aegis.webhook_log("x"),
    "replay_webhook": lambda aegis: aegis.replay_webhook("x", event_ids=["y"], operator="kim"),
    "export_payment": lambda aegis: aegis.export_payment("pay_x"),
    "statistics": lambda aegis: aegis.statistics("state"),
    "erase_customer": lambda aegis: aegis.erase_customer("c", operator="kim", reason="r"),
    "erasures": lambda aegis: aegis.erasures(),
    "health": lambda aegis: aegis.health(),
    "supervision_tree": lambda aegis: aegis.supervision_tree(),
}


async def called(call, aegis):
    result = call(aegis)
    return await result if asyncio.iscoroutine(result) else result


@pytest.mark.parametrize("name", CALLS)
@virtual
async def test_before_opening_and_after_closing_every_method_says_that_the_engine_is_closed(name):
    world = World()
    aegis = world.engine()
    for _ in range(2):
        with pytest.raises(EngineClosedError, match="not open") as caught:
            await called(CALLS[name], aegis)
        assert "open a new engine" in caught.value.hint
        await aegis.open()
        await aegis.close()


def test_the_list_of_methods_above_is_complete():
    public = {name for name in dir(AegisPay) if not name.startswith("_")}
    assert public - {"open", "close", "hooks", "latest_metrics"} == set(CALLS)
    assert {name for name in dir(BlockingAegisPay) if not name.startswith("_")} == public


@virtual
async def test_the_latest_metrics_are_there_before_and_after_as_well():
    aegis = World().engine()
    before = aegis.latest_metrics()
    async with aegis:
        await aegis.pay(**order())
        await aegis.metrics()
    after = aegis.latest_metrics()
    assert (before.payments.get("success", 0), after.payments["success"]) == (0, 1)


def test_the_blocking_face_says_the_same():
    aegis = BlockingAegisPay(MemoryStore(), gateways=[SimulatedGateway("alpha")])
    for _ in range(2):
        for name, call in CALLS.items():
            with pytest.raises(EngineClosedError):
                call(aegis)
            assert name
        aegis.open()
        aegis.close()


@virtual
async def test_opening_twice_opens_once_and_closing_twice_is_harmless():
    world = World()
    aegis = world.engine()
    await aegis.open()
    payment = await aegis.pay(**order())
    await aegis.open()
    assert await aegis.get_payment(payment.id) == payment
    await aegis.close()
    await aegis.close()


@virtual
async def test_two_openings_at_once_open_one_engine():
    world = World()
    aegis = world.engine()
    await asyncio.gather(aegis.open(), aegis.open())
    assert (await aegis.pay(**order())).state is PaymentState.SUCCESS
    await aegis.close()
    await elapse(10)
    # Nothing of a second engine is left running.
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_a_closed_engine_can_be_opened_again():
    world = World()
    aegis = world.engine()
    async with aegis:
        payment = await aegis.pay(**order())
    async with aegis:
        assert await aegis.pay(**order()) == payment
        assert (await aegis.pay(**order("order-2"))).state is PaymentState.SUCCESS


@virtual
async def test_an_engine_that_could_not_open_can_be_opened_when_the_reason_is_gone():
    world = World("alpha", "alpha")
    aegis = world.engine()
    with pytest.raises(DuplicateGatewayError, match="'alpha'"):
        await aegis.open()
    assert len(asyncio.all_tasks()) == 1
    world.gateways.pop()
    async with world.engine() as aegis:
        assert (await aegis.pay(**order())).state is PaymentState.SUCCESS


def test_a_failed_opening_gives_the_database_back(tmp_path):
    path = tmp_path / "payments.db"

    async def twice() -> None:
        broken = AegisPay(path, gateways=[SimulatedGateway("alpha"), SimulatedGateway("alpha")])
        with pytest.raises(DuplicateGatewayError):
            await broken.open()
        async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
            assert (await aegis.pay(**order())).state is PaymentState.SUCCESS

    asyncio.run(twice())


def test_a_second_engine_on_the_same_database_is_refused_with_the_holders_name(tmp_path):
    path = tmp_path / "payments.db"

    async def both() -> None:
        async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
            second = AegisPay(path)
            with pytest.raises(StoreLockedError, match=r"process [0-9]+"):
                await second.open()
            assert (await aegis.pay(**order())).state is PaymentState.SUCCESS

    asyncio.run(both())


@virtual
async def test_closing_waits_for_calls_in_flight_and_their_callers_get_their_answer():
    world = World(latency_s=10.0)
    aegis = world.engine()
    await aegis.open()
    paying = [asyncio.create_task(aegis.pay(**order(f"p-{n}"))) for n in range(5)]
    await elapse(1)
    await aegis.close()
    assert world.clock.monotonic() == pytest.approx(10)
    assert [task.result().state for task in paying] == [PaymentState.SUCCESS] * 5


@virtual
async def test_new_requests_are_refused_while_closing():
    world = World(latency_s=10.0)
    aegis = world.engine()
    await aegis.open()
    paying = asyncio.create_task(aegis.pay(**order()))
    await elapse(1)
    closing = asyncio.create_task(aegis.close())
    await elapse(1)
    with pytest.raises(EngineClosedError):
        await aegis.pay(**order("late"))
    await closing
    assert (await paying).state is PaymentState.SUCCESS
    assert len(world.charges()) == 1


@virtual
async def test_closing_stops_waiting_at_its_limit_and_the_next_engine_goes_on():
    world = World("alpha", "beta", latency_s=20.0)
    aegis = world.engine(shutdown_s=3)
    await aegis.open()
    paying = asyncio.create_task(aegis.pay(**order()))
    await elapse(1)
    await aegis.close()
    assert world.clock.monotonic() == pytest.approx(4)
    with pytest.raises(EngineClosedError, match="the engine was closed"):
        await paying
    assert world.charges() == []
    async with world.engine(wake_interval_s=7) as again:
        await elapse(100)
        assert (await again.pay(**order())).state is PaymentState.SUCCESS
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_an_outcome_nobody_waits_for_is_still_drained():
    world = World(latency_s=10.0)
    aegis = world.engine()
    await aegis.open()
    paying = asyncio.create_task(aegis.pay(**order()))
    await elapse(1)
    paying.cancel()
    await asyncio.gather(paying, return_exceptions=True)
    await aegis.close()
    async with world.engine() as again:
        payment = await again.get_payment_by_idempotency_key("order-1")
        assert payment.state is PaymentState.SUCCESS
    assert world["alpha"].calls == 1


@pytest.mark.parametrize("loop_seed", [None, 1, 2, 3])
@virtual
async def test_no_gateway_call_begins_or_goes_on_after_closing(loop_seed):
    """Also not the next attempt of a payment whose first one failed during the drain."""
    world = World("alpha", "beta", latency_s=5.0)
    aegis = world.engine()
    await aegis.open()
    paying = asyncio.create_task(aegis.pay(**order(token="tok_refuse_connection")))
    await elapse(1)
    paying.cancel()
    await asyncio.gather(paying, return_exceptions=True)
    await aegis.close()
    calls = world["alpha"].calls + world["beta"].calls
    await elapse(100)
    assert world["alpha"].calls + world["beta"].calls == calls
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("loop_seed", [None, 1, 2, 3])
@virtual
async def test_requests_caught_by_closing_are_answered_or_told_that_the_engine_is_closed(loop_seed):
    world = World()
    aegis = world.engine()
    await aegis.open()
    calls = [aegis.create_payment(**order(f"c-{n}")) for n in range(20)]
    calls += [aegis.pay(**order(f"p-{n}")) for n in range(20)]
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    await aegis.close()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    assert {type(error) for error in errors} <= {EngineClosedError}
    assert len(asyncio.all_tasks()) == 1
    async with world.engine() as again:
        for answer in answers:
            if not isinstance(answer, BaseException):
                assert (await again.get_payment(answer.id)).version >= answer.version


@virtual
async def test_a_cancelled_call_leaves_its_payment_going_on():
    world = World(latency_s=10.0)
    async with world.engine() as aegis:
        paying = asyncio.create_task(aegis.pay(**order()))
        await elapse(1)
        paying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await paying
        assert (await aegis.health()).in_flight == 0
        await elapse(10)
        assert (await aegis.pay(**order())).state is PaymentState.SUCCESS
    assert world["alpha"].calls == 1


@virtual
async def test_a_caller_that_waits_too_long_is_told_so_and_the_payment_goes_on():
    world = World(latency_s=20.0)
    async with world.engine(answer_timeout_s=5) as aegis:
        with pytest.raises(PaymentTimeoutError, match="did not settle within 5 s; it goes on") as caught:
            await aegis.pay(**order())
        assert "same idempotency key" in caught.value.hint
        waiting = await aegis.get_payment_by_idempotency_key("order-1")
        assert waiting.state is PaymentState.PROCESSING
        assert await world.types(waiting.id) == ["payment.initiated", "payment.authenticated", "payment.processing"]
        assert (await aegis.health()).in_flight == 0
        await elapse(16)
        assert (await aegis.get_payment(waiting.id)).state is PaymentState.SUCCESS
    assert world["alpha"].calls == 1


@virtual
async def test_one_impatient_caller_does_not_cut_off_the_others():
    world = World(latency_s=3.0)
    async with world.engine() as aegis:
        tasks = [asyncio.create_task(aegis.pay(**order())) for _ in range(5)]
        await elapse(1)
        tasks[0].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [answer.state for answer in answers[1:]] == [PaymentState.SUCCESS] * 4


@virtual
async def test_a_stubborn_adapter_cannot_keep_the_engine_from_closing():
    async def stubborn(request):
        while world.clock.monotonic() < 1_000:
            try:
                await elapse(1_000)
            except asyncio.CancelledError:
                continue

    world = World()
    aegis = world.engine(Adapter(stubborn), shutdown_s=2)
    await aegis.open()
    paying = asyncio.create_task(aegis.pay(**order(gateway="odd")))
    await elapse(1)
    await aegis.close()
    assert world.clock.monotonic() < 10
    with pytest.raises(EngineClosedError):
        await paying


def test_a_blocking_call_on_the_engines_own_thread_raises_instead_of_deadlocking():
    class Calling(Adapter):
        async def charge(self, request):
            blocking.get_payment(request.payment_id)

    blocking = BlockingAegisPay(MemoryStore(), gateways=[Calling(name="odd")])
    with blocking as aegis:
        payment = aegis.pay(**order())
        assert payment.in_doubt
        assert payment.attempts[0].failure.message == "the adapter raised EngineClosedError"
