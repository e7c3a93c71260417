"""Hazards of trying again: network caps, and retries that multiply an outage. Named by id of docs/hazards.md."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay import PaymentState, Reason
from aegispay.domain.outcome import Declined, DeclineKind
from aegispay.domain.retry import Network, NetworkCap, RetryBudget, RetryPolicy
from aegispay.storage.memory_marks import MemoryMarks
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

SOFT = Declined(kind=DeclineKind.SOFT, reason=Reason.ISSUER_UNAVAILABLE)
HARD = Declined(kind=DeclineKind.HARD, reason=Reason.STOLEN_CARD)
FIVE_A_DAY = RetryPolicy(network_caps=(NetworkCap(network=Network.VISA, window_s=86_400.0, attempts_max=5),))


def card(token="tok_1", brand="visa"):
    return {"type": "card", "token": token, "brand": brand}


def two_that(answer, world):
    world.gateways = []
    return [Adapter(answer, name=name, ledger=world.ledger, clock=world.clock) for name in ("alpha", "beta")]


def calls(gateways):
    return sum(len(gateway.requests) for gateway in gateways)


@virtual
async def test_f7_a_card_is_tried_no_more_often_than_its_network_allows_over_all_payments():
    world = World()
    gateways = two_that(SOFT, world)
    async with world.engine(*gateways, retry=FIVE_A_DAY) as aegis:
        payments = [await aegis.pay(**order(f"o-{number}", payment_method=card())) for number in range(4)]
        other = await aegis.pay(**order("other", payment_method=card("tok_2")))
    assert calls(gateways) == 5 + 2
    assert [len(payment.attempts) for payment in payments] == [2, 2, 1, 0]
    assert [payment.failure.reason for payment in payments] == [
        *[Reason.ISSUER_UNAVAILABLE] * 3,
        Reason.NETWORK_CAP_REACHED,
    ]
    assert len(other.attempts) == 2


@virtual
async def test_f7_many_payments_at_once_share_one_cap_exactly():
    world = World()
    gateways = two_that(SOFT, world)
    async with world.engine(*gateways, retry=FIVE_A_DAY) as aegis:
        orders = [order(f"o-{number}", payment_method=card()) for number in range(60)]
        payments = await asyncio.gather(*(aegis.pay(**each) for each in orders))
    assert calls(gateways) == 5
    assert all(payment.state is PaymentState.FAILURE for payment in payments)
    assert sum(len(payment.attempts) for payment in payments) == 5


@virtual
async def test_f7_a_cap_holds_over_a_restart_and_ends_with_its_window():
    world = World()
    gateways = two_that(SOFT, world)
    for number in range(4):
        async with world.engine(*gateways, retry=FIVE_A_DAY) as aegis:
            await aegis.pay(**order(f"o-{number}", payment_method=card()))
    assert calls(gateways) == 5
    await elapse(86_400.0)
    async with world.engine(*gateways, retry=FIVE_A_DAY) as aegis:
        await aegis.pay(**order("o-9", payment_method=card()))
    assert calls(gateways) == 7


@virtual
async def test_f7_a_card_without_a_known_brand_has_no_cap_and_costs_no_count():
    world = World()
    gateways = two_that(SOFT, world)
    async with world.engine(*gateways, retry=FIVE_A_DAY) as aegis:
        for number in range(6):
            await aegis.pay(**order(f"o-{number}", payment_method=card(brand="jcb")))
    assert calls(gateways) == 12
    assert world.store._marks._times == {}


@virtual
async def test_f7_what_is_kept_of_a_card_names_neither_token_nor_brand():
    world = World()
    async with world.engine(*two_that(SOFT, world), retry=FIVE_A_DAY) as aegis:
        await aegis.pay(**order(payment_method=card("tok_secret")))
    (key,) = world.store._marks._times
    assert key.startswith("card:")
    assert "tok" not in key
    assert "visa" not in key


@virtual
async def test_f7_control_without_the_count_the_card_is_tried_without_end():
    world = World()
    gateways = two_that(SOFT, world)
    check, MemoryMarks.check = MemoryMarks.check, lambda *_: None
    try:
        async with world.engine(*gateways, retry=FIVE_A_DAY) as aegis:
            for number in range(4):
                await aegis.pay(**order(f"o-{number}", payment_method=card()))
    finally:
        MemoryMarks.check = check
    assert calls(gateways) == 8


@virtual
async def test_f7_a_hard_decline_is_tried_once():
    world = World()
    gateways = two_that(HARD, world)
    async with world.engine(*gateways, retry=RetryPolicy(attempts_max=9)) as aegis:
        payment = await aegis.pay(**order(payment_method=card()))
        assert (await aegis.process_payment(payment.id)).version == payment.version
    assert calls(gateways) == 1


@settings(max_examples=15, deadline=None)
@given(
    share=st.sampled_from([0.0, 0.1, 0.5]),
    floor=st.integers(0, 5),
    payments=st.integers(1, 30),
    healthy=st.sets(st.integers(0, 29)),
)
def test_f10_all_calls_fit_the_budget_whatever_fails(share, floor, payments, healthy):
    @virtual
    async def run():
        world = World()

        async def answer(request):
            number = int(request.metadata["number"])
            return gateways[0].take(request) if number in healthy else SOFT

        gateways = two_that(answer, world)
        policy = RetryPolicy(budget=RetryBudget(share=share, floor=floor, window_s=86_400.0))
        async with world.engine(*gateways, retry=policy) as aegis:
            orders = [order(f"o-{number}", metadata={"number": str(number)}) for number in range(payments)]
            ended = await asyncio.gather(*(aegis.pay(**each) for each in orders))
        assert calls(gateways) <= (1 + share) * payments + floor
        assert Counter(len(payment.attempts) >= 1 for payment in ended) == {True: payments}

    run()


@virtual
async def test_f10_control_without_the_budget_an_outage_doubles_the_calls():
    world = World()
    gateways = two_that(SOFT, world)
    async with world.engine(*gateways, retry=RetryPolicy(budget=RetryBudget(share=1.0))) as aegis:
        for number in range(20):
            await aegis.pay(**order(f"o-{number}"))
    assert calls(gateways) == 40
