"""Scenarios of everything that follows the charge: captures, voids, refunds, cancels, challenges, webhooks."""

from __future__ import annotations

import asyncio

from aegispay import GatewayContract, LookupAuthority, PaymentState
from aegispay.gateways.script import Fault
from aegispay.ports import Clock
from tests.crash.caller import Caller
from tests.crash.scenarios import End, Gateways, Scenario, alone, alpha, simulated
from tests.integration.engine.rig import elapse, order

_MUTE = GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None)
_KEYS_ONLY = GatewayContract(lookup=LookupAuthority.NONE)


def faulty(kind: str, fault: Fault, contract: GatewayContract | None = None) -> Gateways:
    """Return a provider whose first request of this kind goes wrong."""

    def make(ledger: object, clock: Clock) -> list[object]:
        provider = simulated("alpha", ledger, clock, contract=contract)
        provider.script(kind, fault)
        return [provider]

    return make


async def _capture_all(caller: Caller) -> None:
    await caller.authorize()
    await caller.capture("all")


async def _capture_part(caller: Caller) -> None:
    await caller.authorize()
    await caller.capture("part", "60.00")


async def _capture_in_parts(caller: Caller) -> None:
    await caller.authorize()
    await caller.capture("first", "30.00", is_final=False)
    await caller.capture("second", "30.00", is_final=False)
    await caller.capture("rest")


async def _void(caller: Caller) -> None:
    await caller.authorize()
    await caller.cancel()


async def _refund_all(caller: Caller) -> None:
    await caller.pay()
    await caller.until(lambda payment: payment.state is PaymentState.SUCCESS)
    await caller.refund("all")


async def _refund_in_parts(caller: Caller) -> None:
    await caller.pay()
    await caller.until(lambda payment: payment.state is PaymentState.SUCCESS)
    await caller.refund("first", "30.00")
    await caller.refund("second", "30.00")
    await caller.refund("rest")


async def _refunds_at_once(caller: Caller) -> None:
    await caller.pay()
    await caller.until(lambda payment: payment.state is PaymentState.SUCCESS)
    await asyncio.gather(*(caller.refund(key, "40.00") for key in ("one", "two")))


async def _capture_and_refund(caller: Caller) -> None:
    await caller.authorize()
    await caller.capture("all")
    await caller.refund("half", "50.00")


async def _cancel_while_charging(caller: Caller) -> None:
    await _cancel_while(caller, "automatic")


async def _cancel_while_authorizing(caller: Caller) -> None:
    await _cancel_while(caller, "manual")


async def _cancel_while(caller: Caller, capture: str) -> None:
    paying = asyncio.create_task(caller.pay(capture=capture))
    await elapse(1)
    caller.payment_id = await _id(caller, capture)
    await caller.until(lambda payment: payment.state is not PaymentState.INITIATED)
    await caller.cancel()
    await paying


async def _id(caller: Caller, capture: str) -> str:
    payment = await caller.lives.ask(lambda aegis: aegis.create_payment(**order(capture=capture)))
    return str(payment.id)


async def _pass_challenge(caller: Caller) -> None:
    await _act(caller, is_passed=True)
    await caller.complete_action()


async def _fail_challenge(caller: Caller) -> None:
    await _act(caller, is_passed=False)
    await caller.complete_action()


async def _pass_challenge_and_stay_away(caller: Caller) -> None:
    await _act(caller, is_passed=True)
    await caller.webhooks()


async def _act(caller: Caller, *, is_passed: bool) -> None:
    await caller.pay("tok_requires_action")
    payment = await caller.until(lambda payment: payment.state is PaymentState.REQUIRES_ACTION)
    (provider,) = caller.lives.gateways
    act = provider.pass_challenge if is_passed else provider.fail_challenge
    act(payment.attempts[0].id)


async def _told_of_a_charge(caller: Caller) -> None:
    await caller.pay("tok_error_after_charge")
    await caller.webhooks()
    await caller.people_say_the_truth()


async def _told_of_a_refund(caller: Caller) -> None:
    await caller.pay()
    await caller.webhooks()
    payment = await caller.people_say_the_truth()
    if payment.state is PaymentState.SUCCESS:
        await caller.ask_for_refund("all")
        await caller.webhooks()
        await caller.people_say_the_truth()


