"""A gateway that is disturbed on its way to the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aegispay.chaos import faults as f
from aegispay.chaos.injector import Injector, Point, Strike
from aegispay.domain.money import currencies
from aegispay.domain.outcome import Approved, NotProcessed, OutcomeUnknown, Reason
from aegispay.errors import NotSentError
from aegispay.ports import Gateway

_ENDS_CALL = (f.GatewayError, f.GatewayTimeout, f.GatewayHang, f.GatewayUnavailable, f.GatewayRateLimit)
_CHANGES_ANSWER = (f.GatewayWrongAmount, f.GatewayWrongCurrency, f.GatewayMalformed)


class ChaosGateways:
    """Wraps the gateways of one engine, so that a cascade knows them all."""

    def __init__(self, injector: Injector) -> None:
        self._injector = injector
        self._names: list[str] = []
        self._latencies = injector.of(f.GatewayLatency)
        self._exhaustions = injector.of(f.GatewayExhaustion)
        self._ends = injector.of(*_ENDS_CALL)
        self._changes = injector.of(*_CHANGES_ANSWER)
        self._in_flight: dict[str, int] = {}

    def wrap(self, gateway: Gateway) -> Gateway:
        """Return the gateway with every method that can be disturbed replaced, and with no method more than it had."""
        if gateway.name not in self._names:
            self._names.append(gateway.name)
        kind = type("ChaosGateway", (_Wrapper,), {op.value: _method(op) for op in f.Operation if hasattr(gateway, op)})
        wrapped: Gateway = kind(gateway, self)
        return wrapped

    async def call(self, gateway: Gateway, operation: f.Operation, request: Any, more: dict[str, Any]) -> Any:
        """Make the call, as far as the plan allows it."""
        name = gateway.name
        point = Point(f"gateway {name} {operation}", request.reference)
        self._in_flight[name] = self._in_flight.get(name, 0) + 1
        try:
            await self._delay(self._strikes(self._latencies, operation, point, name))
            self._exhaust(operation, point, name)
            struck = next(iter(self._strikes(self._ends, operation, point, name)), None)
            method = getattr(gateway, operation)
            if struck is None:
                answer = await method(request, **more)
            else:
                answer = await self._end(struck, lambda: method(request, **more), name)
            return self._changed(answer, operation, point, name)
        finally:
            self._in_flight[name] -= 1

    def _strikes(self, actives: list[Any], operation: f.Operation, point: Point, name: str) -> list[Strike]:
        return self._injector.strikes(actives, point, lambda fault: operation in fault.operations, name)

    def _struck(self, strike: Strike, name: str) -> None:
        self._injector.record(strike.active, strike.point)
        self._injector.spread(strike, name, [other for other in self._names if other != name])

    async def _delay(self, strikes: list[Strike]) -> None:
        name = ""
        for strike in strikes:
            name = strike.point.group.split()[1]
            self._struck(strike, name)
            await _elapse(self._injector.delay_s(strike, strike.fault.delay))

    def _exhaust(self, operation: f.Operation, point: Point, name: str) -> None:
        for strike in self._strikes(self._exhaustions, operation, point, name):
            if self._in_flight[name] > strike.fault.connections_max:
                self._struck(strike, name)
                raise NotSentError(f"{name}: no connection was free")

    async def _end(self, strike: Strike, call: Callable[[], Any], name: str) -> Any:
        """Let the call come to a bad end, carried out or not."""
        self._struck(strike, name)
        fault = strike.fault
        is_done = getattr(fault, "when", f.When.BEFORE) is f.When.AFTER
        if is_done:
            await _carried_out(call)
        match fault:
            case f.GatewayError():
                if is_done:
                    raise ConnectionResetError("the connection was lost before the answer")
                raise NotSentError(f"{name}: connection refused")
            case f.GatewayRateLimit():
                return NotProcessed(reason=Reason.RATE_LIMITED, code="429", retry_after_s=fault.retry_after_s)
            case f.GatewayUnavailable():
                return OutcomeUnknown(reason=Reason.GATEWAY_FAULT, code="503", message="service unavailable")
            case f.GatewayTimeout():
                await _elapse(fault.after_s)
                return OutcomeUnknown(reason=Reason.TIMEOUT, message=f"no answer within {fault.after_s:g} s")
            case _:
                await asyncio.Event().wait()
                raise AssertionError("nobody sets it")

    def _changed(self, answer: Any, operation: f.Operation, point: Point, name: str) -> Any:
        """Return the answer as the engine gets to see it."""
        strikes = self._strikes(self._changes, operation, point, name)
        for strike in strikes:
            if isinstance(strike.fault, f.GatewayMalformed):
                self._struck(strike, name)
                return {"status": "ok?"}
            if isinstance(answer, Approved):
                self._struck(strike, name)
                answer = _falsified(answer, strike.fault)
        return answer


async def _carried_out(call: Callable[[], Any]) -> None:
    try:
        await call()
    except Exception:  # noqa: BLE001 - nobody hears the answer, whatever it was
        return


def _falsified(answer: Approved, fault: Any) -> Approved:
    if isinstance(fault, f.GatewayWrongAmount):
        return replace(answer, amount_minor=max(0, answer.amount_minor + fault.by_minor))
    return replace(answer, currency=next(each for each in sorted(currencies()) if each != answer.currency))


async def _elapse(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 - a slow provider is what is simulated


def _method(operation: f.Operation) -> Callable[..., Any]:
    async def call(self: _Wrapper, request: Any, *arguments: Any, **more: Any) -> Any:
        if arguments:
            more["parameters"] = arguments[0]
        return await self.chaos.call(self.inner, operation, request, more)

    call.__name__ = operation.value
    return call


class _Wrapper:
    """What a wrapped gateway has beside its disturbed methods: everything else of the gateway inside."""

    def __init__(self, inner: Gateway, chaos: ChaosGateways) -> None:
        self.inner = inner
        self.chaos = chaos

    @property
    def name(self) -> str:
        """The gateway's name."""
        return self.inner.name

    @property
    def contract(self) -> Any:
        """The gateway's contract."""
        return self.inner.contract

    def __repr__(self) -> str:
        return f"<ChaosGateway {self.inner!r}>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
