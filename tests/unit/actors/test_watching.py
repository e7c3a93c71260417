"""Death watch: each watcher is told exactly once, with the reason, also of an end that was before the watch."""

import pytest

from aegispay.actors import Actor, StopReason
from tests.unit.actors.rig import BoomError, Boss, Crash, Echo, Recorder, Watcher, Work, settle, virtual


def watcher(system, seen, name="watcher"):
    return system.spawn(lambda: Watcher(seen), name=name)


@pytest.mark.parametrize("reason", [each for each in StopReason if each is not StopReason.PASSIVATED])
@virtual
async def test_a_watcher_is_told_once_with_the_reason(system, reason):
    seen = []
    ref = system.spawn(Echo, name="a")
    system.watch(watcher(system, seen), ref)
    await system.stop(ref, reason=reason)
    await settle()
    assert seen == [("a", reason.value)]


@pytest.mark.parametrize("reason", [each for each in StopReason if each is not StopReason.PASSIVATED])
@virtual
async def test_a_watch_of_a_dead_actor_tells_at_once_with_its_reason(system, reason):
    seen = []
    ref = system.spawn(Echo, name="a")
    await system.stop(ref, reason=reason)
    system.watch(watcher(system, seen), ref)
    await settle()
    assert seen == [("a", reason.value)]


@virtual
async def test_watching_twice_is_told_once(system):
    seen = []
    ref, watching = system.spawn(Echo, name="a"), watcher(system, seen)
    system.watch(watching, ref)
    system.watch(watching, ref)
    await system.stop(ref)
    await settle()
    assert seen == [("a", "shutdown")]


@virtual
async def test_every_watcher_is_told(system):
    seen = []
    ref = system.spawn(Echo, name="a")
    for number in range(5):
        system.watch(watcher(system, seen, name=str(number)), ref)
    await system.stop(ref)
    await settle()
    assert seen == [("a", "shutdown")] * 5


@virtual
async def test_a_restart_is_no_end(system):
    seen = []
    boss = system.spawn(lambda: Boss([]), name="boss")
    ref = system.spawn(Recorder, name="a", supervisor=boss)
    system.watch(watcher(system, seen), ref)
    ref.tell(Crash(BoomError()))
    await settle()
    system.restart(ref)
    await settle()
    assert seen == []
    await system.stop(ref)
    await settle()
    assert seen == [("a", "shutdown")]


@virtual
async def test_a_crash_without_supervisor_is_an_end(system):
    seen = []
    ref = system.spawn(Recorder, name="a")
    system.watch(watcher(system, seen), ref)
    ref.tell(Crash(BoomError()))
    await settle()
    assert seen == [("a", "crashed")]


@virtual
async def test_an_abandoned_actor_has_ended_for_its_watchers(system):
    seen = []
    ref = system.spawn(Recorder, name="a")
    system.watch(watcher(system, seen), ref)
    ref.tell(Work(100))
    await settle()
    assert await system.stop(ref, timeout_s=1) is False
    await settle()
    assert seen == [("a", "shutdown")]


@virtual
async def test_a_watcher_that_has_ended_is_nobodys_problem(system):
    ref, watching = system.spawn(Echo, name="a"), watcher(system, [])
    system.watch(watching, ref)
    await system.stop(watching)
    await system.stop(ref)
    await settle()
    assert system.dead_letters.count == 0


@virtual
async def test_the_news_passes_ahead_of_user_mail(system):
    seen = []

    class Slow(Watcher):
        async def on_receive(self, message):
            if message == "work":
                await system.stop(system.find("a"))
                await settle()
            return super().on_receive(message)

    ref, watching = system.spawn(Echo, name="a"), system.spawn(lambda: Slow(seen), name="watcher")
    system.watch(watching, ref)
    for message in ("work", "x", "y"):
        watching.tell(message)
    await settle()
    await settle()
    assert seen == ["work", ("a", "shutdown"), "x", "y"]


@virtual
async def test_an_actor_may_watch_itself_without_harm(system):
    class Narcissus(Actor):
        def on_receive(self, message):
            self.system.watch(self.actor_ref, self.actor_ref)

    ref = system.spawn(Narcissus, name="a")
    await ref.ask("watch", block=False)
    await system.stop(ref)
    assert not ref.is_alive()
