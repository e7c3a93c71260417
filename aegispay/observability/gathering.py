"""Taking the engine's gauges: what is true now, asked of whoever knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from aegispay.actors import ActorSystem
from aegispay.actors.errors import ActorDeadError, ActorError, AskTimeoutError
from aegispay.actors.gateway_messages import GetGatewayMetrics
from aegispay.actors.gateway_metrics import GatewayMetrics
from aegispay.actors.services import GatewayEntry
from aegispay.errors import EngineFailedError
from aegispay.observability.snapshot import ActorMetrics, EngineMetrics

_ANSWER_S = 1.0
"""A gateway actor answers from memory; one that does not is being restarted, and is left out."""
_CORE = ("router", "scheduler")


async def gather(base: EngineMetrics, *, system: ActorSystem, gateways: Mapping[str, GatewayEntry]) -> EngineMetrics:
    """Return the numbers with those of actors and gateways."""
    asked = await asyncio.gather(*(_ask(entry) for entry in gateways.values()))
    return replace(
        base,
        gateways=tuple(each for each in asked if each is not None),
        actors=_actors(base.actors, system, gateways),
    )


async def _ask(entry: GatewayEntry) -> GatewayMetrics | None:
    try:
        metrics: GatewayMetrics = await entry.ref.ask(GetGatewayMetrics(), block=False, timeout=_ANSWER_S)
    except (ActorError, ActorDeadError, AskTimeoutError, EngineFailedError):
        return None
    return metrics


def _actors(base: ActorMetrics, system: ActorSystem, gateways: Mapping[str, GatewayEntry]) -> ActorMetrics:
    waiting = {name: _mail(system, name) for name in _CORE}
    waiting["gateways"] = sum(_mail(system, f"gateway:{name}") for name in gateways)
    stats = system.stats()
    waiting["payments"] = max(0, stats.waiting - sum(waiting.values()))
    return replace(base, alive=stats.actors, messages=stats.handled, waiting=waiting, refused=stats.overflows)


def _mail(system: ActorSystem, name: str) -> int:
    ref = system.find(name)
    return 0 if ref is None else len(ref.cell.mailbox)
