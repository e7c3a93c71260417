"""What pykka documents, and its users rely on, holds for actors on the loop."""

import asyncio

import pykka
import pytest

from aegispay.actors import Actor, ActorCrashedError, ActorRef, ActorSystem, NotReadyError
from aegispay.testing import run_virtual
from tests.unit.actors.rig import in_threads, settle, threaded, virtual


@pykka.traversable
class Playback:
    def __init__(self):
        self.volume = 5

    def play(self):
        return "playing"


class Player(Actor):
    """An actor as pykka's documentation writes them."""

    def __init__(self, title="none", *, log=None):
        super().__init__()
        self.title = title
        self.playback = Playback()
        self.log = [] if log is None else log
        self._private = 1
        self._in_future = self.actor_ref.proxy()

    def on_start(self):
        self.log.append("start")

    def on_stop(self):
        self.log.append("stop")

    def on_failure(self, exception_type, exception_value, traceback):
        self.log.append((exception_type, str(exception_value), traceback is not None))

    def on_receive(self, message):
        if message == "crash":
            raise ValueError("it")
        return f"got {message}"

    def count(self, start, *, by=1):
        return start + by

    async def count_async(self, start):
        await asyncio.sleep(0)
        return start + 1

    def work(self):
        self.log.append("work")
        self._in_future.more_work()

    def more_work(self):
        self.log.append("more work")


def default(test):
    """Run under virtual time, with the loop's default system, where `start` puts actors."""
    return virtual(lambda system: _with_default(test))


async def _with_default(test):
    try:
        await test()
    finally:
        await ActorSystem.current().shutdown()


@default
async def test_start_gives_a_ref_of_a_running_actor():
    log = []
    ref = Player.start("song", log=log)
    assert isinstance(ref, pykka.ActorRef)
    assert isinstance(ref, ActorRef)
    assert ref.is_alive()
    assert ref.actor_class is Player
    assert ref.actor_urn.startswith("urn:")
    assert str(ref) == f"Player ({ref.actor_urn})"
    assert repr(ref) == f"<ActorRef for {ref}>"
    assert not ref.actor_stopped.is_set()
    await settle()
    assert log == ["start"]


@default
async def test_an_instance_is_a_pykka_actor_with_its_fields():
    ref = Player.start("song")
    actor = ref.cell.instance
    assert isinstance(actor, pykka.Actor)
    assert (actor.actor_ref, actor.actor_urn, actor.actor_inbox) == (ref, ref.actor_urn, ref.actor_inbox)
    assert str(actor) == str(ref)
    assert not actor.actor_stopped.is_set()


@default
async def test_urns_are_unique():
    refs = [Player.start() for _ in range(100)]
    assert len({ref.actor_urn for ref in refs}) == 100


@default
async def test_tell_returns_nothing_and_ask_the_reply():
    ref = Player.start()
    assert ref.tell("hi") is None
    future = ref.ask("hi", block=False)
    assert isinstance(future, pykka.Future)
    assert await future == "got hi"


@threaded
async def test_ask_blocks_by_default(system):
    ref = system.spawn(Player, name="a")
    assert await in_threads(lambda: ref.ask("hi")) == ["got hi"]


@threaded
async def test_an_ask_that_takes_too_long_raises_pykkas_timeout(system):
    class Sleeps(Actor):
        async def on_receive(self, message):
            await asyncio.get_running_loop().create_future()

    ref = system.spawn(Sleeps, name="a")
    with pytest.raises(pykka.Timeout):
        await in_threads(lambda: ref.ask("hi", timeout=0.01))
    await system.stop(ref, timeout_s=0)


@default
async def test_stop_ends_the_actor_after_what_was_sent_before():
    log = []
    ref = Player.start(log=log)
    before = ref.ask("before", block=False)
    stopping = ref.stop(block=False)
    after = ref.ask("after", block=False)
    assert isinstance(stopping, pykka.Future)
    assert await stopping is True
    assert await before == "got before"
    with pytest.raises(pykka.ActorDeadError):
        await after
    assert not ref.is_alive()
    assert ref.actor_stopped.is_set()
    assert log == ["start", "stop"]


@default
async def test_stopping_a_dead_actor_is_false():
    ref = Player.start()
    assert await ref.stop(block=False) is True
    assert await ref.stop(block=False) is False


@default
async def test_a_dead_actor_can_be_neither_told_nor_asked_nor_proxied():
    ref = Player.start()
    await ref.stop(block=False)
    with pytest.raises(pykka.ActorDeadError, match=r"Player .* not found"):
        ref.tell("hi")
    refused = ref.ask("hi", block=False)
    with pytest.raises(pykka.ActorDeadError):
        await refused
    with pytest.raises(pykka.ActorDeadError):
        ref.proxy()


@default
async def test_an_actor_can_stop_itself():
    class Quits(Actor):
        def on_receive(self, message):
            self.stop()

    ref = Quits.start()
    await ref.ask("quit", block=False)
    await settle()
    assert not ref.is_alive()


@default
async def test_on_failure_gets_what_went_wrong_instead_of_on_stop():
    log = []
    ref = Player.start(log=log)
    ref.tell("crash")
    await settle()
    assert log == ["start", (ValueError, "it", True)]
    assert not ref.is_alive()


@default
async def test_a_proxy_reads_attributes_as_futures():
    proxy = Player.start("song").proxy()
    assert isinstance(proxy, pykka.ActorProxy)
    assert await proxy.title == "song"


