"""Names that are always reachable: started on demand, put away when idle, no message lost in between."""

import asyncio
import itertools

import pytest

from aegispay.actors import Actor, ActorDeadError, Directory, DirectoryFullError, MailboxFullError
from tests.unit.actors.rig import BoomError, Boss, Crash, Work, elapse, in_thread, in_threads, settle, threaded, virtual


class Counter(Actor):
    """Counts what it is told, as long as it is in memory."""

    made: list[str]

    def __init__(self, name, made):
        super().__init__()
        self.name = name
        self.count = 0
        self.is_busy = False
        made.append(name)

    def can_passivate(self):
        return not self.is_busy

    async def on_receive(self, message):
        match message:
            case "busy" | "free":
                self.is_busy = message == "busy"
            case "who":
                return self.name
            case Work(seconds):
                await elapse(seconds)
            case Crash(error):
                raise error
            case _:
                self.count += 1
                return self.count
        return None


class SlowToLeave(Counter):
    async def on_stop(self):
        await elapse(1)


def directory(system, *, kind=Counter, **options):
    made = []
    found = Directory(system, lambda name: kind(name, made), **options)
    return found, made


@virtual
async def test_an_actor_is_made_when_its_first_message_comes(system):
    found, made = directory(system)
    assert (len(found), made) == (0, [])
    assert await found.ask("a", "who") == "a"
    found.tell("b", "hi")
    assert (made, list(found), "a" in found, "c" in found) == (["a", "b"], ["a", "b"], True, False)


@virtual
async def test_all_messages_to_one_id_meet_in_one_actor(system):
    found, made = directory(system)
    answers = await asyncio.gather(*(found.ask("a", number) for number in range(100)))
    assert answers == list(range(1, 101))
    assert made == ["a"]


@virtual
async def test_an_actor_unused_for_a_while_is_put_away_and_comes_back_when_needed(system):
    found, made = directory(system, idle_s=10)
    await found.ask("a", "count")
    await elapse(9)
    assert "a" in found
    await elapse(12)
    assert "a" not in found
    assert await found.ask("a", "count") == 1
    assert made == ["a", "a"]


@virtual
async def test_an_actor_in_use_stays(system):
    found, made = directory(system, idle_s=10)
    for count in range(1, 20):
        assert await found.ask("a", "count") == count
        await elapse(9)
    assert made == ["a"]


@virtual
async def test_an_actor_that_may_not_be_put_away_stays_until_it_may(system):
    found, made = directory(system, idle_s=10)
    await found.ask("a", "busy")
    await elapse(100)
    assert "a" in found
    await found.ask("a", "free")
    await elapse(30)
    assert "a" not in found
    assert made == ["a"]


@virtual
async def test_an_actor_in_a_long_turn_is_not_put_away(system):
    found, made = directory(system, idle_s=10)
    working = found.ask("a", Work(100), timeout_s=200)
    await elapse(90)
    assert "a" in found
    await working
    assert made == ["a"]


@virtual
async def test_beyond_its_bound_the_longest_unused_makes_room(system):
    found, _ = directory(system, size_max=3)
    for name in "abc":
        await found.ask(name, "count")
    await found.ask("a", "count")
    await found.ask("d", "count")
    assert list(found) == ["c", "a", "d"]


@virtual
async def test_a_directory_of_busy_actors_is_full(system):
    found, _ = directory(system, size_max=2)
    await found.ask("a", "busy")
    await found.ask("b", "busy")
    with pytest.raises(DirectoryFullError, match="c was not started: all 2 actors of its directory are busy"):
        found.tell("c", "hi")
    refused = found.ask("c", "hi")
    with pytest.raises(DirectoryFullError):
        await refused
    await found.ask("a", "free")
    assert await found.ask("c", "count") == 1


@virtual
async def test_a_hundred_actors_that_stay_do_not_hide_those_that_may_go(system):
    found, _ = directory(system, size_max=101)
    for number in range(100):
        await found.ask(f"busy-{number}", "busy")
    await found.ask("idle", "count")
    with pytest.raises(DirectoryFullError):
        await found.ask("new", "count")
    assert await found.ask("new", "count") == 1
    assert "idle" not in found


