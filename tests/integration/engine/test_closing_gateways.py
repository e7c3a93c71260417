"""However an adapter closes, the engine closes: in bounded time, with everyone answered and every other one closed."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from aegispay import EngineClosedError, PaymentState
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual

NEVER_S = 1_000_000.0


class Closing(Adapter):
    """A gateway that closes as it is told to."""

    def __init__(self, close: Any, name: str = "odd") -> None:
        super().__init__(name=name)
        self._close = close

    def aclose(self) -> Any:
        return self._close()


class Unreachable(Adapter):
    @property
    def aclose(self) -> Any:
        raise RuntimeError("no such thing")


async def cancelled() -> None:
    raise asyncio.CancelledError


async def exits() -> None:
    raise SystemExit(3)


async def fails() -> None:
    raise OSError("the name is secret")


async def ends_a_generator() -> None:
    raise GeneratorExit


def fails_at_once() -> None:
    raise ValueError("not even a coroutine")


def is_not_async() -> None:
    """Close at once, without anything to await."""


async def hangs() -> None:
    await elapse(NEVER_S)


async def is_stubborn() -> None:
    for _ in range(5):
        try:
            await elapse(100)
        except asyncio.CancelledError:
            continue


def not_closed(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if "gateway_not_closed" in record.getMessage()]


async def open_and_close(world: World, *gateways: Any) -> Any:
    """Close an engine with a payment under way, and return what its caller was told."""
    aegis = world.engine(*gateways, shutdown_s=2)
    await aegis.open()
    paying = asyncio.create_task(aegis.pay(**order()))
    await elapse(1)
    await asyncio.wait_for(aegis.close(), 60)
    (told,) = await asyncio.gather(paying, return_exceptions=True)
    return told


@pytest.mark.parametrize(
    ("close", "error"),
    [
        (cancelled, "CancelledError"),
        (exits, "SystemExit"),
        (fails, "OSError"),
        (ends_a_generator, "GeneratorExit"),
        (fails_at_once, "ValueError"),
        (hangs, "TimeoutError"),
        (is_stubborn, "TimeoutError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@virtual
async def test_an_adapter_that_closes_badly_costs_one_line_in_the_log_and_nothing_else(close, error, caplog):
    caplog.set_level(logging.WARNING)
    world = World(latency_s=NEVER_S)
    told = await open_and_close(world, Closing(close))
    assert isinstance(told, EngineClosedError)
    (line,) = not_closed(caplog)
    assert "odd" in line
    assert error in line
    assert "secret" not in line
    async with world.engine() as again:
        assert (await again.health()).is_healthy
    await elapse(1_000)


@virtual
async def test_an_adapter_whose_aclose_cannot_even_be_had_is_one_that_closes_badly(caplog):
    caplog.set_level(logging.WARNING)
    assert isinstance(await open_and_close(World(latency_s=NEVER_S), Unreachable()), EngineClosedError)
    (line,) = not_closed(caplog)
    assert "RuntimeError" in line


@virtual
async def test_an_adapter_without_anything_to_await_is_closed_without_a_word(caplog):
    caplog.set_level(logging.WARNING)
    closed: list[str] = []
    await open_and_close(World(latency_s=NEVER_S), Closing(lambda: closed.append("odd")), Adapter(name="plain"))
    assert closed == ["odd"]
    assert not_closed(caplog) == []


@virtual
async def test_gateways_close_beside_each_other_and_one_that_hangs_takes_no_time_from_the_others(caplog):
    caplog.set_level(logging.WARNING)
    closed: list[str] = []

    def closing(name: str) -> Closing:
        async def close() -> None:
            await elapse(0.9)
            closed.append(name)

        return Closing(close, name)

    world = World()
    names = [f"good_{number}" for number in range(20)]
    bad = [Closing(is_stubborn, f"bad_{number}") for number in range(20)]
    aegis = world.engine(*bad, *(closing(name) for name in names))
    async with aegis:
        assert (await aegis.pay(**order(gateway="alpha"))).state is PaymentState.SUCCESS
        began = world.clock.monotonic()
    assert world.clock.monotonic() - began < 5
    assert sorted(closed) == sorted(names)
    assert len(not_closed(caplog)) == 20
    await elapse(1_000)