@threaded
async def test_a_proxy_in_another_thread_reads_sets_and_calls(system):
    ref = system.spawn(lambda: Player("song"), name="a")

    def work():
        proxy = ref.proxy()
        proxy.title = "other"
        proxy.playback.volume = 11
        return [
            proxy.title.get(),
            proxy.count(1, by=4).get(),
            proxy.count_async(1).get(),
            proxy.playback.volume.get(),
            proxy.playback.play().get(),
        ]

    assert await in_threads(work) == [["other", 5, 2, 11, "playing"]]


@default
async def test_setting_an_attribute_on_the_loops_own_thread_raises_and_sets_nothing():
    """pykka waits for the attribute to be set, which the loop's own thread cannot."""
    proxy = Player.start("song").proxy()
    with pytest.raises(NotReadyError):
        proxy.title = "other"
    assert await proxy.title == "song"


@default
async def test_a_proxy_calls_methods_sync_and_async():
    proxy = Player.start().proxy()
    assert await proxy.count(1, by=4) == 5
    assert await proxy.count_async(1) == 2


@default
async def test_a_call_can_be_deferred():
    log = []
    proxy = Player.start(log=log).proxy()
    assert proxy.more_work.defer() is None
    await settle()
    assert log == ["start", "more work"]


@default
async def test_a_failing_call_reaches_the_caller_as_a_crash():
    proxy = Player.start().proxy()
    with pytest.raises(ActorCrashedError) as caught:
        await proxy.count("text")
    assert isinstance(caught.value.__cause__, TypeError)


@default
async def test_a_proxy_traverses_marked_attributes():
    proxy = Player.start().proxy()
    assert await proxy.playback.volume == 5
    assert await proxy.playback.play() == "playing"


@default
async def test_a_proxy_hides_private_names_and_knows_no_others():
    proxy = Player.start().proxy()
    for name in ("_private", "missing"):
        with pytest.raises(AttributeError):
            getattr(proxy, name)
    assert {"title", "count", "playback"} <= set(dir(proxy))


@default
async def test_a_proxy_to_itself_schedules_work_behind_what_waits():
    log = []
    ref = Player.start(log=log)
    ref.proxy().work()
    ref.proxy().more_work()
    await settle()
    assert log == ["start", "work", "more work", "more work"]


@default
async def test_proxy_messages_can_be_sent_by_hand():
    ref = Player.start("song")
    assert await ref.ask(pykka.messages.ProxyCall(("count",), (1,), {"by": 2}), block=False) == 3
    assert await ref.ask(pykka.messages.ProxyGetAttr(("title",)), block=False) == "song"
    await ref.ask(pykka.messages.ProxySetAttr(("title",), "other"), block=False)
    assert await ref.proxy().title == "other"


@default
async def test_the_registry_finds_registered_actors_until_they_end():
    class Lonely(Player):
        pass

    ref = Lonely.start()
    registry = pykka.ActorRegistry
    assert registry.get_by_class(Lonely) == registry.get_by_class_name("Lonely") == [ref]
    assert registry.get_by_urn(ref.actor_urn) is ref
    assert ref in registry.get_all()
    await ref.stop(block=False)
    assert registry.get_by_class(Lonely) == []
    assert registry.get_by_urn(ref.actor_urn) is None


@default
async def test_a_registered_actor_that_crashes_leaves_the_registry():
    class Lonely(Player):
        pass

    ref = Lonely.start()
    ref.tell("crash")
    await settle()
    assert pykka.ActorRegistry.get_by_class(Lonely) == []


@virtual
async def test_the_registry_broadcasts_to_registered_actors_only(system):
    seen = []

    class Listener(Actor):
        def on_receive(self, message):
            seen.append(self.actor_urn)

    system.spawn(Listener, name="registered", register=True)
    system.spawn(Listener, name="not registered")
    pykka.ActorRegistry.broadcast("hi", target_class=Listener)
    await settle()
    assert seen == ["registered"]


@virtual
async def test_two_engines_with_one_name_each_leave_the_registry_alone(system):
    class Router(Actor):
        pass

    other = ActorSystem(name="other")
    mine = system.spawn(Router, name="router", register=True)
    theirs = other.spawn(Router, name="router", register=True)
    await other.stop(theirs)
    assert pykka.ActorRegistry.get_by_class(Router) == [mine]


@default
async def test_stop_all_ends_registered_actors_last_started_first():
    order = []

    class Named(Actor):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def on_stop(self):
            order.append(self.name)

    for name in "abc":
        Named.start(name)
    stopping = pykka.ActorRegistry.stop_all(block=False)
    assert [await each for each in stopping] == [True] * 3
    assert order == ["c", "b", "a"]


def test_stop_all_forgets_actors_whose_loop_is_gone():
    async def leave_one_behind():
        Player.start()

    run_virtual(leave_one_behind())
    assert len(pykka.ActorRegistry.get_all()) == 1
    (stopped,) = pykka.ActorRegistry.stop_all(block=False)
    assert stopped.get() is False
    assert pykka.ActorRegistry.get_all() == []


def test_start_needs_a_running_loop():
    with pytest.raises(RuntimeError, match="no running event loop"):
        Player.start()


@default
async def test_an_actor_that_forgot_its_superclass_is_told_so():
    class Forgets(Actor):
        def __init__(self):
            pass

    with pytest.raises(TypeError, match=r"super\(\).__init__\(\)"):
        Forgets.start()
