"""Asking a simulated provider for several things in a row."""

from __future__ import annotations

from aegispay.domain.outcome import Approved, Declined, DeclineKind
from aegispay.testing import run_virtual
from tests.unit.gateways.requests import charge_request


def asked(gateway, *requests):
    """Send the requests one after the other; return the answers."""

    async def ask():
        return [await send(gateway, request) for request in requests]

    return run_virtual(ask())


async def send(gateway, request):
    return await getattr(gateway, request.kind.value)(request)


def authorized(gateway, number=1, **changes):
    """Authorize 1,000; return the approval."""
    approval = run_virtual(gateway.authorize(charge_request(number, **changes)))
    assert isinstance(approval, Approved)
    return approval


def charged(gateway, number=1):
    approval = run_virtual(gateway.charge(charge_request(number)))
    assert isinstance(approval, Approved)
    return approval


def code(answer):
    assert isinstance(answer, Declined)
    assert answer.kind is DeclineKind.HARD
    return answer.code
