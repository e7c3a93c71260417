"""Posting again what was posted before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aegispay.delivery_errors import UnknownSubscriberError
from aegispay.errors import ValidationError
from tests.integration.webhooks_out.receiver import answers, receiving
from tests.integration.webhooks_out.rig import endpoint, engine, is_settled, pay, run, until


def replayed(count=3, *, change=None, **how):
    """Let payments be posted, replay some of their events, and return who got what before and after."""

    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver, events=("payment.initiated", "payment.succeeded")))
            payments = await pay(aegis, *(f"order-{number}" for number in range(count)))
            await until(aegis, lambda found: is_settled(found) and found.subscription.delivered == 2 * count)
            first = {request.event_id: request.body for request in receiver.requests}
            receiver.requests.clear()
            wanted = how if change is None else change(payments, await aegis.payment_events(payments[1].id))
            done = await aegis.replay_webhook("shop", operator="mira", **wanted)
            await until(aegis, is_settled)
            return payments, first, receiver.requests, done

    return run(scenario)


def test_events_are_posted_again_by_their_ids_with_the_same_body():
    def two(payments, _):
        return {"event_ids": [f"{payments[2].id}-4", f"{payments[0].id}-1", f"{payments[0].id}-1"]}

    payments, first, again, done = replayed(change=two)
    assert sorted(request.event_id for request in again) == sorted([f"{payments[0].id}-1", f"{payments[2].id}-4"])
    assert all(first[request.event_id] == request.body for request in again)
    assert (done.events, done.more_after) == (2, None)


def test_an_event_that_the_endpoint_does_not_want_can_still_be_sent_by_its_id():
    payments, _, again, _ = replayed(change=lambda payments, _: {"event_ids": [f"{payments[0].id}-2"]})
    assert [request.event_id for request in again] == [f"{payments[0].id}-2"]


def test_everything_it_wants_since_a_moment_is_posted_again():
    payments, _, again, done = replayed(change=lambda _, events: {"since": events[0].recorded_at})
    assert {request.event_id for request in again} == {
        f"{payment.id}-{version}" for payment in payments[1:] for version in (1, 4)
    }
    assert done.events == 4


def test_nothing_is_posted_again_since_a_moment_that_is_still_to_come():
    *_, again, done = replayed(change=lambda _, events: {"since": events[0].recorded_at + timedelta(days=1)})
    assert (again, done.events) == ([], 0)


def test_a_replay_that_is_cut_says_where_to_go_on():
    payments, _, again, done = replayed(since=0, limit=3)
    assert (done.events, done.more_after) == (3, 7)
    _, _, rest, done = replayed(since=done.more_after, limit=3)
    assert (done.events, done.more_after) == (3, None)
    ids = [request.event_id for request in (*again, *rest)]
    assert len(ids) == 6
    assert {event_id[-1] for event_id in ids} == {"1", "4"}
    assert payments


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({}, "event_ids"),
        ({"event_ids": ["x"], "since": 0}, "event_ids"),
        ({"event_ids": "pay_x-1"}, "event_ids"),
        ({"event_ids": ["pay_x-1"]}, "event_ids[0]"),
        ({"event_ids": [None]}, "event_ids[0]"),
        ({"event_ids": [f"pay_{'0' * 26}-1"]}, "event_ids[0]"),
        ({"since": -1}, "since"),
        ({"since": "yesterday"}, "since"),
        ({"since": True}, "since"),
        ({"since": 0, "limit": 0}, "limit"),
        ({"since": 0, "limit": 10_001}, "limit"),
        ({"since": 0, "operator": ""}, "operator"),
    ],
)
def test_what_cannot_be_posted_again_is_named(how, field):
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            with pytest.raises(ValidationError) as caught:
                await aegis.replay_webhook("shop", **({"operator": "mira"} | how))
            return caught.value.errors

    assert [error.field for error in run(scenario)] == [field]


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValidationError, match="zone"):
        replayed(change=lambda _, events: {"since": events[0].recorded_at.replace(tzinfo=None)})


def test_an_endpoint_that_nobody_added_cannot_be_asked():
    async def scenario():
        async with receiving(answers(200)) as receiver, engine() as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            for ask in (
                lambda: aegis.replay_webhook("shpo", since=0, operator="mira"),
                lambda: aegis.enable_webhook_endpoint("shpo", operator="mira"),
                lambda: aegis.webhook_log("shpo"),
                lambda: aegis.remove_webhook_endpoint("shpo"),
            ):
                with pytest.raises(UnknownSubscriberError, match="there are shop"):
                    await ask()

    run(scenario)
