"""A family of small actors under a real supervisor: each writes its life into one diary, under virtual time."""

from __future__ import annotations

import asyncio
import functools
import random
from dataclasses import dataclass

from aegispay.actors import Actor, ActorSystem, ControlMessage, Terminated
from aegispay.supervision import Backoff, ChildSpec, GetTree, RecentReports, StartChild, Supervisor
from aegispay.testing import run_virtual

STEADY = Backoff(min_s=1.0, max_s=8.0, factor=2.0, jitter=0.0, reset_after_s=100.0)
"""Pauses of exactly 1, 2, 4, 8, 8 … seconds."""


class BadError(Exception):
    """What children crash with."""


class WorseError(BadError):
    """A more special crash."""


@dataclass(frozen=True)
class Crash:
    error: Exception


@dataclass(frozen=True)
class Work:
    """A turn that takes this long; a stubborn one does not let itself be cancelled."""

    seconds: float
    is_stubborn: bool = False


@dataclass(frozen=True)
class Urgent(ControlMessage):
    """Passes ahead of waiting mail."""

    text: str


class Child(Actor):
    """Crashes when told to; what else it does is a script in its family."""

    def __init__(self, name, family):
        super().__init__()
        self.name = name
        self.family = family
        family.write(f"{name} made")
        family.fail_if_told("make", name)

    async def on_start(self):
        await asyncio.sleep(self.family.start_s.get(self.name, 0))
        self.family.fail_if_told("start", self.name)
        self.family.write(f"{self.name} started")

    async def on_stop(self):
        await asyncio.sleep(self.family.stop_s.get(self.name, 0))
        self.family.fail_if_told("stop", self.name)
        self.family.write(f"{self.name} stopped")

    async def on_failure(self, kind, error, traceback):
        await asyncio.sleep(self.family.failure_s.get(self.name, 0))
        self.family.write(f"{self.name} crashed")

    async def on_receive(self, message):
        match message:
            case Crash(error):
                raise error
            case Work(seconds, is_stubborn):
                await self.work(seconds, is_stubborn)
            case "who":
                return f"{self.name}#{self.incarnation}"
            case Urgent(text):
                self.family.write(f"{self.name} got {text}")
            case str():
                self.family.write(f"{self.name} got {message}")
                return message
            case _:
                return super().on_receive(message)
        return None

    async def work(self, seconds, is_stubborn):
        until = self.system.loop.time() + seconds
        while (left := until - self.system.loop.time()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                if not is_stubborn:
                    raise


class Watcher(Actor):
    """Remembers what it is told of others' ends."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_receive(self, message):
        if isinstance(message, Terminated):
            self.seen.append((message.ref.actor_urn, message.reason.value))


class Family:
    """Children, their supervisor, their diary, and what they are told to fail at."""

    def __init__(self):
        self.system = ActorSystem.current()
        self.reports = RecentReports()
        self.diary = []
        self.failures = {}
        self.start_s = {}
        self.stop_s = {}
        self.failure_s = {}
        self.gave_up = []
        self.root = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.system.shutdown(timeout_s=60)

    def write(self, line):
        self.diary.append(line)

    def fail(self, at, name, *errors):
        """Make the next `at` of this child raise these errors, one after the other."""
        self.failures.setdefault((at, name), []).extend(errors)

    def fail_if_told(self, at, name):
        if errors := self.failures.get((at, name)):
            raise errors.pop(0)

    def spec(self, name, **fields):
        return ChildSpec(id=name, start=lambda: Child(name, self), **{"backoff": STEADY, **fields})

    def specs(self, names, **fields):
        return [self.spec(name, **fields) for name in names]

    def supervisor(self, name, specs, **options):
        return Supervisor(name, specs, source=random.Random(0), sink=self.reports, **options)

    async def start(self, specs, *, name="root", **options):
        options.setdefault("on_gave_up", self.gave_up.append)
        self.root = self.system.spawn(lambda: self.supervisor(name, specs, **options), name=name)
        await self.system.started(self.root)
        return self.root

    def tell(self, name, message):
        self.system.find(name).tell(message)

    def ask(self, name, message, timeout_s=100.0):
        return self.system.find(name).ask(message, block=False, timeout=timeout_s)

    def crash(self, *names, error=None):
        for name in names:
            self.tell(name, Crash(error if error is not None else BadError()))

    def start_child(self, spec):
        return self.root.ask(StartChild(spec), block=False, timeout=100.0)

    async def tree(self):
        return await self.root.ask(GetTree(), block=False, timeout=100.0)

    def states(self, *names):
        refs = {name: self.system.find(name) for name in names}
        return {name: "gone" if ref is None else ref.cell.state.value for name, ref in refs.items()}

    def take_diary(self):
        """Return what was written since the last time."""
        lines, self.diary = self.diary, []
        return lines

    def actions(self, *, since_s=-1.0):
        """Return the reports after a moment as ``child action`` in order."""
        return [f"{each.child} {each.action}" for each in self.reports.latest() if each.at_s > since_s]


def virtual(test):
    """Run an async test under virtual time."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        return run_virtual(test(*args, **kwargs))

    return run


async def elapse(seconds):
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


async def settle():
    """Let everything that can happen now happen, without time passing."""
    for _ in range(50):
        await asyncio.sleep(0)
