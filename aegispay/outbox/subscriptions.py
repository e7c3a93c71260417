"""Subscriptions of the host's own functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aegispay.delivery_errors import EffectsRefusedError
from aegispay.domain.card_data import shown
from aegispay.domain.deliveries.interests import Interests
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.domain.limits import refuse, seconds
from aegispay.domain.text import integer, text
from aegispay.errors import FieldError, ValidationError
from aegispay.outbox.definition import Definition, DeliveryContext, Handler, Start
from aegispay.outbox.signature import check_handler, is_async
from aegispay.outbox.threads import Threads
from aegispay.ports.outbox import SubscriberKind

NAME_LENGTH_MAX = 100
CONCURRENCY = 16
"""Payments whose events are handled at the same time, if nobody says otherwise."""
CONCURRENCY_MAX = 1_000
TIMEOUT_MAX_S = 3_600.0
_POSITION_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription that was made.

    Attributes:
        position: where it stood when it was made: events behind it are handed on.
    """

    name: str
    patterns: tuple[str, ...]
    position: int


def define(
    events: object,
    handler: Callable[..., Any],
    *,
    name: str,
    from_: Start = "now",
    ordered: bool = True,
    transactional: bool = False,
    concurrency: int = CONCURRENCY,
    timeout_s: float = 30.0,
    retry: RetrySchedule | None = None,
) -> Definition:
    """Return the definition of a subscription, checked.

    Raises:
        ValidationError: naming what is wrong, and the nearest event type where one is unknown.
    """
    interests = Interests.parse(events)
    text("name", name, longest=NAME_LENGTH_MAX)
    refuse(
        _switch("ordered", ordered),
        _switch("transactional", transactional),
        _timeout(timeout_s),
        _schedule(retry),
        _name(name),
        _order(ordered, concurrency, transactional),
        hint="Correct the subscription.",
    )
    integer("concurrency", concurrency, smallest=1, largest=CONCURRENCY_MAX)
    check_handler(handler, transactional=transactional)
    _check_start(from_)
    at_once = 1 if transactional else concurrency
    threads = None if is_async(handler) else Threads(name, most=2 * at_once)
    return Definition(
        name=name,
        kind=SubscriberKind.TRANSACTIONAL if transactional else SubscriberKind.HANDLER,
        interests=interests,
        handler=_calling(handler) if threads is None else _calling_on(threads, handler),
        schedule=RetrySchedule() if retry is None else retry,
        ordered=ordered,
        concurrency=at_once,
        timeout_s=timeout_s,
        start_at=from_,
        close=None if threads is None else threads.close,
    )


def checked_setup(setup: object, *, transactional: bool) -> tuple[str, ...]:
    """Return the statements that make a transactional subscriber's tables.

    Raises:
        ValidationError: they are no texts, or the subscriber is not transactional.
    """
    if isinstance(setup, str) or not isinstance(setup, Sequence) or not all(isinstance(each, str) for each in setup):
        raise ValidationError([FieldError("setup", "use a list of statements", type(setup).__name__)])
    if setup and not transactional:
        raise ValidationError([FieldError("setup", "is for transactional subscribers")], hint="Leave it out.")
    return tuple(setup)


def _switch(field: str, value: object) -> Iterator[FieldError]:
    if not isinstance(value, bool):
        yield FieldError(field, "use True or False", shown(value))


def _timeout(timeout_s: object) -> Iterator[FieldError]:
    if any(seconds("timeout_s", timeout_s)) or timeout_s > TIMEOUT_MAX_S:  # type: ignore[operator]  # a number then
        yield FieldError("timeout_s", f"use more than 0 seconds, at most {TIMEOUT_MAX_S:g}", shown(timeout_s))


def _name(name: str) -> Iterator[FieldError]:
    if name != name.strip():
        yield FieldError("name", "must not begin or end with a space", shown(name))


def _order(ordered: object, concurrency: object, transactional: object) -> Iterator[FieldError]:
    if transactional is not True:
        return
    if ordered is False:
        yield FieldError("ordered", "is True for transactional subscribers: they get one event at a time, in log order")
    if concurrency not in {1, CONCURRENCY}:
        yield FieldError("concurrency", "is 1 for transactional subscribers; leave it out", shown(concurrency))


def _schedule(retry: object) -> Iterator[FieldError]:
    if retry is not None and not isinstance(retry, RetrySchedule):
        yield FieldError("retry", "use a RetrySchedule", type(retry).__name__)


def _check_start(given: object) -> None:
    is_position = type(given) is int and 0 <= given <= _POSITION_MAX
    if not is_position and (not isinstance(given, str) or given not in {"start", "now"}):
        message = "use 'start', 'now' or a position of the log"
        raise ValidationError([FieldError("from_", message, shown(given))], hint="Correct from_.")


def _calling(handler: Callable[..., Any]) -> Handler:
    async def call(context: DeliveryContext) -> None:
        await handler(context.stored)

    return call


def _calling_on(threads: Threads, handler: Callable[..., Any]) -> Handler:
    async def call(context: DeliveryContext) -> None:
        given = (context.stored,) if context.transaction is None else (context.stored, context.transaction)
        answer = await threads.call(handler, *given)
        if not inspect.isawaitable(answer):
            return
        if context.transaction is not None:
            if inspect.iscoroutine(answer):
                answer.close()
            raise EffectsRefusedError("a transactional handler has to be a plain function", hint="Use def.")
        await answer

    return call
