"""A hook as it is registered."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aegispay.domain.card_data import refuse_card_number, shown
from aegispay.domain.event_type import EventType
from aegispay.domain.hook_kind import HookKind
from aegispay.errors import ConfigurationError, FieldError
from aegispay.hooks.kinds import OPERATIONS, RULES, Moment, OnFailure, Subject

DEADLINE_S = 1.0
"""Long enough for a look-up next door, short enough for a payer who waits."""
KIND_DEADLINE_MAX_S = 30.0
"""All hooks of one kind together: a payment's turn may wait for them so long, and callers wait longer."""
PRIORITY_MAX = 1_000_000
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A function, or an object with the kind's method, and how it is to be called.

    Attributes:
        name: unique among all hooks; a-z, 0-9, _ . -
        call: takes the kind's context and returns a verdict; sync or async. Objects are called by the kind's method:
            ``validate``, ``check``, ``choose``, ``enrich``, ``hear``, ``collect``, ``handle`` or ``run``.
        priority: hooks of one kind are asked from high to low, and those of one priority in order of registration.
        deadline_s: how long it may take, in seconds; at most 30 for all hooks of a kind together.
        on_failure: ``open`` or ``closed``; a fraud check has to say which, validations and lifecycle hooks are
            ``closed`` unless they say otherwise, all others are ``open``.
        is_quick: a sync function that only computes: it is called on the event loop, which costs nothing. Without it a
            sync function gets a thread, because it may wait.
        is_enabled: whether it takes part from the start.
        subject: for custom validation, what it is about.
        operations, moment: for lifecycle hooks, around what and when.
        events: for listeners, the names of events to hear, such as ``payment.succeeded``; empty for all.

    Raises:
        ConfigurationError: naming what is wrong.
    """

    kind: HookKind
    name: str
    call: Any = field(repr=False)
    priority: int = 0
    deadline_s: float = DEADLINE_S
    on_failure: OnFailure | None = None
    is_quick: bool = False
    is_enabled: bool = True
    subject: Subject = Subject.PAYMENT
    operations: tuple[str, ...] = OPERATIONS
    moment: Moment = Moment.BEFORE
    events: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Check everything, and put what was given as text into its type."""
        check_name(self.name)
        put = _Put(self)
        put("kind", HookKind)
        put("subject", Subject)
        put("moment", Moment)
        object.__setattr__(self, "on_failure", _on_failure(self))
        object.__setattr__(self, "call", _callable(self))
        object.__setattr__(self, "operations", _names(self, "operations", OPERATIONS))
        object.__setattr__(self, "events", frozenset(_names(self, "events", tuple(EventType))))
        _check_numbers(self)

    @property
    def closes(self) -> bool:
        """Whether its failure refuses."""
        return self.on_failure is OnFailure.CLOSED

    @property
    def is_async(self) -> bool:
        """Whether it is called on the event loop because it is async."""
        return inspect.iscoroutinefunction(self.call) or inspect.iscoroutinefunction(
            getattr(self.call, "__call__", None)  # noqa: B004 - an object may have an async __call__
        )


class _Put:
    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    def __call__(self, name: str, kind: type[Any]) -> None:
        given = getattr(self._hook, name)
        try:
            object.__setattr__(self._hook, name, kind(given))
        except ValueError:
            choices = ", ".join(member.value for member in kind)
            raise _wrong(self._hook, name, f"use one of {choices}", given) from None


def _wrong(hook: Hook, name: str, message: str, value: object = None) -> ConfigurationError:
    return wrong_hook(hook.name, name, message, value)


def wrong_hook(hook: str, name: str, message: str, value: object = None) -> ConfigurationError:
    """Return the error for a setting of a hook that makes no sense."""
    found = None if value is None else shown(value)
    return ConfigurationError([FieldError(f"hooks.{hook}.{name}", message, found)], hint="Correct the hook.")


def check_name(name: object) -> None:
    """Raise `ConfigurationError` or `CardDataError` for what cannot be the name of a hook."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = "use 1 to 64 of a-z, 0-9, _ . - and begin with a letter or digit"
        raise ConfigurationError([FieldError("hooks.name", message, shown(name))], hint="Rename the hook.")
    refuse_card_number("hooks.name", name)


def _on_failure(hook: Hook) -> OnFailure:
    rules, given = RULES[hook.kind], hook.on_failure
    if given is None:
        if rules.on_failure is None:
            message = f"a {hook.kind} hook has to declare what its failure means: open or closed"
            raise _wrong(hook, "on_failure", message)
        is_told = hook.kind is HookKind.LIFECYCLE and hook.moment is Moment.AFTER
        return OnFailure.OPEN if is_told else rules.on_failure
    try:
        declared = OnFailure(given)
    except ValueError:
        raise _wrong(hook, "on_failure", "use open or closed", given) from None
    if declared is OnFailure.CLOSED and not rules.may_close:
        raise _wrong(hook, "on_failure", f"a {hook.kind} hook cannot refuse, so its failure cannot either", given)
    return declared


def _callable(hook: Hook) -> Callable[[Any], Any]:
    method = getattr(hook.call, RULES[hook.kind].method, None)
    if callable(method) and not inspect.isroutine(hook.call):
        found: Callable[[Any], Any] = method
        return found
    if callable(hook.call) and not isinstance(hook.call, type):
        plain: Callable[[Any], Any] = hook.call
        return plain
    message = f"pass a function, or an object with a method {RULES[hook.kind].method}"
    raise _wrong(hook, "call", message, type(hook.call).__name__)


def _names(hook: Hook, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    given = getattr(hook, name)
    values = (given,) if isinstance(given, str) else tuple(given)
    for value in values:
        if not isinstance(value, str) or value not in known:
            raise _wrong(hook, name, f"use {', '.join(known)}", value)
    return values


def _check_numbers(hook: Hook) -> None:
    if type(hook.priority) is not int or abs(hook.priority) > PRIORITY_MAX:
        raise _wrong(hook, "priority", f"use a whole number up to {PRIORITY_MAX}", hook.priority)
    deadline_s = hook.deadline_s
    is_number = isinstance(deadline_s, int | float) and not isinstance(deadline_s, bool) and math.isfinite(deadline_s)
    if not is_number or not 0 < deadline_s <= KIND_DEADLINE_MAX_S:
        message = f"use more than 0 and at most {KIND_DEADLINE_MAX_S:g} seconds"
        raise _wrong(hook, "deadline_s", message, deadline_s)
    if not isinstance(hook.is_quick, bool) or not isinstance(hook.is_enabled, bool):
        raise _wrong(hook, "is_quick", "use True or False for is_quick and is_enabled")
    if hook.is_quick and hook.is_async:
        raise _wrong(hook, "is_quick", "only a sync function can be quick; an async one needs no thread anyway")
