"""Hooks that are asked before a payment's first attempt."""

from __future__ import annotations

import asyncio

import pytest

from aegispay import IllegalTransitionError, PaymentParkedError, StoreUnavailableError, ValidationError
from aegispay.domain.hook_kind import VerdictKind
from aegispay.hooks import Allow, Block, Refuse, Review
from tests.integration.engine.rig import World, elapse, order, virtual


def judging(world, *verdicts, **settings):
    """Return an engine with a fraud check for each verdict, asked in this order."""
    engine, asked = world.engine(), []
    for number, verdict in enumerate(verdicts):

        def check(context, verdict=verdict, name=f"check-{number}"):
            asked.append(name)
            return verdict

        engine.hooks.fraud_check(
            name=f"check-{number}", on_failure="closed", priority=-number, is_quick=True, **settings
        )(check)
    return engine, asked


def fails_once(store):
    def fault(point):
        store.faults = None
        raise OSError(point)

    return fault


@virtual
async def test_a_blocked_payment_fails_with_the_hooks_name_and_words_and_is_not_charged():
    world = World()
    engine, _ = judging(world, Block("too fast", 0.95))
    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert (payment.state, payment.failure.reason) == ("failure", "risk_refused")
    assert (payment.failure.code, payment.failure.message) == ("check-0", "check-0: too fast")
    assert payment.risk_score == 0.95
    assert await world.types(payment.id) == [
        "payment.initiated", "payment.authenticated", "payment.hook_judged", "payment.failed",
    ]  # fmt: skip
    assert world.charges() == []


