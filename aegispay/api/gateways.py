"""Gateways and the state of the engine."""

from __future__ import annotations

from typing import Any, overload

from aegispay.actors.gateway import GatewayMetrics, GetGatewayMetrics, SetEnabled
from aegispay.api.life import EngineLife
from aegispay.domain.card_data import shown
from aegispay.domain.text import text
from aegispay.errors import UnknownGatewayError
from aegispay.ports import Gateway
from aegispay.supervision import Node
from aegispay.views import EngineHealth


class GatewayMethods(EngineLife):
    """What whoever runs the engine does."""

    async def register_gateway(self, gateway: Gateway) -> None:
        """Add a gateway while the engine runs.

        Raises:
            DuplicateGatewayError: one of that name is registered.
            ValidationError: the object is no gateway, or its name is not usable.
        """
        await self._open_assembly().registry.register(gateway)

    async def disable_gateway(self, name: str, *, reason: str) -> None:
        """Give the gateway no new payments, from the next decision on; kept across restarts.

        Raises:
            ValidationError: the reason is empty, too long, or holds card data.
            UnknownGatewayError: no such gateway.
            StoreError: it is switched off, but a restart would not know of it.
        """
        await self._switch_gateway(name, SetEnabled(is_enabled=False, reason=text("reason", reason, longest=500)))

    async def enable_gateway(self, name: str) -> None:
        """Let the gateway have payments again.

        Raises:
            UnknownGatewayError: no such gateway.
        """
        await self._switch_gateway(name, SetEnabled(is_enabled=True))

    @overload
    async def gateway_metrics(self) -> tuple[GatewayMetrics, ...]: ...

    @overload
    async def gateway_metrics(self, name: str) -> GatewayMetrics: ...

    async def gateway_metrics(self, name: str | None = None) -> GatewayMetrics | tuple[GatewayMetrics, ...]:
        """Return how one gateway is doing, or all of them in order of registration.

        Raises:
            UnknownGatewayError: no such gateway.
        """
        if name is not None:
            metrics: GatewayMetrics = await self._ask_gateway(name, GetGatewayMetrics())
            return metrics
        names = tuple(self._open_assembly().gateways)
        return tuple([await self._ask_gateway(each, GetGatewayMetrics()) for each in names])

    async def health(self) -> EngineHealth:
        """Return the engine's state at a glance."""
        assembly = self._open_assembly()
        gateways = await self.gateway_metrics()
        parked = await self._store.parked()
        return EngineHealth(
            is_healthy=assembly.refusal is None and not parked and any(g.is_enabled and g.health > 0 for g in gateways),
            gateways=gateways,
            states=await self._store.count_states(),
            parked=parked,
            in_flight=assembly.dispatcher.in_flight,
            calls=len(assembly.calls),
            actors=len(assembly.directory),
            recovering=len(assembly.recovery),
        )

    async def supervision_tree(self) -> Node:
        """Return the tree of supervisors and actors; ``print(node.render())`` shows it."""
        return self._open_assembly().tree()

    async def _switch_gateway(self, name: str, message: SetEnabled) -> None:
        """Switch, and answer only once the next start would know of it."""
        await self._store.save_gateway(name, await self._ask_gateway(name, message))

    async def _ask_gateway(self, name: str, message: Any) -> Any:
        assembly = self._open_assembly()
        entry = assembly.gateways.get(name) if isinstance(name, str) else None
        if entry is None:
            known = ", ".join(assembly.gateways) or "none"
            raise UnknownGatewayError(f"gateway: {shown(name)} is not registered; there are {known}")
        return await entry.ref.ask(message, block=False, timeout=self._config.answer_timeout_s)
