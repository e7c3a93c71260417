"""Two lanes, of which the user's is bounded: nothing blocks, and nothing grows without limit."""

import threading

import pytest

from aegispay.actors import MailboxFullError
from tests.unit.actors.rig import Recorder, Say, Urgent, Work, elapse, in_thread, settle, threaded, virtual


@virtual
async def test_messages_are_handled_in_the_order_they_were_sent(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    for text in "abcdefghijklmnopqrstuvwxyz":
        ref.tell(Say(text))
    await settle()
    assert "".join(diary) == "abcdefghijklmnopqrstuvwxyz"


@virtual
async def test_control_messages_pass_ahead_of_user_mail_and_keep_their_own_order(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    for message in (Say("1"), Say("2"), Urgent("A"), Say("3"), Urgent("B")):
        ref.tell(message)
    await settle()
    assert diary == ["A", "B", "1", "2", "3"]


@virtual
async def test_a_full_lane_refuses_a_tell_at_once_and_keeps_it_as_a_dead_letter(system):
    ref = system.spawn(Recorder, name="a", capacity=2)
    ref.tell(Say("1"))
    ref.tell(Say("2"))
    with pytest.raises(MailboxFullError, match=r"^Say was not accepted: Recorder \(a\) has 2 messages waiting$"):
        ref.tell(Say("secret"))
    (letter,) = system.dead_letters.latest()
    assert (letter.message_type, letter.target, letter.reason) == ("Say", "Recorder (a)", "mailbox full")


@virtual
async def test_a_full_lane_refuses_an_ask_through_its_future(system):
    ref = system.spawn(Recorder, name="a", capacity=1)
    ref.tell(Say("1"))
    refused = ref.ask(Say("2"), block=False)
    with pytest.raises(MailboxFullError):
        await refused


@virtual
async def test_control_messages_are_never_refused(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a", capacity=1)
    ref.tell(Say("1"))
    for number in range(100):
        ref.tell(Urgent(str(number)))
    await settle()
    assert diary == [*map(str, range(100)), "1"]


@virtual
async def test_there_is_room_again_once_a_message_was_taken_out(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a", capacity=1)
    ref.tell(Work(1))
    await settle()
    ref.tell(Say("waits"))
    with pytest.raises(MailboxFullError):
        ref.tell(Say("too many"))
    await elapse(1)
    await settle()
    ref.tell(Say("later"))
    await settle()
    assert diary == ["worked", "waits", "later"]


@virtual
async def test_a_stop_is_accepted_by_a_full_mailbox(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a", capacity=1)
    ref.tell(Say("1"))
    assert await ref.stop(block=False) is True
    assert diary == ["1", "stopped"]


@threaded
async def test_the_bound_holds_for_threads_while_the_loop_is_busy(system):
    """Messages on their way to the loop count: a thread in a hurry cannot fill the memory."""
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a", capacity=10)
    refused = []

    def hurry():
        for number in range(50):
            try:
                ref.tell(Say(str(number)))
            except MailboxFullError:
                refused.append(number)

    in_thread(hurry)  # the loop stands still meanwhile
    await settle()
    assert diary == list(map(str, range(10)))
    assert refused == list(range(10, 50))
    assert system.dead_letters.count == 40


@threaded
async def test_the_bound_is_free_again_after_threads_have_used_it(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a", capacity=10)
    for _ in range(5):
        in_thread(lambda: [ref.tell(Say("x")) for _ in range(10)])
        await settle()
    assert len(diary) == 50
    assert ref.actor_inbox.inbound == 0


@threaded
async def test_dead_letters_of_many_threads_are_all_counted(system):
    ref = system.spawn(Recorder, name="a", capacity=1)
    ref.tell(Say("fills it"))

    def fail():
        for _ in range(500):
            with pytest.raises(MailboxFullError):
                ref.tell(Say("x"))

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert system.dead_letters.count == 2_000


@virtual
async def test_pykkas_inbox_methods_do_what_they_say(system):
    diary = []
    ref = system.spawn(lambda: Recorder(diary), name="a")
    inbox = ref.actor_inbox
    assert inbox.empty()
    ref.tell(Say("1"))
    assert not inbox.empty()
    with pytest.raises(NotImplementedError):
        inbox.get()
