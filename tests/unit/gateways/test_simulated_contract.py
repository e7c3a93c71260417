"""The simulated provider does no more for its callers than its contract declares."""

from __future__ import annotations

import asyncio

import pytest

from aegispay.domain.contract import CaptureSupport, GatewayContract
from aegispay.domain.outcome import (
    Approved,
    Declined,
    Reason,
)
from aegispay.gateways.ledger import captured_minor
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.ports import NotFound
from aegispay.testing import run_virtual, running_clock
from tests.unit.gateways.asking import asked, authorized, code, send
from tests.unit.gateways.requests import charge_request, operation_request


@pytest.mark.parametrize(
    ("support", "part", "second"),
    [
        (CaptureSupport.MULTIPLE, Approved, Approved),
        (CaptureSupport.PARTIAL, Approved, "already_captured"),
        (CaptureSupport.FULL, "no_partial_capture", "no_partial_capture"),
    ],
)
def test_captures_are_accepted_as_the_contract_declares(support, part, second):
    alpha = SimulatedGateway("alpha", contract=GatewayContract(capture=support))
    authorized(alpha)

    answers = asked(
        alpha,
        operation_request("capture", 1, amount_minor=600),
        operation_request("capture", 2, amount_minor=100),
    )

    assert [answer.code if isinstance(answer, Declined) else type(answer) for answer in answers] == [part, second]


def test_an_authorization_expires_when_the_contract_says_so():
    async def story():
        clock = running_clock()
        alpha = SimulatedGateway("alpha", contract=GatewayContract(authorization_validity_s=60), clock=clock)
        await alpha.authorize(charge_request(1))
        await alpha.authorize(charge_request(2))
        await asyncio.sleep(59.9)
        in_time = await alpha.capture(operation_request("capture", of=1))
        await asyncio.sleep(0.1)
        late = [await send(alpha, operation_request(kind, of=2)) for kind in ("capture", "void")]
        return in_time, late

    in_time, late = run_virtual(story())

    assert isinstance(in_time, Approved)
    assert [code(answer) for answer in late] == ["authorization_expired"] * 2
    assert {answer.reason for answer in late} == {Reason.AUTHORIZATION_EXPIRED}


@pytest.mark.parametrize(("window_s", "charges"), [(60.0, 2), (61.0, 1), (None, 2)])
def test_a_request_repeated_when_its_key_is_forgotten_is_carried_out_again(window_s, charges):
    async def story():
        clock = running_clock()
        alpha = SimulatedGateway("alpha", contract=GatewayContract(idempotency_window_s=window_s), clock=clock)
        await alpha.charge(charge_request(1))
        await asyncio.sleep(60)
        await alpha.charge(charge_request(1))
        return alpha.ledger

    assert captured_minor(run_virtual(story()), "pay_1") == 1_000 * charges


def test_a_look_up_misses_what_is_younger_than_the_visibility_delay():
    async def story():
        clock = running_clock()
        alpha = SimulatedGateway("alpha", contract=GatewayContract(visibility_delay_s=10), clock=clock)
        charge = await alpha.charge(charge_request(1))
        refund = await alpha.refund(operation_request("refund"))
        await asyncio.sleep(9.9)
        early = [
            await alpha.fetch_payment(charge_request(1)),
            await alpha.fetch_operation(operation_request("refund")),
        ]
        await asyncio.sleep(0.1)
        late = [
            await alpha.fetch_payment(charge_request(1)),
            await alpha.fetch_operation(operation_request("refund")),
        ]
        return early, late, [charge, refund]

    early, late, answers = run_virtual(story())

    assert early == [NotFound(), NotFound()]
    assert late == answers
