"""A plan: which faults, for how long, and how many at most. Plans can be put together from plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aegispay.chaos.faults import Fault, Moment, Seconds

FAULTS_MAX = 200
_DEPTH_MAX = 8


class ChaosPlan(BaseModel):
    """What goes wrong in one run; nothing without a limit.

    Attributes:
        name: for reports.
        faults: in the order in which they are tried; where two end the same call, the first one does.
        plans: more plans; each goes on for its own `duration_s`, and none longer than this one.
        duration_s: after this long nothing is injected any more.
        injections_max: nor after so many injections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(max_length=100)] = ""
    faults: Annotated[tuple[Fault, ...], Field(max_length=FAULTS_MAX)] = ()
    plans: Annotated[tuple[ChaosPlan, ...], Field(max_length=50)] = ()
    duration_s: Seconds = 600.0
    injections_max: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        placed = list(self.placed())
        if len(placed) > FAULTS_MAX:
            raise ValueError(f"{len(placed)} faults in all, at most {FAULTS_MAX} are allowed")
        if self.depth() > _DEPTH_MAX:
            raise ValueError(f"plans within plans, more than {_DEPTH_MAX} deep")
        return self

    def depth(self) -> int:
        """Return how many levels of plans there are."""
        return 1 + max((plan.depth() for plan in self.plans), default=0)

    def placed(self, prefix: str = "", until_s: Moment = 86_400.0) -> Iterator[tuple[str, Fault, float]]:
        """Return every fault with its place in the plan, such as ``0`` or ``1.2``, and the moment it ends at latest."""
        until_s = min(until_s, self.duration_s)
        for number, fault in enumerate(self.faults):
            yield f"{prefix}{number}", fault, until_s
        for number, plan in enumerate(self.plans):
            yield from plan.placed(f"{prefix}{len(self.faults) + number}.", until_s)
