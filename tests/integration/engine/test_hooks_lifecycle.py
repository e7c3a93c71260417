"""Hooks around operations."""

from __future__ import annotations

import pytest

from aegispay import OperationRefusedError
from aegispay.errors import HookRefusedError
from aegispay.hooks import Refuse
from tests.integration.engine.rig import World, order, virtual


@virtual
async def test_every_operation_passes_the_hooks_around_it():
    world = World()
    engine, passed = world.engine(), []
    engine.hooks.before(name="gate", is_quick=True)(lambda context: passed.append(f"before {context.operation}"))
    engine.hooks.after(name="ear", is_quick=True)(lambda context: passed.append(f"after {context.operation}"))
    async with engine as aegis:
        payment = await aegis.create_payment(**order(capture="manual"))
        await aegis.process_payment(payment.id)
        await aegis.capture_payment(payment.id, idempotency_key="c")
        await aegis.refund_payment(payment.id, idempotency_key="r")
        await aegis.complete_action(payment.id)
        other = await aegis.pay(**order("two", capture="manual"))
        await aegis.cancel_payment(other.id)
    befores = [line.removeprefix("before ") for line in passed if line.startswith("before")]
    afters = [line.removeprefix("after ") for line in passed if line.startswith("after")]
    expected = ["create", "process", "capture", "refund", "complete_action", "create", "process", "cancel"]
    assert (befores, afters) == (expected, expected)


@virtual
async def test_a_refused_operation_does_not_begin():
    world = World()
    engine = world.engine()
    engine.hooks.before("refund", name="freeze", is_quick=True)(lambda context: Refuse("refunds are frozen"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        with pytest.raises(HookRefusedError) as refused:
            await aegis.refund_payment(payment.id, idempotency_key="r")
        assert str(refused.value) == "hook freeze refused to refund: refunds are frozen"
        assert (refused.value.hook, refused.value.operation) == ("freeze", "refund")
        assert (await aegis.get_payment(payment.id)).version == payment.version
    assert world.moved() == [("charge", 10_000)]


@virtual
async def test_a_gate_that_fails_stays_shut_unless_it_was_declared_open():
    world = World()
    engine = world.engine()

    @engine.hooks.before("create", is_quick=True)
    def shut(context):
        raise OSError

    async with engine as aegis:
        with pytest.raises(HookRefusedError, match=r"hook shut refused to create: the hook failed, .* raised OSError"):
            await aegis.pay(**order())
        aegis.hooks.remove("shut")
        aegis.hooks.before("create", name="ajar", on_failure="open", is_quick=True)(lambda context: 1 / 0)
        assert (await aegis.pay(**order())).state == "success"


@virtual
async def test_after_an_operation_hooks_hear_what_came_of_it_and_can_refuse_nothing():
    world = World()
    engine, heard = world.engine(), []

    @engine.hooks.after("process", "refund", is_quick=True)
    def ear(context):
        heard.append((context.operation, context.error, context.payment and context.payment.state.value))
        return Refuse("too late")

    async with engine as aegis:
        payment = await aegis.pay(**order())
        with pytest.raises(OperationRefusedError):
            await aegis.refund_payment(payment.id, idempotency_key="r", amount="100.01")
        assert payment.state == "success"
    assert heard == [("process", None, "success"), ("refund", "OperationRefusedError", None)]


@virtual
async def test_before_a_creation_hooks_see_the_request_and_cannot_change_it():
    world = World()
    engine, seen = world.engine(), []

    @engine.hooks.before("create", is_quick=True)
    def look(context):
        seen.append(context.request.amount_minor)
        context.request.metadata["a"] = 2

    async with engine as aegis:
        payment = await aegis.pay(**order(metadata={"a": 1}))
    assert (seen, payment.metadata) == ([10_000], {"a": 1})
