"""Payments that are left alone because a gateway had no room, and calls that wait for their gateway's actor."""

from __future__ import annotations

import pytest

from aegispay.actors.pauses import Pauses
from aegispay.actors.waiting_calls import WaitingCalls
from aegispay.testing import running_clock
from tests.integration.engine.rig import elapse, virtual


@virtual
async def test_a_pause_doubles_each_time_up_to_its_bound_and_begins_anew_after_its_end():
    pauses = Pauses(running_clock())
    grown = [pauses.grow("pay_1", "alpha", 1.0) for _ in range(12)]
    for number, pause_s in enumerate(grown):
        least_s = min(2.0**number, 300.0)
        assert least_s <= pause_s <= 1.5 * least_s
    pauses.end("pay_1")
    assert 1.0 <= pauses.grow("pay_1", "alpha", 1.0) <= 1.5


@virtual
async def test_a_pause_is_over_when_its_time_is():
    pauses = Pauses(running_clock())
    pauses.begin("pay_1", 10.0)
    assert (pauses.is_on("pay_1"), pauses.is_on("pay_2")) == (True, False)
    await elapse(10.0)
    assert not pauses.is_on("pay_1")


@virtual
async def test_no_pause_is_shorter_than_the_gateway_wants():
    pauses = Pauses(running_clock())
    assert 30.0 <= pauses.grow("pay_1", "alpha", 1.0, at_least_s=30.0) <= 45.0


@virtual
async def test_the_more_wait_for_one_gateway_the_longer_each_pause_and_the_others_do_not_notice():
    pauses = Pauses(running_clock())
    for number in range(999):
        pauses.grow(f"pay_{number}", "alpha", 1.0)
    assert 100.0 <= pauses.grow("last", "alpha", 1.0) <= 150.0
    assert 1.0 <= pauses.grow("other", "beta", 1.0) <= 1.5


@virtual
async def test_room_goes_to_whoever_has_waited_longest_for_that_gateway():
    pauses = Pauses(running_clock())
    for payment_id, gateway in (("a", "alpha"), ("b", "beta"), ("c", "alpha"), ("d", "alpha")):
        pauses.grow(payment_id, gateway, 1.0)
    pauses.end("c")
    assert [pauses.next_of("alpha") for _ in range(3)] == ["a", "d", None]
    assert (pauses.is_on("a"), pauses.is_on("b")) == (False, True)
    pauses.grow("a", "alpha", 1.0)
    pauses.asked("a")
    assert pauses.next_of("alpha") is None


@virtual
async def test_nothing_is_kept_of_who_does_not_wait_any_more():
    pauses = Pauses(running_clock())
    for number in range(100):
        pauses.grow(f"pay_{number}", "alpha", 1.0)
        pauses.end(f"pay_{number}")
    assert (len(pauses), pauses.next_of("alpha")) == (0, None)


@virtual
async def test_there_is_no_room_for_a_question_behind_many_calls():
    waiting = WaitingCalls(running_clock())
    assert waiting.has_room("alpha", 1.0)
    for number in range(32):
        assert waiting.has_room("alpha", 1.0)
        waiting.add("alpha", f"op_{number}")
    assert (waiting.has_room("alpha", 1.0), waiting.has_room("beta", 1.0)) == (False, True)
    waiting.remove("alpha", "op_7")
    assert (waiting.has_room("alpha", 1.0), waiting.count("alpha")) == (True, 31)


@pytest.mark.parametrize(("waited_s", "has_room"), [(0.0, True), (0.4, True), (0.5, False), (1.9, False), (2.1, True)])
@virtual
async def test_what_the_first_has_waited_the_next_will_wait_and_what_is_lost_is_not_waited_for(waited_s, has_room):
    waiting = WaitingCalls(running_clock())
    waiting.add("alpha", "op_1")
    await elapse(waited_s)
    assert waiting.has_room("alpha", 1.0) is has_room
