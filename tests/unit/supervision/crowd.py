"""A crowd of alike children, started on demand by a directory, under a real dynamic supervisor and a root."""

from __future__ import annotations

import random
from typing import Any

from aegispay.actors import Directory
from aegispay.supervision import ChildSpec, DynamicSupervisor, RestartIntensity
from tests.unit.supervision.rig import STEADY, Child, Family, settle

THREE_IN_SIXTY = RestartIntensity(restarts=3, period_s=60)
TEN_IN_TEN = RestartIntensity(restarts=10, period_s=10)


class Crowd(Family):
    """A family whose children nobody lists: `many` supervises whoever the directory starts."""

    def __init__(self):
        super().__init__()
        self.exhausted = []
        self.directory: Any = None

    async def __aexit__(self, *arguments):
        await self.directory.stop_all(timeout_s=60)
        await super().__aexit__(*arguments)

    async def open(self, *, intensity=THREE_IN_SIXTY, common_cause=TEN_IN_TEN, backoff=STEADY, root=None):
        def make():
            return DynamicSupervisor(
                "many",
                intensity=intensity,
                common_cause=common_cause,
                on_exhausted=lambda name, cause: self.exhausted.append((name, cause)),
                count=lambda: len(self.directory),
                children=lambda: self.directory.refs(),  # noqa: PLW0108 - the directory is made after this
                source=random.Random(0),
                backoff=backoff,
                sink=self.reports,
            )

        await self.start([ChildSpec(id="many", start=make, backoff=STEADY)], intensity=root)
        self.directory = Directory(
            self.system, lambda name: Child(name, self), supervisor=self.many, size_max=100_000, idle_s=1_000_000
        )
        return self

    @property
    def many(self):
        return self.system.find("many")

    def tell(self, name, message):
        self.directory.tell(name, message)

    def ask(self, name, message, timeout_s=100.0):
        return self.directory.ask(name, message, timeout_s=timeout_s)

    def states(self, *names):
        return {name: self.directory.cell(name).state.value if name in self.directory else "gone" for name in names}

    async def crash_now(self, *names, error=None):
        """Crash children that are up; return when the supervisor has taken it in."""
        self.crash(*names, error=error)
        await settle()
