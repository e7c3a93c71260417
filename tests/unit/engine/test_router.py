"""The router actor: answers from the latest reports, and remembers them through a restart of its instance."""

from __future__ import annotations

import asyncio

from aegispay import GatewayContract, PaymentMethodType, RoutingStrategy
from aegispay.actors import ActorSystem
from aegispay.actors.router import ChooseGateway, GatewayReport, RouterActor, RouterMemory
from aegispay.domain.routing import GatewaySnapshot, RoutingRequest, strategy_of

REQUEST = RoutingRequest(amount_minor=100, currency="USD", method=PaymentMethodType.CARD)


def snapshot(name, rate=None):
    return GatewaySnapshot(
        name=name, contract=GatewayContract(), success_rate=rate, samples=0 if rate is None else 1_000
    )


def with_router(test):
    async def main():
        system = ActorSystem()
        memory = RouterMemory({})
        try:
            await test(system, memory, system.spawn(lambda: RouterActor(memory), name="router"))
        finally:
            await system.shutdown(timeout_s=1)

    asyncio.run(main())


async def chosen(ref, strategy=RoutingStrategy.HIGHEST_SUCCESS_RATE, **changes):
    question = ChooseGateway(request=REQUEST, strategy=strategy_of(strategy), **changes)
    return (await ref.ask(question, block=False)).order


def test_without_reports_no_gateway_is_eligible():
    async def test(_system, _memory, ref):
        assert await chosen(ref) == ()

    with_router(test)


def test_the_latest_report_counts_and_is_seen_by_the_next_question():
    async def test(_system, _memory, ref):
        ref.tell(GatewayReport(snapshot("alpha", 0.99)))
        ref.tell(GatewayReport(snapshot("beta", 0.5)))
        assert await chosen(ref) == ("alpha", "beta")
        ref.tell(GatewayReport(snapshot("alpha", 0.1)))
        assert await chosen(ref) == ("beta", "alpha")

    with_router(test)


def test_round_robin_goes_on_where_the_crashed_instance_stopped():
    async def test(system, memory, ref):
        for name in ("a", "b", "c"):
            ref.tell(GatewayReport(snapshot(name)))
        assert (await chosen(ref, RoutingStrategy.ROUND_ROBIN))[0] == "a"
        system.restart(ref)
        assert (await chosen(ref, RoutingStrategy.ROUND_ROBIN))[0] == "b"
        assert (memory.turn, list(memory.snapshots)) == (2, ["a", "b", "c"])

    with_router(test)


def test_a_preview_takes_nobodys_turn():
    async def test(_system, _memory, ref):
        for name in ("a", "b"):
            ref.tell(GatewayReport(snapshot(name)))
        for _ in range(3):
            assert (await chosen(ref, RoutingStrategy.ROUND_ROBIN, is_preview=True))[0] == "a"
        assert (await chosen(ref, RoutingStrategy.ROUND_ROBIN))[0] == "a"
        assert (await chosen(ref, RoutingStrategy.ROUND_ROBIN))[0] == "b"

    with_router(test)


def test_the_router_shows_how_much_it_knows_and_did():
    async def test(_system, _memory, ref):
        ref.tell(GatewayReport(snapshot("a")))
        await chosen(ref)
        assert repr(ref.cell.instance) == "<RouterActor gateways=1 decisions=1>"

    with_router(test)
