"""C12: a hook raises, hangs, re-enters, answers nonsense: the payment reaches a legal state inside the deadline."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from aegispay import AegisPay, AegisPayConfig, MemoryStore, SimulatedGateway, ValidationError
from aegispay.clock import SystemClock
from aegispay.domain.hook_kind import HookKind
from aegispay.domain.invariants import check
from aegispay.errors import HookRefusedError
from aegispay.hooks import Allow, Block, Enrich, Hook, Prefer, Refuse
from tests.integration.engine.rig import World, elapse, order, virtual

DEADLINE_S = 2.0
ASKED = (
    HookKind.PRE_VALIDATION, HookKind.POST_VALIDATION, HookKind.CUSTOM_VALIDATION, HookKind.FRAUD_CHECK,
    HookKind.ROUTING_STRATEGY, HookKind.ENRICHMENT, HookKind.LIFECYCLE,
)  # fmt: skip
MAY_CLOSE = (HookKind.PRE_VALIDATION, HookKind.POST_VALIDATION, HookKind.CUSTOM_VALIDATION, HookKind.FRAUD_CHECK)


async def hangs(context):
    await asyncio.get_running_loop().create_future()


async def hangs_on(context):
    """Take no notice of its cancellation for a long time."""
    for _ in range(50):
        try:
            await elapse(10)
        except asyncio.CancelledError:
            continue


def raising(error):
    async def raises(context):
        raise error

    return raises


async def cancels_itself(context):
    asyncio.current_task().cancel()
    await elapse(0.1)


class Hostile:
    def __hash__(self):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError

    def __bool__(self):
        raise RuntimeError

    def __repr__(self):
        raise RuntimeError


def answering(value):
    async def answers(context):
        return value

    return answers


MISBEHAVIOUR: dict[str, Any] = {
    "hangs": hangs,
    "hangs on": hangs_on,
    "raises": raising(RuntimeError("4242 4242 4242 4242")),
    "SystemExit": raising(SystemExit(3)),
    "KeyboardInterrupt": raising(KeyboardInterrupt()),
    "CancelledError": raising(asyncio.CancelledError()),
    "StopAsyncIteration": raising(StopAsyncIteration()),
    "BaseException": raising(BaseException()),
    "a group": raising(BaseExceptionGroup("g", [SystemExit(), ValueError()])),
    "cancels itself": cancels_itself,
    "True": answering(True),
    "text": answering("allow"),
    "a class": answering(Allow),
    "hostile": answering(Hostile()),
}


def told_of(kind):
    return {"on_failure": "open"} if kind in MAY_CLOSE or kind is HookKind.LIFECYCLE else {}


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("name", MISBEHAVIOUR)
@virtual
async def test_c12_a_hook_that_fails_openly_costs_its_deadline_and_nothing_else(kind, name):
    world = World()
    engine = world.engine(shutdown_s=1)
    engine.hooks.register(Hook(kind=kind, name="bad", call=MISBEHAVIOUR[name], deadline_s=DEADLINE_S, **told_of(kind)))
    async with engine as aegis:
        began = world.clock.monotonic()
        payment = await aegis.pay(**order())
        calls = 2 if kind is HookKind.LIFECYCLE else 1
        assert world.clock.monotonic() - began < calls * DEADLINE_S + 1
        assert payment.state == "success"
        check(payment)
        (report,) = aegis.hooks.list()
        assert (report.called, report.failed) == (calls, calls)
    assert world.charges() == [("alpha", 10_000)]


@pytest.mark.parametrize("kind", MAY_CLOSE)
@pytest.mark.parametrize("name", MISBEHAVIOUR)
@virtual
async def test_c12_a_hook_that_fails_closed_refuses_inside_its_deadline_and_nothing_is_charged(kind, name):
    world = World()
    engine = world.engine(shutdown_s=1)
    engine.hooks.register(
        Hook(kind=kind, name="bad", call=MISBEHAVIOUR[name], deadline_s=DEADLINE_S, on_failure="closed")
    )
    async with engine as aegis:
        began = world.clock.monotonic()
        try:
            payment = await aegis.pay(**order())
        except ValidationError as error:
            said = str(error)
            assert (await aegis.list_payments()).payments == ()
        else:
            assert (payment.state, payment.failure.code) == ("failure", "bad")
            said = payment.failure.message
        assert "bad: " in said
        assert "4242" not in said
        assert world.clock.monotonic() - began < DEADLINE_S + 1
        assert (aegis.hooks.list()[0].failed, aegis.hooks.list()[0].refused) == (1, 1)
    assert world.charges() == []


@pytest.mark.parametrize("name", MISBEHAVIOUR)
@virtual
async def test_c12_listeners_and_collectors_that_misbehave_are_never_noticed_by_a_payment(name):
    world = World()
    engine = world.engine(shutdown_s=1)
    for kind in (HookKind.EVENT_LISTENER, HookKind.METRICS_COLLECTOR):
        engine.hooks.register(Hook(kind=kind, name=kind.value, call=MISBEHAVIOUR[name], deadline_s=DEADLINE_S))
    async with engine as aegis:
        began = world.clock.monotonic()
        assert (await aegis.pay(**order())).state == "success"
        assert world.clock.monotonic() - began < 1


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), BaseException()], ids=repr)
@virtual
async def test_c12_what_a_quick_hook_raises_ends_neither_the_loop_nor_another_payment(error):
    world = World()
    engine = world.engine()

    @engine.hooks.fraud_check(on_failure="open", is_quick=True)
    def raises(context):
        raise error

    async with engine as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(20)))
    assert {payment.state.value for payment in payments} == {"success"}
    assert all(payment.judgements[0].has_failed for payment in payments)


@virtual
async def test_c12_a_hook_that_waits_for_the_payment_it_judges_ends_by_its_deadline_and_harms_nobody():
    world = World()
    engine, went = world.engine(), []

    @engine.hooks.fraud_check(on_failure="open", deadline_s=DEADLINE_S)
    async def reenters(context):
        if context.payment.idempotency_key == "other":
            return Allow()
        went.append((await aegis.pay(**order("other"))).state.value)
        went.append(await aegis.pay(**order()))
        return Allow()

    async with engine as aegis:
        began = world.clock.monotonic()
        payment, *others = await asyncio.gather(
            aegis.pay(**order()), *(aegis.pay(**order(key="other")) for _ in range(3))
        )
        assert world.clock.monotonic() - began < DEADLINE_S + 1
        assert [each.state.value for each in (payment, *others)] == ["success"] * 4
        # Nobody was taken for part of a circle: the engine goes on as before.
        assert (await aegis.refund_payment(payment.id, idempotency_key="r")).state == "refunded"
    assert went == ["success"]
    assert sorted(world.moved()) == [("charge", 10_000), ("charge", 10_000), ("refund", 10_000)]


@virtual
async def test_c12_hooks_that_wait_for_each_others_payments_end_by_their_deadlines():
    world = World()
    engine = world.engine()
    other = {"one": "two", "two": "one"}

    @engine.hooks.fraud_check(on_failure="open", deadline_s=DEADLINE_S)
    async def crosses(context):
        await aegis.pay(**order(other[context.payment.idempotency_key]))
        return Allow()

    async with engine as aegis:
        began = world.clock.monotonic()
        payments = await asyncio.gather(aegis.pay(**order("one")), aegis.pay(**order("two")))
        assert world.clock.monotonic() - began < DEADLINE_S + 1
    assert [payment.state.value for payment in payments] == ["success", "success"]
    assert len(world.charges()) == 2


@virtual
async def test_c12_a_hook_changes_nothing_but_by_its_verdict():
    world = World()
    engine = world.engine()

    def vandal(context):
        payment = context.payment
        payment.metadata["tier"] = "gold"
        payment.request.metadata.clear()
        for name in ("state", "request", "version"):
            with pytest.raises((AttributeError, TypeError)):
                setattr(payment, name, None)
        with pytest.raises((AttributeError, TypeError)):
            context.payment = None
        return Allow()

    engine.hooks.fraud_check(on_failure="closed", is_quick=True)(vandal)
    async with engine as aegis:
        payment = await aegis.pay(**order(metadata={"a": {"b": 1}}))
        assert (payment.state, payment.metadata) == ("success", {"a": {"b": 1}})
        assert await aegis.get_payment(payment.id) == payment


@pytest.mark.parametrize(
    ("verdict", "given"),
    [
        (Block, {"reason": "x", "score": float("nan")}),
        (Block, {"reason": "x", "score": 1.01}),
        (Block, {"reason": "x" * 10_000}),
        (Block, {"reason": "card 4242 4242 4242 4242"}),
        (Block, {"reason": None}),
        (Allow, {"score": True}),
        (Allow, {"score": float("inf")}),
        (Allow, {"counts": [1]}),
    ],
    ids=lambda part: str(part)[:40],
)
@virtual
async def test_c12_nonsense_in_a_verdict_fails_the_hook_that_said_it(verdict, given):
    world = World()
    engine = world.engine()
    engine.hooks.fraud_check(name="bad", on_failure="closed", is_quick=True)(lambda context: verdict(**given))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        events = await aegis.payment_events(payment.id)
    assert payment.failure.message.startswith("bad: raised ")
    assert "4242 4242" not in repr(events)
    assert world.charges() == []


@virtual
async def test_c12_a_crash_of_the_turn_while_a_hook_is_asked_asks_it_again_and_charges_once():
    world, asked = World(), []
    engine = world.engine()

    @engine.hooks.fraud_check(on_failure="closed", deadline_s=5)
    async def slow(context):
        asked.append(context.payment.id)
        if len(asked) == 1:
            cancel_turn(aegis, context.payment.id)
        await elapse(1)
        return Allow()

    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert payment.state == "success"
    assert len(asked) == 2
    assert world.charges() == [("alpha", 10_000)]


def cancel_turn(aegis, payment_id):
    """Cancel the turn that waits for the hook."""
    aegis._assembly.directory._cells[payment_id]._task.cancel()


# --- threads: real time, and events instead of durations ----------------------------------------------


def real_engine(store=None):
    clock = SystemClock()
    return AegisPay(
        store or MemoryStore(clock=clock),
        gateways=[SimulatedGateway("alpha", clock=clock, latency_s=0.0)],
        config=AegisPayConfig(),
    )


def test_c12_a_sync_hook_that_blocks_stops_neither_the_loop_nor_the_next_payment():
    release = threading.Event()

    async def main():
        engine = real_engine()

        @engine.hooks.fraud_check(on_failure="closed", deadline_s=0.05)
        def blocks(context):
            if context.payment.idempotency_key == "stuck":
                release.wait()
            return Allow()

        async with engine as aegis:
            stuck, fine = await asyncio.gather(aegis.pay(**order("stuck")), aegis.pay(**order("fine")))
            assert (stuck.state, fine.state) == ("failure", "success")
            assert stuck.failure.message == "blocks: did not answer within 0.05 s"

    try:
        asyncio.run(main())
    finally:
        release.set()


def test_c12_a_sync_hook_that_blocks_for_ever_holds_so_many_threads_and_no_more():
    release, entered = threading.Event(), []

    async def main():
        engine = real_engine()

        @engine.hooks.fraud_check(on_failure="closed", deadline_s=0.05)
        def blocks(context):
            entered.append(1)
            release.wait()

        async with engine as aegis:
            payments = await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(30)))
            assert {payment.state.value for payment in payments} == {"failure"}

    try:
        asyncio.run(main())
    finally:
        release.set()
    assert len(entered) == 8


def test_c12_a_sync_hook_may_call_the_blocking_face_of_another_engine_and_its_context_is_its_own():
    seen = []

    async def main():
        engine = real_engine()

        @engine.hooks.enrichment(deadline_s=5)
        def slow(context):
            seen.append(threading.current_thread().name)
            return Enrich({"seen": True})

        @engine.hooks.pre_validation(deadline_s=5)
        def raises(context):
            raise StopIteration

        @engine.hooks.routing_strategy(deadline_s=5)
        def gives_something_to_wait_for(context):
            return answering(Prefer(("alpha",)))(context)

        engine.hooks.disable("raises")
        async with engine as aegis:
            payment = await aegis.pay(**order())
            assert (payment.state, payment.metadata) == ("success", {"seen": True})
            aegis.hooks.enable("raises")
            with pytest.raises(ValidationError, match="raised StopIteration"):
                await aegis.pay(**order("two"))
            assert [report.failed for report in aegis.hooks.list("routing_strategy")] == [0]

    asyncio.run(main())
    assert seen == ["aegispay-hook-slow"]


@virtual
async def test_c12_a_gate_that_hangs_refuses_its_operation_in_time():
    world = World()
    engine = world.engine()
    engine.hooks.before("create", name="gate", deadline_s=DEADLINE_S)(hangs)
    async with engine as aegis:
        with pytest.raises(HookRefusedError, match="did not answer within 2 s"):
            await aegis.pay(**order())
        engine.hooks.remove("gate")
        engine.hooks.before("create", name="refuses", is_quick=True)(lambda context: Refuse("no"))
        with pytest.raises(HookRefusedError, match="hook refuses refused to create: no"):
            await aegis.pay(**order())
    assert world.charges() == []
