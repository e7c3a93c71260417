"""Gateways and the state of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, overload

from aegispay.actors import ActorCrashedError, ActorDeadError, AskTimeoutError, MailboxFullError
from aegispay.actors.gateway_messages import ForceBreaker, GetGatewayMetrics, ResetBreaker, SetEnabled
from aegispay.actors.gateway_metrics import GatewayMetrics
from aegispay.actors.services import GatewayEntry
from aegispay.api.life import EngineLife
from aegispay.domain.breaker import BreakerScope, BreakerState
from aegispay.domain.card_data import shown
from aegispay.domain.text import text
from aegispay.errors import EngineFailedError, FieldError, OverloadedError, UnknownGatewayError, ValidationError
from aegispay.ports import Gateway
from aegispay.supervision import Node
from aegispay.views import EngineHealth

T = TypeVar("T")

_REASON_MAX = 500
"""Characters of an operator's reason: it is kept, and shown with every look at the gateway."""


class GatewayMethods(EngineLife):
    """What whoever runs the engine does."""

    async def register_gateway(self, gateway: Gateway) -> None:
        """Add a gateway while the engine runs.

        Raises:
            DuplicateGatewayError: one of that name is registered.
            ValidationError: the object is no gateway, or its name is not usable.
        """
        await self._open_assembly().registry.register(self._outside(gateway))

    async def disable_gateway(self, name: str, *, reason: str) -> None:
        """Give the gateway no new payments, from the next decision on; kept across restarts.

        Raises:
            ValidationError: the reason is empty, too long, or holds card data.
            UnknownGatewayError: no such gateway.
            StoreError: it is switched off, but a restart would not know of it.
        """
        await self._switch_gateway(
            name, SetEnabled(is_enabled=False, reason=text("reason", reason, longest=_REASON_MAX))
        )

    async def enable_gateway(self, name: str) -> None:
        """Let the gateway have payments again.

        Raises:
            UnknownGatewayError: no such gateway.
        """
        await self._switch_gateway(name, SetEnabled(is_enabled=True))

    async def force_breaker(
        self,
        name: str,
        *,
        state: BreakerState | Literal["open", "closed"],
        reason: str,
        operation: BreakerScope | Literal["charge", "capture", "void", "refund"] | None = None,
    ) -> None:
        """Hold circuit breakers of a gateway in a state until `reset_breaker`; kept across restarts.

        Open, nothing new is sent: charges go to other gateways, and captures, voids and refunds wait their turn as
        long as a call may take. Closed, everything is sent, whatever comes back. Questions about what was sent before
        pass in any state.

        Args:
            name: the gateway's.
            state: ``"open"`` or ``"closed"``.
            reason: why, for `gateway_metrics` and the log.
            operation: which breaker; ``None`` for all four.

        Raises:
            ValidationError: the state or the operation is none, or the reason is empty, too long, or holds card data.
            UnknownGatewayError: no such gateway.
            StoreError: it is forced, but a restart would not know of it.
        """
        wanted = _one_of("state", state, _FORCED)
        message = ForceBreaker(wanted, text("reason", reason, longest=_REASON_MAX), _scope(operation))
        await self._switch_gateway(name, message)

    async def reset_breaker(
        self, name: str, *, operation: BreakerScope | Literal["charge", "capture", "void", "refund"] | None = None
    ) -> None:
        """Close circuit breakers of a gateway, forget the faults they have counted, and leave them to themselves.

        Args:
            name: the gateway's.
            operation: which breaker; ``None`` for all four.

        Raises:
            ValidationError: there is no such operation.
            UnknownGatewayError: no such gateway.
            StoreError: it is reset, but a restart would not know of it.
        """
        await self._switch_gateway(name, ResetBreaker(_scope(operation)))

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
            is_healthy=assembly.refusal is None
            and all(parking.is_review for parking in parked)
            and any(gateway.is_enabled and gateway.health > 0 for gateway in gateways),
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

    async def _switch_gateway(self, name: str, message: SetEnabled | ForceBreaker | ResetBreaker) -> None:
        """Switch, and answer only once the next start would know of it."""
        await self._store.save_gateway(name, await self._ask_gateway(name, message))

    async def _ask_gateway(self, name: str, message: Any) -> Any:
        assembly = self._open_assembly()
        entry = assembly.gateways.get(name) if isinstance(name, str) else None
        if entry is None:
            known = ", ".join(assembly.gateways) or "none"
            raise UnknownGatewayError(f"gateway: {shown(name)} is not registered; there are {known}")
        return await self._answer(entry, message)

    async def _answer(self, entry: GatewayEntry, message: Any) -> Any:
        """Ask, and again after a crash: what is asked of gateways' actors may be asked twice.

        It ends: the supervisor mends the actor or gives up, and the deadline is one for all asks.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.answer_timeout_s
        while True:
            try:
                return await entry.ref.ask(message, block=False, timeout=max(0.0, deadline - loop.time()))
            except AskTimeoutError as late:
                raise EngineFailedError(f"the actor of {entry.gateway.name} did not answer in time") from late
            except MailboxFullError as full:
                raise OverloadedError(f"{entry.gateway.name}: {full}") from full
            except (ActorCrashedError, ActorDeadError):
                await asyncio.sleep(0)  # noqa: TID251 - the supervisor's turn, before it is asked again


_FORCED = {state.value: state for state in (BreakerState.OPEN, BreakerState.CLOSED)}
_SCOPES = {scope.value: scope for scope in BreakerScope}


def _one_of(field: str, given: object, known: Mapping[str, T]) -> T:
    if isinstance(given, str) and given in known:
        return known[given]
    raise ValidationError([FieldError(field, f"use one of {', '.join(known)}", shown(given))])


def _scope(operation: object) -> BreakerScope | None:
    return None if operation is None else _one_of("operation", operation, _SCOPES)
