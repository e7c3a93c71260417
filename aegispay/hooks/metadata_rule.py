"""What the merchant says about a payment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aegispay.hooks.contexts import PaymentContext
from aegispay.hooks.ready import ReadyCheck, refused
from aegispay.hooks.verdicts import Allow, Block, Review

Values = str | int | float | bool
_ABSENT = object()


class MetadataRule(ReadyCheck):
    """Answers for payments whose metadata has one of some values under a key, those that hooks added included.

    Args:
        key: of the metadata, dotted for values inside objects.
        values: the values that count; texts, numbers and booleans. Without any, every value counts.
        then: the answer: `Block`, `Review`, or an `Allow` that is final for customers who are known well.

    Raises:
        ConfigurationError: the key is empty, or the answer is none.
    """

    NAME = "metadata_rule"
    __slots__ = ("_path", "_then", "_values")

    def __init__(self, key: str, *, values: Iterable[Values] = (), then: Allow | Block | Review) -> None:
        if not isinstance(key, str) or not all(key.split(".")):
            raise refused("metadata_rule.key", "name a key of the metadata, or a dotted path")
        if not isinstance(then, Allow | Block | Review):
            raise refused("metadata_rule.then", "use Block, Review or Allow")
        self._path = tuple(key.split("."))
        self._values = tuple(values)
        self._then = then

    def check(self, context: PaymentContext) -> Allow | Block | Review:
        """Look the value up."""
        found = self._found(context.payment.metadata)
        counts = any(type(value) is type(found) and value == found for value in self._values)
        return self._then if found is not _ABSENT and (counts or not self._values) else Allow()

    def _found(self, metadata: dict[str, Any]) -> Any:
        value: Any = metadata
        for key in self._path:
            value = value.get(key, _ABSENT) if isinstance(value, dict) else _ABSENT
        return value