@virtual
async def test_one_that_is_on_its_way_out_makes_room_for_one(system):
    found, _ = directory(system, kind=SlowToLeave, size_max=3)
    for name in "abc":
        await found.ask(name, "count")
    await found.ask("d", "count")
    assert list(found) == ["a", "b", "c", "d"]
    await elapse(2)
    assert list(found) == ["b", "c", "d"]


@virtual
async def test_a_message_that_comes_while_the_stop_hook_runs_is_handled_by_the_next_instance(system):
    found, made = directory(system, kind=SlowToLeave)
    await found.ask("a", "count")
    found.passivate("a")
    await elapse(0.5)
    assert await found.ask("a", "count") == 1
    assert made == ["a", "a"]
    assert system.dead_letters.count == 0


@virtual
async def test_a_message_that_comes_before_the_stop_hook_keeps_the_instance(system):
    found, made = directory(system, kind=SlowToLeave)
    await found.ask("a", "count")
    found.passivate("a")
    assert await found.ask("a", "count") == 2
    assert made == ["a"]


@virtual
async def test_messages_all_around_a_passivation_are_all_answered(system):
    found, _ = directory(system, kind=SlowToLeave)
    answers = []
    for step in range(40):
        if step % 4 == 0:
            found.passivate("a")
        answers.append(found.ask("a", step))
        await elapse(0.3)
    await asyncio.gather(*answers)
    assert system.dead_letters.count == 0


@virtual
async def test_an_instance_whose_answer_about_passivation_fails_stays(system, caplog):
    class Confused(Counter):
        def can_passivate(self):
            raise BoomError

    found, _ = directory(system, kind=Confused, idle_s=10)
    await found.ask("a", "count")
    await elapse(50)
    assert "a" in found
    assert "Confused (a) crashed with BoomError" in caplog.text


@virtual
async def test_thousands_of_idle_actors_are_put_away_a_few_at_a_time(system):
    found, _ = directory(system, idle_s=10)
    for number in range(1_000):
        found.cell(str(number))
    left = [1_000]
    await elapse(20)
    for _ in range(10):
        left.append(len(found))
        await asyncio.sleep(0)
    steps = [before - after for before, after in itertools.pairwise(left)]
    assert [step for step in steps if step] == [256, 256, 256, 232]


@virtual
async def test_passivate_all_puts_away_whoever_is_idle(system):
    found, _ = directory(system)
    await found.ask("a", "busy")
    await found.ask("b", "count")
    assert found.passivate_all() == 1
    assert list(found) == ["a"]


@virtual
async def test_stop_all_ends_everybody_in_bounded_time_those_started_meanwhile_included(system):
    found, _ = directory(system, kind=SlowToLeave)
    found.tell("busy", Work(100))
    await found.ask("a", "count")
    stopping = asyncio.ensure_future(found.stop_all(timeout_s=5))
    await elapse(2)
    found.tell("late", "hi")
    await stopping
    assert len(found) == 0
    assert system.loop.time() == 6
    assert system.stats().actors == 0


@virtual
async def test_a_ref_outlives_passivation(system):
    found, made = directory(system)
    ref = found.ref("a")
    assert await ref.ask("count", block=False) == 1
    found.passivate("a")
    assert "a" not in found
    assert ref.is_alive()
    ref.tell("count")
    assert await ref.ask("count", block=False) == 2
    assert made == ["a", "a"]


@virtual
async def test_refs_of_one_id_are_equal(system):
    found, _ = directory(system)
    other, _ = directory(system)
    assert found.ref("a") == found.ref("a")
    assert hash(found.ref("a")) == hash(found.ref("a"))
    assert found.ref("a") != found.ref("b")
    assert found.ref("a") != other.ref("a")
    assert str(found.ref("a")) == found.ref("a").actor_urn == "a"


