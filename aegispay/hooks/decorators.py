"""One decorator for each kind of hook."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NotRequired, TypedDict, TypeVar, Unpack, cast

from aegispay.domain.hook_kind import HookKind
from aegispay.errors import ConfigurationError, FieldError
from aegispay.hooks.hook import Hook
from aegispay.hooks.kinds import OPERATIONS, Moment, OnFailure, Subject

F = TypeVar("F")
M = TypeVar("M", bound=Callable[..., Any])
Decorator = Callable[[F], F]


class HookSettings(TypedDict):
    """What every decorator takes; see `Hook`."""

    name: NotRequired[str]
    priority: NotRequired[int]
    deadline_s: NotRequired[float]
    is_quick: NotRequired[bool]
    is_enabled: NotRequired[bool]


class JudgeSettings(HookSettings):
    """What decorators of hooks that may refuse take besides."""

    on_failure: NotRequired[OnFailure | str]


def _parenthesised(method: M) -> M:
    """Say what is wrong with ``@hooks.enrichment``, where a function comes instead of settings."""

    @functools.wraps(method)
    def checked(*given: Any, **settings: Any) -> Any:
        if any(callable(each) for each in given[1:]):
            name = method.__name__
            message = f"write @hooks.{name}(...) with parentheses, also when there is nothing to say in them"
            raise ConfigurationError([FieldError(f"hooks.{name}", message)], hint="Add the parentheses.")
        return method(*given, **settings)

    return cast("M", checked)


class HookDecorators(ABC):
    """Registers functions, or instances of classes, as they are written. The name is the function's if none is given.

    Raises:
        ConfigurationError: naming what is wrong with the hook.
    """

    @abstractmethod
    def register(self, hook: Hook) -> Hook:
        """Add a hook."""

    @_parenthesised
    def pre_validation(self, **settings: Unpack[JudgeSettings]) -> Decorator[F]:
        """Register a check of new requests, before anything is stored."""
        return self._decorator(HookKind.PRE_VALIDATION, settings)

    @_parenthesised
    def post_validation(self, **settings: Unpack[JudgeSettings]) -> Decorator[F]:
        """Register a check of stored payments, before their first attempt."""
        return self._decorator(HookKind.POST_VALIDATION, settings)

    @_parenthesised
    def fraud_check(self, *, on_failure: OnFailure | str, **settings: Unpack[HookSettings]) -> Decorator[F]:
        """Register a check for fraud, before the first attempt. What its failure means has to be said."""
        return self._decorator(HookKind.FRAUD_CHECK, {**settings, "on_failure": on_failure})

    @_parenthesised
    def routing_strategy(self, **settings: Unpack[HookSettings]) -> Decorator[F]:
        """Register a preference for gateways, asked before each attempt."""
        return self._decorator(HookKind.ROUTING_STRATEGY, settings)

    @_parenthesised
    def enrichment(self, **settings: Unpack[HookSettings]) -> Decorator[F]:
        """Register additions to the metadata of new payments."""
        return self._decorator(HookKind.ENRICHMENT, settings)

    @_parenthesised
    def event_listener(self, *events: str, **settings: Unpack[HookSettings]) -> Decorator[F]:
        """Register somebody who hears events after they are on disk: those named, or all."""
        return self._decorator(HookKind.EVENT_LISTENER, {**settings, "events": events})

    @_parenthesised
    def metrics_collector(self, **settings: Unpack[HookSettings]) -> Decorator[F]:
        """Register somebody who gets measurements."""
        return self._decorator(HookKind.METRICS_COLLECTOR, settings)

    @_parenthesised
    def error_handler(self, **settings: Unpack[HookSettings]) -> Decorator[F]:
        """Register somebody who is asked when something went wrong."""
        return self._decorator(HookKind.ERROR_HANDLER, settings)

    @_parenthesised
    def custom_validation(
        self, subject: Subject | str = Subject.PAYMENT, **settings: Unpack[JudgeSettings]
    ) -> Decorator[F]:
        """Register a check of payments, customers, transactions, or of what the host hands over itself."""
        return self._decorator(HookKind.CUSTOM_VALIDATION, {**settings, "subject": subject})

    @_parenthesised
    def before(self, *operations: str, **settings: Unpack[JudgeSettings]) -> Decorator[F]:
        """Register somebody who may refuse operations before they begin: those named, or all."""
        given = {**settings, "operations": operations or OPERATIONS, "moment": Moment.BEFORE}
        return self._decorator(HookKind.LIFECYCLE, given)

    @_parenthesised
    def after(self, *operations: str, **settings: Unpack[HookSettings]) -> Decorator[F]:
        """Register somebody who hears what came of operations: those named, or all."""
        given = {**settings, "operations": operations or OPERATIONS, "moment": Moment.AFTER}
        return self._decorator(HookKind.LIFECYCLE, given)

    def _decorator(self, kind: HookKind, settings: Any) -> Decorator[F]:
        def decorate(call: F) -> F:
            made = call() if isinstance(call, type) else call
            name = str(getattr(call, "__name__", type(call).__name__)).lower()
            self.register(Hook(kind=kind, call=made, **{"name": name, **settings}))
            return call

        return decorate
