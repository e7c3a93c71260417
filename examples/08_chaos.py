"""Lose every third answer, crash payments' actors now and then, and read in the books that nobody paid twice."""

import asyncio
import logging

from aegispay import AegisPay, AegisPayConfig, BreakerPolicy, MemoryStore, PaymentState, SimulatedGateway
from aegispay.chaos import ActorCrash, ActorKind, Chaos, ChaosPlan, GatewayError, When, disturbed
from aegispay.gateways.ledger import MemoryLedger
from aegispay.testing import run_virtual, running_clock
from aegispay.testing.assertions import assert_sound

PLAN = ChaosPlan(
    name="lost_answers",
    faults=(
        GatewayError(when=When.AFTER, every=3),
        ActorCrash(actor=ActorKind.PAYMENT, message="OutcomeArrived", every=5),
    ),
)


async def main() -> None:
    clock = running_clock()  # minutes pass in moments
    store, ledger = MemoryStore(clock=clock), MemoryLedger()
    gateway = SimulatedGateway("alpha", ledger=ledger, clock=clock)
    config = AegisPayConfig(breaker=BreakerPolicy(failures_max=100))

    def engine(chaos: Chaos) -> AegisPay:
        return AegisPay(store, gateways=[gateway], config=config, clock=clock, chaos=chaos)

    async with disturbed(engine, PLAN, seed=7) as run:
        for number in range(12):
            await run.aegis.pay(
                idempotency_key=f"order_{number}",
                amount="100.00",
                currency="USD",
                payment_method={"type": "card", "token": "tok_visa"},
            )
        run.stop()
        while (await run.aegis.health()).states != {PaymentState.SUCCESS: 12}:  # noqa: ASYNC110 - we only watch
            await asyncio.sleep(1)
    print(run.report())
    print("charges in the provider's own ledger:", sum(entry.is_charged for entry in ledger.entries()))
    print(await assert_sound(store, ledger, at=clock.now()))


if __name__ == "__main__":
    logging.disable()
    run_virtual(main(), seed=7)
