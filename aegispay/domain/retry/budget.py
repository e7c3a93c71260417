"""How many attempts after the first are allowed, so that an outage is not answered with twice the traffic."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aegispay.domain.card_data import contains_card_number, mask_card_numbers, shown
from aegispay.domain.limits import refuse, share
from aegispay.domain.retry.backoff import is_delay
from aegispay.errors import FieldError

_SLICES = 60
_NAME = re.compile(r"[a-z0-9_-]{1,64}")
"""What a gateway may be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """Attempts after the first, against first attempts, over all payments of one engine.

    Attributes:
        share: attempts after the first, as a part of first attempts; a fifth is more than soft declines need, and
            keeps an outage from doubling the traffic of whoever is left.
        floor: attempts after the first that are allowed in a window whatever the share says; a hundred lets a small
            shop fail over in peace, and is no flood.
        window_s: seconds that are looked at.
        gateways: a smaller share for single gateways, by name.
    """

    share: float = 0.2
    floor: int = 100
    window_s: float = 60.0
    gateways: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a budget that cannot be kept.

        Raises:
            ValidationError: naming every setting that makes no sense.
        """
        is_floor = isinstance(self.floor, int) and not isinstance(self.floor, bool) and self.floor >= 0
        refuse(
            share("retry.budget.share", self.share),
            () if is_floor else [FieldError("retry.budget.floor", "use a whole number, 0 or more")],
            () if is_delay(self.window_s) else [FieldError("retry.budget.window_s", "use seconds, more than 0")],
            _name_problems(self.gateways),
            *(
                share(f"retry.budget.gateways.{mask_card_numbers(str(name))}", part)
                for name, part in self.gateways.items()
            ),
            hint="Correct the RetryBudget.",
        )


def _name_problems(names: Iterable[str]) -> Iterator[FieldError]:
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or contains_card_number(name):
            yield FieldError("retry.budget.gateways", "a gateway's name is 1 to 64 of a-z, 0-9, _ and -", shown(name))


class BudgetBook:
    """Attempts of the last window. In memory only: after a restart it begins anew, with the floor."""

    __slots__ = ("_firsts", "_retries", "_slices", "_width_s", "_window_s")

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._width_s = window_s / _SLICES
        # [number of the slice, first attempts, later attempts by gateway], oldest first
        self._slices: deque[tuple[int, list[int], dict[str, int]]] = deque()
        self._firsts = 0
        self._retries: dict[str, int] = {}

    def __repr__(self) -> str:
        """Show the counts."""
        return f"<BudgetBook firsts={self._firsts} retries={sum(self._retries.values())}>"

    @property
    def window_s(self) -> float:
        """Seconds that are looked at."""
        return self._window_s

    def spent(self, names: tuple[str, ...], budget: RetryBudget, now_s: float) -> frozenset[str]:
        """Return the gateways that must take no attempt after a first one now."""
        self._forget(now_s)
        used = sum(self._retries.values())
        if used + 1 > budget.floor + budget.share * self._firsts:
            return frozenset(names)
        return frozenset(
            name
            for name in names
            if name in budget.gateways
            and self._retries.get(name, 0) + 1 > budget.floor + budget.gateways[name] * self._firsts
        )

    def count(self, gateway: str, *, is_retry: bool, now_s: float) -> None:
        """Take in an attempt."""
        self._forget(now_s)
        number = int(now_s // self._width_s)
        if not self._slices or self._slices[-1][0] < number:
            self._slices.append((number, [0], {}))
        _, firsts, retries = self._slices[-1]
        if is_retry:
            retries[gateway] = retries.get(gateway, 0) + 1
            self._retries[gateway] = self._retries.get(gateway, 0) + 1
        else:
            firsts[0] += 1
            self._firsts += 1

    def _forget(self, now_s: float) -> None:
        oldest = int(now_s // self._width_s) - _SLICES
        while self._slices and self._slices[0][0] < oldest:
            _, firsts, retries = self._slices.popleft()
            self._firsts -= firsts[0]
            for name, count in retries.items():
                self._retries[name] -= count
