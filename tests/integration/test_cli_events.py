"""`aegispay events`: to read, to pipe, to follow beside a running engine."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess

import jsonschema
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from typer.testing import CliRunner

from aegispay import AegisPay, Card, Customer, SimulatedGateway
from aegispay.cli.app import app
from aegispay.domain.event_type import EventType
from aegispay.outbox.envelope import public_event
from aegispay.outbox.schemas import event_schema
from aegispay.storage.sqlite import SqliteStore
from tests.integration.command import TIMEOUT_S, aegispay, start
from tests.integration.engine.rig import order

WHO = Customer(id="cust-1", email="someone@example.com", name="Someone Private", phone="+14155550100")


async def pay(path, *keys, **more):
    async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
        for key in keys:
            await aegis.pay(**order(key, **more))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "payments.db"
    asyncio.run(pay(path, "good-1", "good-2", customer=WHO, metadata={"note": "confidential"}))
    asyncio.run(pay(path, "bad", token="tok_declined", merchant="shop.eu"))
    return path


def events(database, *arguments, columns="80"):
    done = CliRunner().invoke(app, ["events", "--database", str(database), *arguments], env={"COLUMNS": columns})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def lines(done):
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def stored(database):
    async def read():
        store = SqliteStore(database, read_only=True)
        await store.open()
        try:
            return await store.read_all()
        finally:
            await store.close()

    return asyncio.run(read())


def test_text_says_when_which_payment_and_what_in_80_columns(database):
    done = events(database)
    shown = done.stdout.splitlines()
    assert (done.exit_code, done.stderr) == (0, "")
    assert max(map(len, shown)) <= 80
    assert re.fullmatch(r"\d{4}-\d\d-\d\d UTC", shown[0])
    heads = [line for line in shown[1:] if re.match(r" *\d+  \d\d:\d\d:\d\d\.\d\d\d  pay_\w{26}  [a-z_]+$", line)]
    assert [line.split()[-1] for line in heads] == [
        each.event.type.removeprefix("payment.") for each in stored(database)
    ]
    assert [int(line.split()[0]) for line in heads] == list(range(1, len(heads) + 1))
    assert "          100.00 USD captured by alpha, attempt 1" in shown
    assert sum(line.endswith(" UTC") for line in shown) <= 2


def test_json_is_the_published_event_with_its_payment_and_nothing_personal(database):
    done = events(database, "--format", "json")
    found = lines(done)
    for line, kept in zip(found, stored(database), strict=True):
        assert {**line, "payment": None} == {**public_event(kept), "payment": None}
        jsonschema.validate(line, event_schema(EventType(line["type"])))
    assert found[0]["payment"]["customer_id"] == "cust-1"
    assert found[-1]["payment"] | {"id": 0, "version": 0, "idempotency_key": 0} == {
        "id": 0, "version": 0, "merchant": "shop.eu", "idempotency_key": 0, "state": "failure", "in_doubt": False,
        "amount_minor": 10_000, "currency": "USD", "authorized_minor": 0, "captured_minor": 0, "refunded_minor": 0,
        "charged_back_minor": 0, "gateway": "alpha", "customer_id": None,
    }  # fmt: skip
    assert [word for word in ("someone@", "Private", "4155550100", "confidential", "tok_") if word in done.stdout] == []


def test_cloudevents_are_read_by_the_reference_package(database):
    found = events(database, "--format", "cloudevents").stdout.splitlines()
    read = [JSONFormat().read(CloudEvent, line) for line in found]
    assert [each.get_id() for each in read] == [each.event_id for each in stored(database)]
    assert {each.get_source() for each in read} == {"/aegispay/merchants/default", "/aegispay/merchants/shop.eu"}
    assert len({(each.get_source(), each.get_id()) for each in read}) == len(read)


@pytest.mark.parametrize(
    ("arguments", "types"),
    [
        (("--type", "payment.succeeded"), {"payment.succeeded"}),
        (("--type", "payment.*ed", "--type", "payment.processing", "--merchant", "shop.eu"),
         {"payment.initiated", "payment.authenticated", "payment.processing", "payment.attempt_failed",
          "payment.failed"}),
        (("--merchant", "nobody"), set()),
        (("--type", "payment.refund_*"), set()),
    ],
)  # fmt: skip
def test_events_can_be_filtered(database, arguments, types):
    assert {line["type"] for line in lines(events(database, "--format", "json", *arguments))} == types


def test_one_payment_can_be_chosen(database):
    payment_id = stored(database)[-1].payment_id
    found = lines(events(database, "--format", "json", "--payment", payment_id))
    assert [line["sequence"] for line in found] == list(range(1, len(found) + 1))
    assert {line["payment_id"] for line in found} == {payment_id}


def test_it_goes_on_where_it_said_that_it_ended(database):
    after, found = "0", []
    for _ in range(3):
        done = events(database, "--format", "json", "--limit", "4", "--after", after)
        found += lines(done)
        after = re.fullmatch(r"to go on: --after (\d+)\n", done.stderr).group(1)
    found += lines(events(database, "--format", "json", "--after", after))
    assert [line["id"] for line in found] == [each.event_id for each in stored(database)]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--type", "payment.suceeded"), 2, "did you mean payment.succeeded?"),
        (("--type", ""), 2, "no event type has this name"),
        (("--after", "1000"), 2, "--after 1000 is ahead of the log, which ends at position"),
        (("--payment", "pay_nobody"), 2, "there is no payment pay_nobody"),
        (("--format", "xml"), 2, "xml"),
        (("--limit", "0"), 2, "--limit"),
        (("--interval-s", "0"), 2, "--interval-s"),
        (("--after", "-1"), 2, "--after"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_words(database, arguments, code, said):
    done = events(database, *arguments)
    assert done.exit_code == code
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    done = events(tmp_path / "none.db")
    assert done.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_the_real_command_reads_beside_a_running_engine_and_ends_quietly_when_its_reader_goes(tmp_path):
    path = tmp_path / "payments.db"

    async def main():
        async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
            await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(300)))
            return await asyncio.to_thread(aegispay, tmp_path, "events", "--format", "json")

    done = asyncio.run(main())
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1_200
    with start(tmp_path, "events", "--format", "json", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(TIMEOUT_S) == 0


def test_following_shows_every_event_of_a_running_engine_until_ctrl_c(tmp_path):
    path = tmp_path / "payments.db"
    asyncio.run(pay(path, "before"))
    arguments = ("events", "--follow", "--interval-s", "0.05", "--format", "json", "--after", "1")
    with start(tmp_path, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        seen = [json.loads(process.stdout.readline()) for _ in range(3)]

        async def main():
            async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
                for number in range(20):
                    payment = await aegis.pay(
                        idempotency_key=f"order-{number}", amount="1.00", currency="USD",
                        payment_method=Card(token="tok_visa"),
                    )  # fmt: skip
                    seen.extend([json.loads(await asyncio.to_thread(process.stdout.readline)) for _ in range(4)])
                    assert seen[-1]["payment"]["state"] == payment.state

        asyncio.run(main())
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=TIMEOUT_S)
    assert (rest, process.returncode) == (b"", 130)
    assert said.decode() == f"to go on: --after {seen[-1]['position']}\n"
    assert [line["id"] for line in seen] == [each.event_id for each in stored(path)[1:]]


def test_following_begins_at_the_end_unless_told_otherwise(tmp_path):
    path = tmp_path / "payments.db"
    asyncio.run(pay(path, "before"))
    with start(
        tmp_path, "events", "-f", "--interval-s", "0.05", "--limit", "4", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:

        async def main():
            async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
                for number in range(10_000):
                    await aegis.pay(**order(f"after-{number}"))
                    if process.poll() is not None:
                        return

        asyncio.run(main())
        shown, said = process.communicate(timeout=TIMEOUT_S)
    positions = [int(line.split()[0]) for line in shown.decode().splitlines() if "  pay_" in line]
    assert len(positions) == 4
    assert positions[0] > 4
    assert (said.decode(), process.returncode) == (f"to go on: --after {positions[-1]}\n", 0)
