"""A void and a capture at once: exactly one wins, in the engine and in the provider's books."""

from __future__ import annotations

import asyncio
import random

import pytest

from aegispay import (
    GatewayContract,
    IllegalTransitionError,
    LookupAuthority,
    OperationRefusedError,
    OperationStatus,
)
from aegispay.gateways.script import Fault
from aegispay.testing import run_virtual
from tests.integration.engine.books import agreed, authorized, operations, settled
from tests.integration.engine.rig import World, elapse, virtual

FAULTS = [None, None, Fault.HANG_AFTER, Fault.HANG_BEFORE, Fault.ERROR_AFTER, Fault.ERROR_BEFORE, Fault.RAISE_AFTER]


async def race(seed):
    """Let a void and a capture meet, and return who moved the money according to the engine and to the books."""
    source = random.Random(seed)
    world = World(latency_s=(0.0, 1.0), seed=seed)
    for kind in ("capture", "void"):
        fault = source.choice(FAULTS)
        if fault is not None:
            world["alpha"].script(kind, fault)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        asked = [aegis.capture_payment(before.id, idempotency_key="c"), aegis.cancel_payment(before.id)]
        source.shuffle(asked)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        payment = await settled(aegis, before.id)
        assert payment == await agreed(world, aegis, before.id)
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(error, OperationRefusedError | IllegalTransitionError) for error in errors)
    done = [op.kind.value for op in payment.operations if op.status is OperationStatus.SUCCEEDED]
    return done, [kind for kind, _ in world.moved()[1:]], len(errors)


@pytest.mark.parametrize("hundred", range(10))
def test_of_a_void_and_a_capture_at_once_exactly_one_wins(hundred):
    winners = set()
    for seed in range(100 * hundred, 100 * hundred + 100):
        ours, theirs, refused = run_virtual(race(seed), seed=seed)
        assert ours == theirs, f"seed {seed}"
        assert (len(ours), refused) == (1, 1), f"seed {seed}"
        winners.update(ours)
    assert winners == {"capture", "void"}


@pytest.mark.parametrize("lookup", [LookupAuthority.NONE, LookupAuthority.ADVISORY])
@virtual
async def test_a_void_that_nobody_can_be_asked_about_keeps_captures_out_for_good(lookup):
    world = World(contract=GatewayContract(lookup=lookup, idempotency_window_s=None))
    world["alpha"].script("void", Fault.HANG_BEFORE)
    async with world.engine() as aegis:
        before = await authorized(aegis)
        await aegis.cancel_payment(before.id)
        await elapse(7_200)
        with pytest.raises(OperationRefusedError, match="void in progress"):
            await aegis.capture_payment(before.id, idempotency_key="c")
        payment = await agreed(world, aegis, before.id)
        assert operations(payment) == [("void", "unknown", 10_000)]
