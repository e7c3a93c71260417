"""Asking gateways whether they are up. It moves no money, and nobody's mailbox waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from aegispay.domain.card_data import mask_card_numbers
from aegispay.ports import Gateway, GatewayHealth

_MESSAGE_LENGTH_MAX = 500
"""Characters: long enough to tell what is wrong, too short for a dump of its internals."""

OnHealth = Callable[[GatewayHealth], None]


class _Once:
    """Hands over the first answer only."""

    __slots__ = ("_on_health",)

    def __init__(self, on_health: OnHealth) -> None:
        self._on_health: OnHealth | None = on_health

    def __call__(self, health: GatewayHealth) -> None:
        on_health, self._on_health = self._on_health, None
        if on_health is not None:
            on_health(health)


class HealthChecks:
    """The health checks under way, at most one for each gateway."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def ask(self, gateway: Gateway, on_health: OnHealth) -> None:
        """Ask the gateway; silence until its contract's timeout means no.

        Nothing is asked while an earlier question is still at work, given up or not.

        Args:
            gateway: whom to ask.
            on_health: gets the answer on the loop, once; nothing when the check is cancelled by `cancel`.
        """
        name = gateway.name
        if name in self._tasks:
            return
        loop, once, timeout_s = asyncio.get_running_loop(), _Once(on_health), gateway.contract.timeout_s
        task = self._tasks[name] = loop.create_task(_check(gateway, once))
        # A timer of our own: an adapter that swallows its cancellation must not keep the answer back.
        expiry = loop.call_later(timeout_s, _expire, task, once, timeout_s)
        task.add_done_callback(partial(self._done, name, expiry))

    def cancel(self) -> tuple[asyncio.Task[None], ...]:
        """Give up on all checks; return what may take a while to see it."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    def _done(self, name: str, expiry: asyncio.TimerHandle, _task: asyncio.Task[None]) -> None:
        expiry.cancel()
        del self._tasks[name]


def _expire(task: asyncio.Task[None], once: _Once, timeout_s: float) -> None:
    once(GatewayHealth(is_up=False, message=f"no answer within {timeout_s:g} s"))
    task.cancel()


async def _check(gateway: Gateway, once: _Once) -> None:
    try:
        health = _readable(await gateway.health_check())
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        health = _raised(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - however it fails, it is not up
        health = _raised(error)
    once(health)


def _raised(error: BaseException) -> GatewayHealth:
    # Never the exception's own text: it may quote what was sent.
    return GatewayHealth(is_up=False, message=f"the check raised {type(error).__name__}")


def _readable(answer: object) -> GatewayHealth:
    if not isinstance(answer, GatewayHealth):
        return GatewayHealth(is_up=False, message=f"the check answered a {type(answer).__name__}")
    message = answer.message if isinstance(answer.message, str) else ""
    # Half a surrogate pair cannot be written as UTF-8.
    tidy = mask_card_numbers(message.encode(errors="replace").decode())[:_MESSAGE_LENGTH_MAX]
    return GatewayHealth(is_up=answer.is_up is True, message=tidy)
