"""The tree as a picture: what a person sees of supervisors, children, their mail and their restarts."""

from __future__ import annotations

from textwrap import dedent

from aegispay.supervision import ChildSpec, Node, RestartIntensity, Strategy
from tests.unit.supervision.crowd import Crowd
from tests.unit.supervision.rig import STEADY, Family, Work, elapse, settle, virtual


def picture(text):
    return dedent(text).strip("\n")


def branch(family, name, names, **options):
    specs = family.specs(names)
    return ChildSpec(id=name, start=lambda: family.supervisor(name, specs, **options), backoff=STEADY, shutdown_s=60)


@virtual
async def test_a_supervisor_and_its_children():
    async with Family() as family:
        await family.start(family.specs("ab"))
        assert str(await family.tree()) == picture("""
            root (one_for_one) ready [0 of 3 restarts in 5 s]
            ├─ a (Child) ready
            └─ b (Child) ready
        """)


@virtual
async def test_a_supervisor_without_children():
    async with Family() as family:
        await family.start([], strategy=Strategy.REST_FOR_ONE, intensity=RestartIntensity(restarts=1, period_s=0.5))
        assert (await family.tree()).render() == "root (rest_for_one) ready [0 of 1 restarts in 0.5 s]"


@virtual
async def test_supervisors_under_supervisors():
    async with Family() as family:
        first = branch(family, "first", "ab", strategy=Strategy.ONE_FOR_ALL)
        second = branch(family, "second", "c", strategy=Strategy.REST_FOR_ONE)
        await family.start([first, family.spec("x"), second])
        assert str(await family.tree()) == picture("""
            root (one_for_one) ready [0 of 3 restarts in 5 s]
            ├─ first (one_for_all) ready [0 of 3 restarts in 5 s]
            │  ├─ a (Child) ready
            │  └─ b (Child) ready
            ├─ x (Child) ready
            └─ second (rest_for_one) ready [0 of 3 restarts in 5 s]
               └─ c (Child) ready
        """)


@virtual
async def test_restarts_are_shown_where_they_happened():
    async with Family() as family:
        await family.start([branch(family, "branch", "ab", intensity=RestartIntensity(restarts=1, period_s=10))])
        family.crash("b")
        await elapse(2)
        assert str(await family.tree()) == picture("""
            root (one_for_one) ready [0 of 3 restarts in 5 s]
            └─ branch (one_for_one) ready [1 of 1 restarts in 10 s]
               ├─ a (Child) ready
               └─ b (Child) ready restarts=1
        """)
        family.crash("b")
        await elapse(2)
        assert str(await family.tree()) == picture("""
            root (one_for_one) ready [1 of 3 restarts in 5 s]
            └─ branch (one_for_one) ready restarts=1 [0 of 1 restarts in 10 s]
               ├─ a (Child) ready
               └─ b (Child) ready
        """)


@virtual
async def test_restarts_that_left_the_window_are_not_shown_as_recent():
    async with Family() as family:
        await family.start(family.specs("a"))
        family.crash("a")
        await elapse(100)
        assert str(await family.tree()) == picture("""
            root (one_for_one) ready [0 of 3 restarts in 5 s]
            └─ a (Child) ready restarts=1
        """)
        assert "restarts=0/3 in 5 s" in repr(family.root.cell.instance)


@virtual
async def test_a_child_that_waits_for_its_restart_and_its_mail_are_shown():
    async with Family() as family:
        await family.start(family.specs("ab"))
        family.crash("a")
        family.tell("a", "one")
        family.tell("a", "two")
        family.tell("b", Work(3))
        family.tell("b", "three")
        await settle()
        assert str(await family.tree()) == picture("""
            root (one_for_one) ready [1 of 3 restarts in 5 s]
            ├─ a (Child) suspended mail=2
            └─ b (Child) ready mail=1
        """)


@virtual
async def test_a_supervisor_that_waits_for_its_own_restart_is_shown_at_once():
    async with Family() as family:
        await family.start([branch(family, "branch", "a", intensity=RestartIntensity(restarts=0)), family.spec("x")])
        family.crash("a")
        await settle()
        tree = await family.tree()
        assert family.system.loop.time() == 0
        assert [(node.name, node.state, node.children) for node in tree.children] == [
            ("branch", "suspended", ()),
            ("x", "ready", ()),
        ]
        assert family.root.cell.incarnation == 0


@virtual
async def test_a_branch_that_is_busy_is_shown_at_once():
    async with Family() as family:
        await family.start([branch(family, "branch", "a")])
        family.start_s["a"] = 1_000
        family.crash("a")
        await elapse(2)
        tree = await family.tree()
        assert family.system.loop.time() == 2
        assert [(node.name, node.state) for node in tree.children[0].children] == [("a", "ready")]
        assert family.root.is_alive()


@virtual
async def test_a_supervisor_of_many_shows_how_many_and_who_crashed_lately():
    async with Crowd() as crowd:
        await crowd.open()
        for name in "abc":
            crowd.tell(name, "hello")
        await crowd.crash_now("b")
        assert str(await crowd.tree()) == picture("""
            root (one_for_one) ready [0 of 3 restarts in 5 s]
            └─ many (dynamic) ready [3 alive, 1 crashed lately]
               └─ b (crashed lately) ready restarts=1
        """)
        assert repr(crowd.many.cell.instance) == "<DynamicSupervisor many children=3 crashed=1>"


@virtual
async def test_who_was_quiet_for_long_did_not_crash_lately():
    async with Crowd() as crowd:
        await crowd.open()
        await crowd.crash_now("b")
        await elapse(61)
        assert "[1 alive, 0 crashed lately]" in str(await crowd.tree())


@virtual
async def test_of_many_crashed_children_the_last_ten_are_shown():
    async with Crowd() as crowd:
        await crowd.open(common_cause=RestartIntensity(restarts=100))
        await crowd.crash_now(*(f"n{number:02}" for number in range(25)))
        (many,) = (await crowd.tree()).children
        assert many.note == "[25 alive, 25 crashed lately]"
        assert [node.name for node in many.children] == [f"n{number:02}" for number in range(15, 25)]


def test_a_line_says_everything_in_one_order():
    node = Node(name="a", kind="Child", state="suspended", mail=3, restarts=2, note="[note]")
    assert node.line() == "a (Child) suspended mail=3 restarts=2 [note]"
