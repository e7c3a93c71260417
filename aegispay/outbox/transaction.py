"""What a transactional subscriber writes with: its statements commit together with its place in the log."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from aegispay.delivery_errors import EffectsRefusedError
from aegispay.ports.outbox import Effect, OutboxStore

EFFECTS_MAX = 1_000
"""Statements of one event. Every payment's commit waits while they run."""


class EventTransaction:
    """The transaction of one event: written when the handler returns, together with the subscriber's place in the log.

    It may be used from the handler's own thread or coroutine, until the handler returns.
    """

    def __init__(self, store: OutboxStore) -> None:
        self._store = store
        self._effects: list[Effect] = []
        self._is_over = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Show how many statements there are, never what they say."""
        return f"<EventTransaction statements={len(self._effects)}>"

    def execute(self, statement: str, parameters: tuple[Any, ...] | list[Any] = ()) -> None:
        """Add a writing statement; it is checked now, and executed in the order given after the handler has returned.

        Args:
            statement: one INSERT, UPDATE or DELETE on your own tables, with ``?`` for what varies.
            parameters: in order.

        Raises:
            EffectsRefusedError: it does not compile, touches more than your own tables, comes after the handler has
                returned, or there are more than 1,000.
        """
        self._refuse_when_over()
        values = _checked(parameters)
        self._store.compile_effect(statement, values)
        with self._lock:
            self._refuse_when_over()
            if len(self._effects) >= EFFECTS_MAX:
                raise EffectsRefusedError(f"an event may have {EFFECTS_MAX:,} statements", hint="Write less for each.")
            self._effects.append((statement, values))

    def query(self, statement: str, parameters: tuple[Any, ...] | list[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a reading statement: what was committed before this event.

        Raises:
            EffectsRefusedError: it does not compile, writes, or comes after the handler has returned.
        """
        self._refuse_when_over()
        return self._store.query(statement, _checked(parameters))

    def end(self) -> tuple[Effect, ...]:
        """Take no more statements, and return what there is."""
        with self._lock:
            self._is_over = True
            return tuple(self._effects)

    def _refuse_when_over(self) -> None:
        if self._is_over:
            raise EffectsRefusedError("the event's transaction is over", hint="Execute before the handler returns.")


def _checked(parameters: object) -> tuple[Any, ...]:
    if isinstance(parameters, str | bytes | Mapping) or not isinstance(parameters, tuple | list):
        raise EffectsRefusedError("the parameters are no tuple and no list", hint='Write execute("... ?", (value,)).')
    return tuple(parameters)