@virtual
async def test_the_first_block_wins_and_nobody_after_it_is_asked():
    world = World()
    engine, asked = judging(world, Allow(score=0.2), Block("first"), Block("second"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert payment.failure.message == "check-1: first"
    assert asked == ["check-0", "check-1"]


@virtual
async def test_the_highest_score_of_those_who_allow_it_is_kept_once():
    world = World()
    engine, _ = judging(world, Allow(score=0.2), Allow("close", 0.7), Allow(score=0.4), Allow())
    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert (payment.state, payment.risk_score) == ("success", 0.7)
    assert [(each.hook, each.verdict, each.reason) for each in payment.judgements] == [
        ("check-1", VerdictKind.ALLOW, "close")
    ]


@virtual
async def test_a_final_allow_spares_a_known_customer_the_other_checks():
    world = World()
    engine, asked = judging(world, Allow(is_final=True), Block("everybody"))
    async with engine as aegis:
        assert (await aegis.pay(**order())).state == "success"
    assert asked == ["check-0"]


@virtual
async def test_post_validations_are_asked_first_and_all_their_refusals_are_told():
    world = World()
    engine, asked = judging(world, Allow())
    engine.hooks.post_validation(name="one", is_quick=True)(lambda context: Refuse("no", {"amount": "odd"}))
    engine.hooks.post_validation(name="two", is_quick=True)(lambda context: Refuse("never"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert (payment.state, payment.failure.reason) == ("failure", "validation_refused")
    assert payment.failure.message == "one: no (amount: odd); two: never"
    assert asked == []


@virtual
async def test_a_payment_that_is_only_created_is_not_judged_before_it_is_processed():
    world = World()
    engine, asked = judging(world, Block("no"))
    async with engine as aegis:
        payment = await aegis.create_payment(**order())
        assert (payment.state, asked) == ("initiated", [])
        assert (await aegis.process_payment(payment.id)).state == "failure"
        assert (await aegis.process_payment(payment.id)).state == "failure"
    assert asked == ["check-0"]


@pytest.mark.parametrize("again", [Block("never twice"), Allow()], ids=repr)
@virtual
async def test_a_repetition_is_not_judged_by_an_engine_that_has_not_read_the_payment_yet(again):
    world = World()
    async with world.engine() as aegis:
        first = await aegis.pay(**order())
    engine, asked = judging(world, again)
    engine.hooks.routing_strategy(name="route", is_quick=True)(lambda context: asked.append("route"))
    async with engine as aegis:
        assert await aegis.pay(**order()) == first
        assert asked == []
        assert (await aegis.pay(**order("another"))).id != first.id
    assert asked[0] == "check-0"


# --- reviews ----------------------------------------------------------------------------------------


@virtual
async def test_a_review_sets_the_payment_aside_where_an_operator_finds_it():
    world = World()
    engine, _ = judging(world, Review("looks odd", 0.6))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        assert (payment.state, payment.is_parked, payment.review.reason) == ("authenticated", True, "looks odd")
        with pytest.raises(PaymentParkedError, match="hook check-0 wants a review: looks odd"):
            await aegis.process_payment(payment.id)
        assert [each.id for each in (await aegis.list_payments(parked=True)).payments] == [payment.id]
        assert [parking.cause for parking in (await aegis.health()).parked] == [
            "hook check-0 wants a review: looks odd"
        ]
    assert world.charges() == []


@virtual
async def test_an_accepted_payment_is_charged_and_hooks_are_not_asked_again():
    world = World()
    engine, asked = judging(world, Review("looks odd"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        await aegis.review_payment(payment.id, "accept", operator="ann", reason="known")
        assert (await aegis.process_payment(payment.id)).state == "success"
        with pytest.raises(IllegalTransitionError, match="no review is open"):
            await aegis.review_payment(payment.id, "accept", operator="ann", reason="known")
    assert asked == ["check-0"]
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_what_waits_for_a_review_is_not_unparked_by_the_way():
    world = World()
    engine, asked = judging(world, Review("looks odd"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        with pytest.raises(PaymentParkedError, match="waits for a review") as refused:
            await aegis.unpark_payment(payment.id, operator="ann")
        assert "review_payment" in refused.value.hint
        await aegis.review_payment(payment.id, "accept", operator="ann", reason="a known customer")
        assert (await aegis.process_payment(payment.id)).state == "success"
        events = await aegis.payment_events(payment.id)
    unparked = next(stored.event for stored in events if stored.event.type == "payment.unparked")
    assert (unparked.operator, unparked.reason) == ("ann", "a known customer")
    assert asked == ["check-0"]


@virtual
async def test_a_refused_payment_ends_and_says_who_refused_it():
    world = World()
    engine, _ = judging(world, Review("looks odd"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        refused = await aegis.review_payment(payment.id, "refuse", operator="ann", reason="stolen goods")
        assert (refused.state, refused.failure.reason) == ("failure", "risk_refused")
        assert refused.failure.message == "ann refused it: stolen goods"
        assert (await aegis.process_payment(payment.id)).state == "failure"
    assert world.charges() == []


@pytest.mark.parametrize("is_restarted", [False, True])
@virtual
async def test_a_decision_that_was_kept_half_way_is_finished(is_restarted):
    world = World()
    engine, _ = judging(world, Review("new country"))
    unpark = world.store.unpark

    async def fails(payment_id):
        raise StoreUnavailableError("the disk went away")

    async with engine as aegis:
        payment = await aegis.pay(**order())
        world.store.unpark = fails
        with pytest.raises(StoreUnavailableError):
            await aegis.review_payment(payment.id, "accept", operator="ann", reason="known")
        world.store.unpark = unpark
        if not is_restarted:
            await aegis.review_payment(payment.id, "accept", operator="ann", reason="known")
            assert (await aegis.process_payment(payment.id)).state == "success"
    async with world.engine() as aegis:
        assert (await aegis.list_payments(parked=True)).payments == ()
        assert (await aegis.process_payment(payment.id)).state == "success"
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_an_engine_with_payments_in_review_is_healthy():
    world = World()
    engine, _ = judging(world, Review("new country"))
    async with engine as aegis:
        assert (await aegis.pay(**order())).is_parked
        health = await aegis.health()
        assert [parking.is_review for parking in health.parked] == [True]
        assert health.is_healthy
    async with world.engine() as aegis:
        assert (await aegis.health()).is_healthy


@virtual
async def test_a_verdict_about_a_review_is_checked():
    engine, _ = judging(World(), Review("looks odd"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        with pytest.raises(ValidationError, match="use accept or refuse"):
            await aegis.review_payment(payment.id, "perhaps", operator="ann", reason="x")


@virtual
async def test_a_review_survives_restarts_and_is_still_decided_by_a_person():
    world = World()
    engine, asked = judging(world, Review("looks odd"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
    engine, asked_again = judging(world, Block("now"))
    async with engine as aegis:
        await elapse(3_600)
        assert [each.id for each in (await aegis.list_payments(parked=True)).payments] == [payment.id]
        await aegis.review_payment(payment.id, "accept", operator="ann", reason="known")
        assert (await aegis.process_payment(payment.id)).state == "success"
    assert (asked, asked_again) == (["check-0"], [])


@virtual
async def test_a_review_that_was_written_but_not_yet_listed_when_the_process_died_is_listed_by_the_next():
    world = World()
    engine, _ = judging(world, Review("looks odd"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
    await world.store.open()
    await world.store.unpark(payment.id)
    await world.store.close()
    async with world.engine() as aegis:
        await elapse(5)
        assert [each.id for each in (await aegis.list_payments(parked=True)).payments] == [payment.id]
        await aegis.review_payment(payment.id, "refuse", operator="ann", reason="no")
        assert (await aegis.get_payment(payment.id)).state == "failure"
    assert world.charges() == []


@virtual
async def test_a_block_after_a_review_ends_the_payment():
    world = World()
    engine, _ = judging(world, Review("odd"), Block("certain"))
    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert (payment.state, payment.is_parked, payment.failure.message) == ("failure", False, "check-1: certain")


# --- failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on_failure", "state"), [("open", "success"), ("closed", "failure")])
@virtual
async def test_that_a_check_failed_is_recorded_whatever_its_failure_means(on_failure, state):
    world = World()
    engine = world.engine()

    @engine.hooks.fraud_check(on_failure=on_failure)
    async def broken(context):
        raise OSError("down")

    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert payment.state == state
    (judgement,) = payment.judgements
    assert judgement.has_failed
    assert judgement.reason.startswith("raised OSError in broken")


@virtual
async def test_after_a_check_that_failed_closed_nobody_else_is_asked():
    world = World()
    engine, asked = judging(world, Allow())
    engine.hooks.fraud_check(name="broken", on_failure="closed", priority=9, is_quick=True)(lambda context: 1 / 0)
    async with engine as aegis:
        payment = await aegis.pay(**order())
    assert (payment.state, payment.failure.code, asked) == ("failure", "broken", [])


@virtual
async def test_other_payments_go_on_while_one_waits_for_its_hook():
    world = World()
    engine, go = world.engine(), asyncio.Event()

    @engine.hooks.fraud_check(on_failure="closed", deadline_s=10)
    async def slow(context):
        if context.payment.idempotency_key == "slow":
            await go.wait()
        return Allow()

    async with engine as aegis:
        first = asyncio.ensure_future(aegis.pay(**order("slow")))
        await elapse(0.1)
        assert (await aegis.pay(**order("quick"))).state == "success"
        assert not first.done()
        go.set()
        assert (await first).state == "success"


@virtual
async def test_the_same_key_many_times_is_judged_once():
    world = World()
    engine, asked = judging(world, Allow())
    async with engine as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order()) for _ in range(50)))
    assert {payment.state for payment in payments} == {"success"}
    assert asked == ["check-0"]
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_hook_is_asked_again_when_its_verdict_could_not_be_written():
    world = World()
    engine, asked = judging(world, Block("no"))
    async with engine as aegis:
        payment = await aegis.create_payment(**order())
        world.store.faults = fails_once(world.store)
        with pytest.raises(StoreUnavailableError):
            await aegis.process_payment(payment.id)
        assert (await aegis.process_payment(payment.id)).state == "failure"
    assert asked == ["check-0", "check-0"]
