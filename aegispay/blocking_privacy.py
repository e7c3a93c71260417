"""Erasure without an event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from aegispay.engine import AegisPay
from aegispay.ports.privacy import ErasureRecord
from aegispay.views import ErasureReport

T = TypeVar("T")


class BlockingPrivacyMethods:
    """Erasure, from any thread."""

    _engine: AegisPay

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        raise NotImplementedError

    def erase_customer(
        self, customer_id: str, *, merchant: str = "default", operator: str, reason: str
    ) -> ErasureReport:
        """See `AegisPay.erase_customer`."""
        return self._run(self._engine.erase_customer(customer_id, merchant=merchant, operator=operator, reason=reason))

    def erasures(self, *, limit: int = 100) -> tuple[ErasureRecord, ...]:
        """See `AegisPay.erasures`."""
        return self._run(self._engine.erasures(limit=limit))