@virtual
async def test_stopping_a_ref_puts_the_actor_away_after_its_mail(system):
    found, made = directory(system)
    ref = found.ref("a")
    ref.tell("count")
    assert await ref.stop(block=False) is True
    assert "a" not in found
    assert await ref.ask("count", block=False) == 1
    assert made == ["a", "a"]


@virtual
async def test_a_failing_constructor_is_the_answer_to_an_ask(system):
    class Broken(Counter):
        def __init__(self, name, made):
            super().__init__(name, made)
            raise BoomError

    found, _ = directory(system, kind=Broken)
    refused = found.ask("a", "hi")
    with pytest.raises(BoomError):
        await refused
    with pytest.raises(BoomError):
        found.tell("a", "hi")
    assert (len(found), system.stats().actors) == (0, 0)


@virtual
async def test_mail_to_a_supervised_actor_that_cannot_be_made_waits_for_the_verdict(system):
    class SecondTime(Counter):
        def __init__(self, name, made):
            super().__init__(name, made)
            if len(made) == 1:
                raise BoomError

    boss = system.spawn(lambda: Boss([]), name="boss")
    found, _ = directory(system, kind=SecondTime, supervisor=boss)
    waiting = found.ask("a", "count")
    await settle()
    (crash,) = boss.cell.instance.seen
    system.restart(crash.ref)
    assert await waiting == 1


@virtual
async def test_an_actor_that_ended_is_made_anew(system):
    found, made = directory(system)
    await found.ask("a", "count")
    crashing = found.ask("a", Crash(BoomError()))
    behind = found.ask("a", "count")
    await asyncio.gather(crashing, return_exceptions=True)
    with pytest.raises(ActorDeadError):
        await behind
    assert await found.ask("a", "count") == 1
    assert made == ["a", "a"]


@virtual
async def test_refs_of_everybody_in_memory_can_be_listed(system):
    found, _ = directory(system)
    for name in "abc":
        found.cell(name)
    assert [ref.actor_urn for ref in found.refs()] == ["a", "b", "c"]


@threaded
async def test_a_ref_works_from_other_threads(system):
    found, made = directory(system)
    ref = found.ref("a")

    def work():
        ref.tell("count")
        return ref.ask("count"), ref.ask("who", block=False).get(), ref.actor_class.__name__, ref.stop()

    assert await in_threads(work) == [(2, "a", "Counter", True)]
    assert made == ["a"]


@threaded
async def test_a_storm_of_threads_on_one_id_meets_in_one_actor(system):
    found, made = directory(system, capacity=10_000)
    ref = found.ref("a")
    answers = await in_threads(*[lambda: [ref.ask("count") for _ in range(100)]] * 8)
    assert sorted(number for each in answers for number in each) == list(range(1, 801))
    assert made == ["a"]


@threaded
async def test_what_goes_wrong_after_a_threads_tell_is_a_dead_letter(system):
    found, _ = directory(system, size_max=1)
    await found.ask("a", "busy")
    await in_threads(lambda: found.ref("b").tell("lost"))
    await settle()
    assert [(each.target, each.reason) for each in system.dead_letters.latest()] == [
        ("b", "not started: DirectoryFullError")
    ]


@threaded
async def test_what_goes_wrong_after_a_threads_ask_is_its_answer(system):
    found, _ = directory(system, size_max=1)
    await found.ask("a", "busy")
    with pytest.raises(DirectoryFullError):
        await in_threads(lambda: found.ref("b").ask("lost"))


@threaded
async def test_a_thread_in_a_hurry_is_refused_by_id_as_well(system):
    found, _ = directory(system, capacity=10)
    ref = found.ref("a")

    def hurry():
        for _ in range(10):
            ref.tell("count")
        with pytest.raises(MailboxFullError, match="a has 10 messages waiting"):
            ref.tell("count")
        refused = ref.ask("count", block=False)
        return "sent", refused

    sent, refused = in_thread(hurry)
    assert sent == "sent"
    with pytest.raises(MailboxFullError):
        await refused
    assert await found.ask("a", "count") == 11
