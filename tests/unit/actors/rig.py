"""A few actors to talk to, and ways to run a loop: under virtual time, or for real with threads beside it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from dataclasses import dataclass
from typing import Any

from aegispay.actors import Actor, ActorSystem, ControlMessage, Refusal, Terminated
from aegispay.testing import run_virtual, running_clock


def virtual(test):
    """Run an async test under virtual time; it gets a system."""

    @functools.wraps(test)
    def run(**fixtures):
        async def main():
            system = ActorSystem(clock=running_clock())
            try:
                await test(system, **fixtures)
            finally:
                await system.shutdown()

        run_virtual(main())

    parameters = inspect.signature(test).parameters.values()
    run.__signature__ = inspect.Signature([each for each in parameters if each.name != "system"])
    return run


def threaded(test):
    """Run an async test on a real loop; it gets a system that other threads can reach."""

    def run():
        async def main():
            system = ActorSystem()
            try:
                async with asyncio.timeout(60):
                    await test(system)
            finally:
                await system.shutdown()

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


async def in_threads(*works):
    """Run functions in threads of their own; return what they return, in order."""
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(None, work) for work in works))


async def settle():
    """Let everything that can happen now happen, without time passing."""
    for _ in range(60):
        await asyncio.sleep(0)


async def elapse(seconds):
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


def in_thread(work):
    """Run a function in a thread and return what it returns or raises; for code without a loop."""
    box: list[Any] = []

    def run():
        try:
            box.append(work())
        except BaseException as error:
            box.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return box[0]


class BoomError(Exception):
    """What actors crash with."""


@dataclass(frozen=True)
class Crash:
    error: BaseException


@dataclass(frozen=True)
class Work:
    """A turn of this length."""

    seconds: float


@dataclass(frozen=True)
class Urgent(ControlMessage):
    text: str


@dataclass(frozen=True)
class Say:
    text: str


class Recorder(Actor):
    """Writes down what it handles; crashes, refuses and works when told to."""

    def __init__(self, diary=None):
        super().__init__()
        self.diary = [] if diary is None else diary

    def on_stop(self):
        self.diary.append("stopped")

    def on_failure(self, kind, error, traceback):
        self.diary.append(f"failed {kind.__name__}")

    async def on_receive(self, message):
        match message:
            case Crash(error):
                raise error
            case Work(seconds):
                await asyncio.sleep(seconds)
                self.diary.append("worked")
            case Urgent(text) | Say(text):
                self.diary.append(text)
                return text
            case "refuse":
                raise Refusal("no")
            case "count":
                return len(self.diary)
            case _:
                return super().on_receive(message)
        return None


class Echo(Actor):
    """Answers what it is asked."""

    def on_receive(self, message):
        return message


class Watcher(Actor):
    """Remembers what it is told of others' ends."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_receive(self, message):
        if isinstance(message, Terminated):
            self.seen.append((message.ref.actor_urn, message.reason.value))
        else:
            self.seen.append(message)


class Boss(Actor):
    """A supervisor that only remembers what it is told."""

    is_supervisor = True

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_receive(self, message):
        self.seen.append(message)
