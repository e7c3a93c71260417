"""One key, two requests: what counts as the same request, and what a conflict says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aegispay import IdempotencyConflictError
from tests.integration.engine.rig import World, order, virtual


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"amount": "100.01"}, ("amount",)),
        ({"currency": "EUR"}, ("currency",)),
        ({"payment_method": {"type": "card", "token": "tok_other"}}, ("payment_method.token",)),
        ({"payment_method": {"type": "upi", "vpa": "a@b"}}, ("payment_method",)),
        ({"customer": {"id": "c"}}, ("customer",)),
        ({"metadata": {"a": {"b": 2}}}, ("metadata.a",)),
        ({"gateway": "alpha"}, ("gateway",)),
        ({"amount": "1", "currency": "EUR", "retry_of": "pay_1"}, ("amount", "currency", "retry_of")),
    ],
    ids=repr,
)
@virtual
async def test_a_key_reused_for_another_request_names_the_payment_and_what_differs(changes, fields):
    world = World()
    async with world.engine() as aegis:
        first = await aegis.pay(**order())
        with pytest.raises(IdempotencyConflictError) as caught:
            await aegis.pay(**order(**changes))
        assert await aegis.get_payment(first.id) == first
    assert caught.value.fields == fields
    assert caught.value.payment_id == first.id
    assert all(field in str(caught.value) for field in (*fields, first.id))
    assert world["alpha"].calls == 1


@virtual
async def test_how_a_request_is_written_makes_no_difference():
    world = World()
    async with world.engine() as aegis:
        first = await aegis.pay(**order(amount="100.00", metadata={"a": 1, "b": 2}, customer=None))
        assert await aegis.pay(**order(amount=100, metadata={"b": 2, "a": 1})) == first
        assert await aegis.pay(**order(amount=Decimal("1E+2"), metadata={"a": 1, "b": 2}, retry_of=None)) == first
