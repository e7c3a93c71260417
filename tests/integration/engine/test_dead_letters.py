"""Dead letters: what becomes of an event that cannot be delivered, and what operators do about it."""

from __future__ import annotations

import pytest

from aegispay import ValidationError
from aegispay.delivery_errors import DeadLetterNotFoundError, UnknownSubscriberError
from aegispay.domain.deliveries.schedule import RetrySchedule
from tests.integration.engine.consumers import Consumer, pay, status
from tests.integration.engine.rig import World, elapse, order, virtual

THREE = RetrySchedule(delays_s=(1.0, 1.0), jitter=0.0)


async def dead(aegis, consumer: Consumer, version: int = 2, failures: int = 3) -> str:
    """Subscribe, and let one event of a payment become a dead letter; return the payment's id."""
    await aegis.subscribe("*", consumer, name="mailer", retry=THREE)
    payment_id = (await aegis.create_payment(**order("bad"))).id
    consumer.failing[f"{payment_id}-{version}"] = failures
    await aegis.process_payment(payment_id)
    await elapse(10)
    return payment_id


@virtual
async def test_after_its_last_try_an_event_is_a_dead_letter_that_says_why() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        payment_id = await dead(aegis, consumer)
        (letter,) = await aegis.dead_letters()
        assert (letter.subscriber, letter.event_id, letter.tries) == ("mailer", f"{payment_id}-2", 3)
        assert letter.error == "ConnectionError: not now"
        assert letter.failed_at is not None
        assert letter.stored is not None
        assert (letter.failed_at - letter.stored.recorded_at).total_seconds() == pytest.approx(2.0, abs=0.1)
        assert letter == await aegis.dead_letter("mailer", f"{payment_id}-2")
        found = await status(aegis, "mailer")
        assert (found.dead, found.waiting, found.failed, found.lag_events) == (1, 2, 3, 0)


@virtual
async def test_a_dead_letter_holds_its_payment_back_and_no_other() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        bad = await dead(aegis, consumer)
        (good,) = await pay(aegis, "good")
        await elapse(100)
        assert (consumer.versions(bad), consumer.versions(good)) == ([1], [1, 2, 3, 4])


@virtual
async def test_a_replayed_dead_letter_is_tried_as_if_it_were_new_and_the_others_follow() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        bad = await dead(aegis, consumer, failures=5)
        await aegis.replay_dead_letter("mailer", f"{bad}-2", operator="kim")
        assert await aegis.dead_letters() == ()
        await elapse(10)
        assert consumer.versions(bad) == [1, 2, 3, 4]
        assert consumer.tried[f"{bad}-2"] == 6
        found = await status(aegis, "mailer")
        assert (found.dead, found.waiting) == (0, 0)


@virtual
async def test_a_dropped_dead_letter_never_comes_and_the_others_follow() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        bad = await dead(aegis, consumer)
        await aegis.drop_dead_letter("mailer", f"{bad}-2", operator="kim", reason="mailed by hand")
        await elapse(10)
        assert consumer.versions(bad) == [1, 3, 4]
        assert await aegis.dead_letters() == ()
        assert consumer.tried[f"{bad}-2"] == 3


@virtual
async def test_a_dead_letter_and_what_it_holds_back_survive_restarts() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        bad = await dead(aegis, consumer)
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", retry=THREE)
        await aegis.refund_payment(bad, idempotency_key="refund-1")
        await elapse(10)
        assert consumer.versions(bad) == [1]
        await aegis.replay_dead_letter("mailer", f"{bad}-2", operator="kim")
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", retry=THREE)
        await elapse(10)
        assert consumer.versions(bad) == list(range(1, len(await world.types(bad)) + 1))


@virtual
async def test_what_was_held_back_goes_on_although_the_process_ended_right_after_the_drop() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        bad = await dead(aegis, consumer)
        await aegis.drop_dead_letter("mailer", f"{bad}-2", operator="kim", reason="mailed by hand")
        # Nothing that comes after the drop is written any more.
        world.store.advance = _never
    del world.store.advance
    consumer.got.clear()
    async with world.engine() as aegis:
        await aegis.subscribe("*", consumer, name="mailer", retry=THREE)
        await elapse(10)
        assert consumer.versions(bad)[-2:] == [3, 4]


async def _never(progress):
    raise OSError("the process is dead")


@virtual
async def test_pages_of_dead_letters_follow_each_other() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        for name in ("a", "b"):
            await aegis.subscribe("payment.initiated", consumer, name=name, retry=RetrySchedule(delays_s=()))
        consumer.is_down = True
        await pay(aegis, *"xyz")
        await elapse(1)
        everything = await aegis.dead_letters()
        assert [each.subscriber for each in everything] == ["a"] * 3 + ["b"] * 3
        first = await aegis.dead_letters(limit=4)
        rest = await aegis.dead_letters(limit=4, after=(first[-1].subscriber, first[-1].position))
        assert first + rest == everything
        assert await aegis.dead_letters("b") == everything[3:]


@virtual
async def test_a_dead_letter_that_is_not_there_any_more_is_named() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        bad = await dead(aegis, consumer)
        await aegis.replay_dead_letter("mailer", f"{bad}-2", operator="kim")
        await elapse(10)
        for gone in (f"{bad}-2", f"{bad}-3", f"{bad}-99", "pay_x-1", "nonsense", f"{bad}-²"):
            with pytest.raises(DeadLetterNotFoundError, match="'mailer' has no dead letter"):
                await aegis.replay_dead_letter("mailer", gone, operator="kim")
            with pytest.raises(DeadLetterNotFoundError):
                await aegis.drop_dead_letter("mailer", gone, operator="kim", reason="gone")
            with pytest.raises(DeadLetterNotFoundError):
                await aegis.dead_letter("mailer", gone)


@virtual
async def test_a_dead_letter_of_somebody_who_has_not_subscribed_stays() -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        bad = await dead(aegis, consumer)
    async with world.engine() as aegis:
        with pytest.raises(UnknownSubscriberError):
            await aegis.replay_dead_letter("mailer", f"{bad}-2", operator="kim")
        assert len(await aegis.dead_letters()) == 1


@pytest.mark.parametrize(
    "given",
    [{"operator": ""}, {"operator": "x" * 101}, {"operator": "kim", "reason": ""}, {"operator": 4, "reason": "x"}],
)
@virtual
async def test_who_decides_has_to_be_said(given) -> None:
    world, consumer = World(), Consumer()
    async with world.engine() as aegis:
        bad = await dead(aegis, consumer)
        act = aegis.drop_dead_letter if "reason" in given else aegis.replay_dead_letter
        with pytest.raises(ValidationError):
            await act("mailer", f"{bad}-2", **given)
        assert len(await aegis.dead_letters()) == 1


@virtual
async def test_a_page_has_a_size() -> None:
    world = World()
    async with world.engine() as aegis:
        for limit in (0, 1_001, "all"):
            with pytest.raises(ValidationError):
                await aegis.dead_letters(limit=limit)