_CHARGED = End(PaymentState.SUCCESS, alpha(charge=10_000))
_REFUNDED = End(PaymentState.REFUNDED, alpha(charge=10_000, refund=10_000))
_CAPTURED = End(PaymentState.SUCCESS, alpha(authorize=10_000, capture=10_000))
_VOIDED = End(PaymentState.CANCELLED, alpha(authorize=10_000, void=10_000))
_FAILED = End(PaymentState.FAILURE)
_CANCELLED = End(PaymentState.CANCELLED)
_IN_PARTS = (("alpha", "capture", 3_000), ("alpha", "capture", 3_000), ("alpha", "capture", 4_000))
_BACK_IN_PARTS = (("alpha", "refund", 3_000), ("alpha", "refund", 3_000), ("alpha", "refund", 4_000))

OPERATIONS = (
    Scenario("capture of all", alone(), _capture_all, (_CAPTURED,)),
    Scenario(
        "capture of a part",
        alone(),
        _capture_part,
        (End(PaymentState.SUCCESS, alpha(authorize=10_000, capture=6_000)),),
    ),
    Scenario(
        "captures of parts",
        alone(),
        _capture_in_parts,
        (End(PaymentState.SUCCESS, (*alpha(authorize=10_000), *_IN_PARTS)),),
    ),
    Scenario("void", alone(), _void, (_VOIDED,)),
    Scenario("refund of all", alone(), _refund_all, (_REFUNDED,)),
    Scenario(
        "refunds of parts, two of them equal",
        alone(),
        _refund_in_parts,
        (End(PaymentState.REFUNDED, (*alpha(charge=10_000), *_BACK_IN_PARTS)),),
    ),
    Scenario(
        "two refunds at once",
        alone(),
        _refunds_at_once,
        (
            End(
                PaymentState.PARTIALLY_REFUNDED,
                (*alpha(charge=10_000), ("alpha", "refund", 4_000), ("alpha", "refund", 4_000)),
            ),
        ),
    ),
    Scenario(
        "capture, then a refund",
        alone(),
        _capture_and_refund,
        (End(PaymentState.PARTIALLY_REFUNDED, alpha(authorize=10_000, capture=10_000, refund=5_000)),),
    ),
    Scenario("cancel while charging", alone(latency_s=3.0), _cancel_while_charging, (_REFUNDED, _CANCELLED)),
    Scenario("cancel while authorizing", alone(latency_s=3.0), _cancel_while_authorizing, (_VOIDED, _CANCELLED)),
    Scenario("challenge passed", alone(), _pass_challenge, (_CHARGED,)),
    Scenario("challenge failed", alone(), _fail_challenge, (_FAILED,)),
    Scenario("challenge passed, only the webhook tells", alone(), _pass_challenge_and_stay_away, (_CHARGED,)),
    # Where nobody can ask, what never left stays in doubt until a person says so.
    Scenario("charge in doubt, settled by its webhook", alone(contract=_MUTE), _told_of_a_charge, (_CHARGED, _FAILED)),
    Scenario(
        "refund in doubt, settled by its webhook",
        faulty("refund", Fault.ERROR_AFTER, _MUTE),
        _told_of_a_refund,
        (_REFUNDED, _CHARGED, _FAILED),
    ),
    Scenario("capture unknown, looked up", faulty("capture", Fault.ERROR_AFTER), _capture_all, (_CAPTURED,)),
    Scenario("capture lost, sent again", faulty("capture", Fault.ERROR_BEFORE), _capture_all, (_CAPTURED,)),
    Scenario("void hangs, looked up", faulty("void", Fault.HANG_AFTER), _void, (_VOIDED,)),
    Scenario("refund hangs before it is made", faulty("refund", Fault.HANG_BEFORE), _refund_all, (_REFUNDED,)),
    Scenario("refund unknown, sent again", faulty("refund", Fault.RAISE_AFTER, _KEYS_ONLY), _refund_all, (_REFUNDED,)),
)
"""Every kind of operation, when all goes well and when its answer is lost."""
