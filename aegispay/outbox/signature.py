"""Whether a handler can be called with what it is going to get."""

from __future__ import annotations

import inspect
from typing import Any

from aegispay.errors import FieldError, ValidationError

_EXPECTED = {
    False: "takes one argument, the StoredEvent: def handler(event)",
    True: "takes two arguments, the StoredEvent and its EventTransaction: def handler(event, transaction)",
}


def check_handler(handler: Any, *, transactional: bool) -> None:
    """Refuse what cannot be called as a handler is.

    Raises:
        ValidationError: saying what a handler takes.
    """
    expected = _EXPECTED[transactional]
    if not callable(handler):
        raise _wrong(f"is no function; a handler {expected}", type(handler).__name__)
    if isinstance(handler, type):
        raise _wrong(f"is a class, not an instance of it; a handler {expected}", handler.__name__)
    if inspect.isasyncgenfunction(handler) or inspect.isgeneratorfunction(handler):
        raise _wrong(f"is a generator: it would never run; a handler {expected}", _name(handler))
    try:
        signature = inspect.signature(handler)
    except (ValueError, TypeError):
        # Some builtins have none; a call will tell.
        return
    try:
        signature.bind(*([None, None] if transactional else [None]))
    except TypeError:
        raise _wrong(expected, f"{_name(handler)}{signature}"[:200]) from None
    if transactional and is_async(handler):
        message = (
            "has to be a plain function when it is transactional: it runs on a thread, because its questions to the "
            "database would stop the event loop"
        )
        raise _wrong(message, _name(handler))


def is_async(handler: Any) -> bool:
    """Return whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004


def _name(handler: Any) -> str:
    return str(getattr(handler, "__qualname__", type(handler).__name__))


def _wrong(message: str, value: str) -> ValidationError:
    return ValidationError([FieldError("handler", message, value)], hint="Correct the handler.")
