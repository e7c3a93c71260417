"""`aegispay webhooks`: the real command, on the database of an engine that has ended."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from aegispay.cli.app import app
from aegispay.storage.sqlite import SqliteStore
from tests.integration.command import aegispay
from tests.integration.webhooks_out.receiver import answers, receiving
from tests.integration.webhooks_out.rig import endpoint, engine, is_settled, pay, run, status, until


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """Return where an engine has left an endpoint that got two payments and then answered 410 to the third."""
    where = tmp_path_factory.mktemp("webhooks")

    async def scenario():
        async with receiving(answers(200)) as receiver, engine(where / "payments.db") as aegis:
            await aegis.add_webhook_endpoint(endpoint(receiver))
            first, _ = await pay(aegis, "a", "b")
            await until(aegis, is_settled)
            receiver.conduct = answers(410)
            await pay(aegis, "c")
            await until(aegis, lambda found: found.subscription.disabled)
            return first

    return where, run(scenario)


def reopened(where):
    """Open an engine with the endpoint until it has got everything; return what it got."""

    async def scenario():
        async with (
            receiving(answers(200)) as receiver,
            engine(where / "payments.db", webhooks=[endpoint(receiver)]) as aegis,
        ):
            await until(aegis, lambda found: is_settled(found) or found.subscription.disabled)
            return receiver.ids, await status(aegis)

    return run(scenario)


def test_the_commands_show_what_was_sent_and_send_it_again(left):
    where, first = left
    (listed,) = [json.loads(line) for line in aegispay(where, "webhooks", "list", "--json").stdout.splitlines()]
    assert (listed["name"], listed["dead"], "410" in listed["disabled"]) == ("shop", 0, True)
    logged = [json.loads(line) for line in aegispay(where, "webhooks", "log", "shop", "--json").stdout.splitlines()]
    assert {line["status"] for line in logged} == {200, 410}
    assert len({line["event_id"] for line in logged if line["status"] == 200}) == 8
    assert reopened(where)[0] == []

    enabled = aegispay(where, "webhooks", "enable", "shop", "--operator", "mira")
    assert (enabled.returncode, enabled.stdout) == (0, "shop will be posted to again\n")
    ids = [f"{first.id}-1", f"{first.id}-4"]
    events = [part for event_id in ids for part in ("--event", event_id)]
    replayed = aegispay(where, "webhooks", "replay", "shop", "--operator", "mira", *events)
    assert (replayed.returncode, replayed.stdout) == (0, "2 events will be posted to shop once more\n")
    got, _ = reopened(where)
    assert len(got) == 6
    assert set(ids) <= set(got)


def within(where, *given):
    """Run the command within this process."""
    return CliRunner().invoke(app, ["webhooks", *given, "--database", str(where / "payments.db")])


def test_the_log_is_readable_at_80_columns(left):
    where, _ = left
    shown = within(where, "log", "shop", "--limit", "3").stdout.splitlines()
    assert max(map(len, shown)) <= 80
    assert shown[-1].startswith("more: --before ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("enable", "shpo", "--operator", "mira"), "there are shop"),
        (("replay", "shop", "--operator", "mira"), "name events by their ids"),
        (("log", "shop", "--before", "9" * 23), "use the next_cursor of the page before"),
        (("replay", "shop", "--operator", "mira", "--since", "noon"), "2026-03-01T12:00:00Z"),
    ],
)
def test_a_wrong_command_ends_with_2_and_says_what_is_wrong(left, given, said):
    done = within(left[0], *given)
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")


def test_while_an_engine_is_open_it_has_to_be_asked_instead(left):
    where, _ = left

    async def scenario():
        store = SqliteStore(where / "payments.db")
        await store.open()
        try:
            return await asyncio.to_thread(within, where, "enable", "shop", "--operator", "mira")
        finally:
            await store.close()

    done = run(scenario)
    assert done.exit_code == 3
    assert "enable_webhook_endpoint" in done.stderr
