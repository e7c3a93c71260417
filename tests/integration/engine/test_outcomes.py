"""Every token of the simulated provider's script: how the payment ends, who was asked, what was really charged."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from aegispay import AttemptStatus, GatewayContract, LookupAuthority, PaymentState, Reason, RetryPolicy
from aegispay.gateways.script import DECLINES, FAULTS, PARTIAL_TOKEN, REQUIRES_ACTION_TOKEN
from tests.integration.engine.rig import World, elapse, order, virtual

NOTHING: list[tuple[str, int]] = []
CHARGED = [("alpha", 10_000)]
UNHEARD = ("tok_hang_before_charge", "tok_error_before_charge", "tok_raise_before_charge")


@dataclass(frozen=True)
class Ending:
    """How a payment with one token stands when the caller gets it, and an hour later.

    `gateways` are those of the attempts, in order.
    """

    state: PaymentState
    gateways: list[str]
    charges: list[tuple[str, int]]
    reason: Reason | None = None
    at_first: PaymentState | None = None
    in_doubt: bool = False
    incidents: list[Reason] = field(default_factory=list)


ENDINGS: dict[str, Ending] = {
    # declines: only a soft one may be tried elsewhere
    "tok_declined": Ending(PaymentState.FAILURE, ["alpha"], NOTHING, Reason.DO_NOT_HONOR),
    "tok_soft_declined": Ending(PaymentState.FAILURE, ["alpha", "beta"], NOTHING, Reason.ISSUER_UNAVAILABLE),
    "tok_insufficient_funds": Ending(PaymentState.FAILURE, ["alpha"], NOTHING, Reason.INSUFFICIENT_FUNDS),
    "tok_lost_card": Ending(PaymentState.FAILURE, ["alpha"], NOTHING, Reason.LOST_CARD),
    "tok_stolen_card": Ending(PaymentState.FAILURE, ["alpha"], NOTHING, Reason.STOLEN_CARD),
    "tok_expired_card": Ending(PaymentState.FAILURE, ["alpha"], NOTHING, Reason.EXPIRED_CARD),
    "tok_incorrect_cvc": Ending(PaymentState.FAILURE, ["alpha"], NOTHING, Reason.INCORRECT_CVC),
    "tok_fraud": Ending(PaymentState.FAILURE, ["alpha"], NOTHING, Reason.FRAUD_SUSPECTED),
    # surely not executed: the next gateway is asked
    "tok_refuse_connection": Ending(PaymentState.FAILURE, ["alpha", "beta"], NOTHING, Reason.NOT_SENT),
    "tok_rate_limit": Ending(PaymentState.FAILURE, ["alpha", "beta"], NOTHING, Reason.RATE_LIMITED),
    "tok_bad_credentials": Ending(PaymentState.FAILURE, ["alpha", "beta"], NOTHING, Reason.BAD_CREDENTIALS),
    # executed, answer lost: found by looking up
    "tok_hang_after_charge": Ending(
        PaymentState.SUCCESS, ["alpha"], CHARGED, at_first=PaymentState.PROCESSING, in_doubt=True
    ),
    "tok_error_after_charge": Ending(
        PaymentState.SUCCESS, ["alpha"], CHARGED, at_first=PaymentState.PROCESSING, in_doubt=True
    ),
    "tok_raise_after_charge": Ending(
        PaymentState.SUCCESS, ["alpha"], CHARGED, at_first=PaymentState.PROCESSING, in_doubt=True
    ),
    "tok_garbage_after_charge": Ending(
        PaymentState.SUCCESS, ["alpha"], CHARGED, at_first=PaymentState.PROCESSING, in_doubt=True
    ),
    # not executed, and nobody says so: every resend ends the same way, until look-ups prove that there is nothing
    **dict.fromkeys(
        UNHEARD,
        Ending(
            PaymentState.FAILURE,
            ["alpha", "beta"],
            NOTHING,
            reason=Reason.NEVER_RECEIVED,
            at_first=PaymentState.PROCESSING,
            in_doubt=True,
        ),
    ),
    # taken on, and never decided
    "tok_pending": Ending(PaymentState.PROCESSING, ["alpha"], NOTHING, at_first=PaymentState.PROCESSING, in_doubt=True),
    # only the part of it that is authorized can be had, and this payment asks for all of it at once
    PARTIAL_TOKEN: Ending(PaymentState.FAILURE, ["alpha"], NOTHING, Reason.INSUFFICIENT_FUNDS),
    # charged, but something else than asked: never success, a person must look
    "tok_wrong_amount": Ending(
        PaymentState.PROCESSING,
        ["alpha"],
        CHARGED,
        at_first=PaymentState.PROCESSING,
        in_doubt=True,
        incidents=[Reason.AMOUNT_MISMATCH],
    ),
    REQUIRES_ACTION_TOKEN: Ending(
        PaymentState.FAILURE,
        ["alpha"],
        NOTHING,
        Reason.ACTION_EXPIRED,
        at_first=PaymentState.REQUIRES_ACTION,
    ),
}


def test_the_table_covers_the_whole_script():
    assert set(ENDINGS) == {*DECLINES, *FAULTS, REQUIRES_ACTION_TOKEN, PARTIAL_TOKEN}


@pytest.mark.parametrize("token", ENDINGS)
@virtual
async def test_each_token_ends_as_the_rules_say_and_never_charges_twice(token):
    ending = ENDINGS[token]
    world = World("alpha", "beta")
    async with world.engine(wake_interval_s=10) as aegis:
        first = await aegis.pay(**order(token=token))
        assert first.state is (ending.at_first or ending.state)
        assert first.in_doubt is ending.in_doubt
        await elapse(3_600)
        payment = await aegis.get_payment(first.id)
    assert payment.state is ending.state
    assert [attempt.gateway for attempt in payment.attempts] == ending.gateways
    assert (None if payment.failure is None else payment.failure.reason) is ending.reason
    assert [incident.reason for incident in payment.incidents] == ending.incidents
    assert world.charges() == ending.charges


@pytest.mark.parametrize("token", [token for token, ending in ENDINGS.items() if ending.in_doubt])
@virtual
async def test_an_unknown_outcome_never_reaches_another_gateway(token):
    # Where a look-up proves nothing, only the key protects: the doubt stays as long as it does.
    world = World("alpha", "beta", contract=GatewayContract(lookup=LookupAuthority.ADVISORY))
    async with world.engine(wake_interval_s=10) as aegis:
        await aegis.pay(**order(token=token))
        await elapse(3_600)
    assert world["alpha"].calls > 1
    assert world["beta"].calls == 0


@pytest.mark.parametrize("token", DECLINES)
@virtual
async def test_a_decline_keeps_the_gateways_own_words_and_is_a_decline_at_any_amount_of_asking(token):
    world = World("alpha")
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token=token))
        assert await aegis.pay(**order(token=token)) == payment
    assert payment.state is PaymentState.FAILURE
    assert payment.failure is not None
    assert payment.failure.reason is DECLINES[token].reason
    assert payment.failure.code == DECLINES[token].code
    assert payment.failure.gateway == "alpha"
    assert world["alpha"].calls == 1


@virtual
async def test_a_payment_goes_on_at_the_next_gateway_when_the_first_surely_did_nothing():
    world = World("alpha", "beta")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
    assert payment.state is PaymentState.SUCCESS
    assert [(a.gateway, a.status) for a in payment.attempts] == [
        ("alpha", AttemptStatus.FAILED),
        ("beta", AttemptStatus.APPROVED),
    ]
    assert payment.attempts[0].idempotency_key != payment.attempts[1].idempotency_key
    assert await world.types(payment.id) == [
        "payment.initiated",
        "payment.authenticated",
        "payment.processing",
        "payment.attempt_failed",
        "payment.retry_attempted",
        "payment.succeeded",
    ]
    assert world.charges() == [("beta", 10_000)]


@pytest.mark.parametrize(("attempts_max", "asked"), [(1, 1), (2, 2), (3, 3), (9, 4)])
@virtual
async def test_attempts_end_at_the_limit_or_when_every_gateway_was_tried(attempts_max, asked):
    world = World("a", "b", "c", "d")
    async with world.engine(retry=RetryPolicy(attempts_max=attempts_max)) as aegis:
        payment = await aegis.pay(**order(token="tok_refuse_connection"))
    assert payment.state is PaymentState.FAILURE
    assert [attempt.gateway for attempt in payment.attempts] == ["a", "b", "c", "d"][:asked]
    assert len({attempt.idempotency_key for attempt in payment.attempts}) == asked


@virtual
async def test_a_soft_decline_stays_where_it_is_when_the_policy_says_so():
    world = World("alpha", "beta")
    async with world.engine(retry=RetryPolicy(failover_on_soft_decline=False)) as aegis:
        payment = await aegis.pay(**order(token="tok_soft_declined"))
    assert payment.state is PaymentState.FAILURE
    assert [attempt.gateway for attempt in payment.attempts] == ["alpha"]


@virtual
async def test_a_payment_bound_to_one_gateway_goes_to_no_other():
    world = World("alpha", "beta", "gamma")
    world["beta"].is_up = False
    async with world.engine() as aegis:
        failed = await aegis.pay(**order(gateway="beta"))
        paid = await aegis.pay(**order("order-2", gateway="gamma"))
    assert failed.state is PaymentState.FAILURE
    assert failed.failure is not None
    assert failed.failure.reason is Reason.NOT_SENT
    assert [attempt.gateway for attempt in failed.attempts] == ["beta"]
    assert [attempt.gateway for attempt in paid.attempts] == ["gamma"]


@virtual
async def test_a_challenge_waits_for_the_payer_with_its_address_and_deadline():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(token=REQUIRES_ACTION_TOKEN))
        assert payment.state is PaymentState.REQUIRES_ACTION
        assert payment.action is not None
        assert payment.action.url is not None
        assert payment.action.url.startswith("https://alpha.example/challenge/")
        assert (payment.action.expires_at - payment.updated_at).total_seconds() == pytest.approx(900)
        assert await aegis.process_payment(payment.id) == payment
    assert world["alpha"].calls == 1


@virtual
async def test_a_flaky_slow_gateway_leaves_every_payment_in_one_defined_state():
    world = World("alpha", "beta", success_rate=0.3, latency_s=5.0)
    async with world.engine() as aegis:
        for n in range(40):
            await aegis.pay(**order(f"order-{n}"))
        states = (await aegis.health()).states
        charged = {e.payment_id for e in world.ledger.entries() if e.is_charged}
        paid = (await aegis.list_payments(state=PaymentState.SUCCESS)).payments
    assert set(states) == {PaymentState.SUCCESS, PaymentState.FAILURE}
    assert sum(states.values()) == 40
    assert {payment.id for payment in paid} == charged
