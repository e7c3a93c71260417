"""`aegispay deadletters` and `aegispay subscriptions`: the real command on the database of an engine."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from aegispay import AegisPay, SimulatedGateway
from aegispay.domain.deliveries.schedule import RetrySchedule
from tests.integration.command import aegispay
from tests.integration.engine.rig import order

ONCE = RetrySchedule(delays_s=())


class Mailer:
    """Refuses one version of each payment until told otherwise."""

    def __init__(self, refused: int | None, enough: int) -> None:
        self.refused = refused
        self.enough = enough
        self.got: list[int] = []
        self.is_enough = threading.Event()

    def __call__(self, event) -> None:
        if event.version == self.refused:
            self.enough -= 1
            self._look()
            raise ConnectionError("no such\nmailbox: 4111111111111111")
        self.got.append(event.version)
        self._look()

    def _look(self) -> None:
        if len(self.got) >= self.enough:
            self.is_enough.set()


def life(where, mailer: Mailer, *, key: str | None = "order-1") -> str:
    """Run an engine until the mailer has enough; return the payment's id."""

    async def main() -> str:
        payment_id = ""
        async with AegisPay(where / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.subscribe("*", mailer, name="mailer", retry=ONCE)
            if key is not None:
                payment_id = (await aegis.pay(**order(key))).id
            await asyncio.to_thread(mailer.is_enough.wait, 60)
            while any(each.lag_events for each in await aegis.subscriptions()):
                await aegis.health()
            await aegis.unsubscribe("mailer")
        return payment_id

    return asyncio.run(main())


@pytest.fixture
def dead(tmp_path):
    """A database with a dead letter: event 2 of a payment, and two events held behind it."""
    return life(tmp_path, Mailer(2, 2))


def test_dead_letters_are_listed_with_why(tmp_path, dead):
    listed = aegispay(tmp_path, "deadletters", "list")
    assert listed.returncode == 0
    assert f"{dead}-2" in listed.stdout
    assert "payment.authenticated" in listed.stdout
    assert "411111" not in listed.stdout
    (line,) = aegispay(tmp_path, "deadletters", "list", "--json", "--subscriber", "mailer").stdout.splitlines()
    assert json.loads(line) | {"failed_at": "", "position": 0} == {
        "subscriber": "mailer",
        "event_id": f"{dead}-2",
        "type": "payment.authenticated",
        "payment_id": dead,
        "position": 0,
        "tries": 1,
        "error": "ConnectionError: no such\nmailbox: [removed]",
        "failed_at": "",
    }
    assert aegispay(tmp_path, "deadletters", "list", "--json", "--subscriber", "other").stdout == ""
    assert aegispay(tmp_path, "deadletters", "list", "--json", "--after", "mailer:99").stdout == ""


def test_a_full_page_says_how_to_see_more(tmp_path, dead):
    listed = aegispay(tmp_path, "deadletters", "list", "--limit", "1")
    assert listed.stdout.splitlines()[-1].startswith("more: --after mailer:")


def test_a_dead_letter_is_shown_with_its_event(tmp_path, dead):
    shown = aegispay(tmp_path, "deadletters", "show", "mailer", f"{dead}-2")
    assert shown.returncode == 0
    head, error, body = shown.stdout.split("\n", 2)
    assert head.startswith(f"{dead}-2 to mailer, tries: 1, last at 20")
    assert error == r"error: ConnectionError: no such\nmailbox: [removed]"
    assert json.loads(body)["type"] == "payment.authenticated"


def test_a_replayed_dead_letter_and_what_it_held_back_come_in_the_next_engine(tmp_path, dead):
    replayed = aegispay(tmp_path, "deadletters", "replay", "mailer", f"{dead}-2", "--operator", "kim")
    assert (replayed.returncode, replayed.stderr) == (0, "")
    mailer = Mailer(None, 3)
    life(tmp_path, mailer, key=None)
    assert mailer.got == [2, 3, 4]
    assert aegispay(tmp_path, "deadletters", "list", "--json").stdout == ""


def test_a_dropped_dead_letter_never_comes_and_what_it_held_back_does(tmp_path, dead):
    dropped = aegispay(
        tmp_path, "deadletters", "drop", "mailer", f"{dead}-2", "--operator", "kim", "--reason", "told by phone"
    )
    assert dropped.returncode == 0
    mailer = Mailer(None, 2)
    life(tmp_path, mailer, key=None)
    assert mailer.got == [3, 4]


def test_subscriptions_show_lag_and_what_is_owed(tmp_path, dead):
    (line,) = aegispay(tmp_path, "subscriptions", "--json").stdout.splitlines()
    found = json.loads(line)
    assert (found["name"], found["kind"], found["lag_events"]) == ("mailer", "handler", 0)
    assert (found["waiting"], found["dead"], found["end"]) == (2, 1, 4)
    table = aegispay(tmp_path, "subscriptions")
    assert table.returncode == 0
    assert "mailer" in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", ["show", "replay", "drop"])
def test_a_dead_letter_that_is_not_there_is_named(tmp_path, dead, command):
    more = {"show": (), "replay": ("--operator", "kim"), "drop": ("--operator", "kim", "--reason", "x")}[command]
    for name, event in (("mailer", f"{dead}-3"), ("mailer", "nonsense"), ("other", f"{dead}-2")):
        done = aegispay(tmp_path, "deadletters", command, name, event, *more)
        assert done.returncode == 2
        assert f"'{name}' has no dead letter" in done.stderr


def test_nothing_is_changed_while_an_engine_has_the_database_open(tmp_path, dead):
    async def main() -> tuple[int, str]:
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]):
            given = ("deadletters", "replay", "mailer", f"{dead}-2", "--operator", "kim")
            done = await asyncio.to_thread(aegispay, tmp_path, *given)
            listed = await asyncio.to_thread(aegispay, tmp_path, "deadletters", "list", "--json")
            assert f"{dead}-2" in listed.stdout
            return done.returncode, done.stderr

    code, said = asyncio.run(main())
    assert code == 3
    assert "Call replay_dead_letter on the engine that has it open." in said


def test_no_database_is_made(tmp_path):
    for given in (
        ("deadletters", "list"),
        ("deadletters", "replay", "mailer", "pay_x-1", "--operator", "kim"),
        ("subscriptions",),
    ):
        done = aegispay(tmp_path, *given)
        assert done.returncode in {2, 3}
        assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_none_is_refused(tmp_path, dead):
    done = aegispay(tmp_path, "deadletters", "list", "--after", "mailer")
    assert done.returncode == 2
    assert "subscriber:position" in done.stderr
