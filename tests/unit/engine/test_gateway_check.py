"""What a contract declares needs its method: a gateway without it is refused, and told both ways out."""

from __future__ import annotations

import itertools

import pytest

from aegispay import CaptureSupport, GatewayContract, GatewayHealth, LookupAuthority, SimulatedGateway, ValidationError
from aegispay.gateway_check import check_gateway

NONE = {"capture": CaptureSupport.NONE, "void": False, "refund": False}
METHODS = ("authorize", "capture", "void", "refund", "fetch_operation")


async def method(_request):
    raise AssertionError("it is only looked at")


class ChargesOnly:
    name = "odd"

    def __init__(self, *methods, **contract):
        self.contract = GatewayContract(**contract)
        for each in methods:
            setattr(self, each, method)

    charge = method
    fetch_payment = method

    async def health_check(self):
        return GatewayHealth(is_up=True)


def problems(gateway):
    """Return (field, missing method) of everything the gateway is refused for."""
    try:
        check_gateway(gateway)
    except ValidationError as refused:
        return [(each.field.removeprefix("gateway.contract."), each.message.split("`")[1]) for each in refused.errors]
    return []


def test_everything_the_default_contract_declares_is_asked_for_at_once():
    assert problems(ChargesOnly()) == [
        ("capture", "authorize"),
        ("capture", "capture"),
        ("void", "void"),
        ("refund", "refund"),
        ("lookup", "fetch_operation"),
    ]


def test_who_declares_no_operations_needs_none():
    assert problems(ChargesOnly(**NONE)) == []


def test_who_has_everything_may_declare_everything():
    assert problems(ChargesOnly(*METHODS)) == []
    assert problems(SimulatedGateway("alpha")) == []


@pytest.mark.parametrize("support", list(CaptureSupport))
def test_any_capture_needs_authorize_and_capture(support):
    needed = [] if support is CaptureSupport.NONE else [("capture", "authorize"), ("capture", "capture")]

    assert problems(ChargesOnly("fetch_operation", **(NONE | {"capture": support}))) == needed


@pytest.mark.parametrize(("capture", "void", "refund"), list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("lookup", list(LookupAuthority))
def test_any_operation_needs_a_look_up_where_one_is_declared(capture, void, refund, lookup):
    declared = {
        "capture": CaptureSupport.FULL if capture else CaptureSupport.NONE,
        "void": void,
        "refund": refund,
        "lookup": lookup,
    }
    is_needed = (capture or void or refund) and lookup is not LookupAuthority.NONE

    found = problems(ChargesOnly("authorize", "capture", "void", "refund", **declared))

    assert found == ([("lookup", "fetch_operation")] if is_needed else [])


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ("authorize", "needs the method `authorize`: add it, or declare capture=CaptureSupport.NONE (got multiple)"),
        ("capture", "needs the method `capture`: add it, or declare capture=CaptureSupport.NONE (got multiple)"),
        ("void", "needs the method `void`: add it, or declare void=False (got True)"),
        ("refund", "needs the method `refund`: add it, or declare refund=False (got True)"),
        ("fetch_operation", "needs the method `fetch_operation`: add it, or declare lookup=LookupAuthority.NONE, or"),
    ],
)
def test_the_refusal_names_the_method_the_field_and_both_ways_out(lacking, message):
    with pytest.raises(ValidationError) as caught:
        check_gateway(ChargesOnly(*(each for each in METHODS if each != lacking)))

    assert message in str(caught.value)
    assert "docs/gateways.md" in caught.value.hint


def test_an_attribute_that_cannot_be_called_is_no_method():
    gateway = ChargesOnly(*METHODS)
    gateway.refund = True

    assert problems(gateway) == [("refund", "refund")]
