"""Erasing on disk: in no byte of any file, at any crash, and clean for the auditor."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from aegispay import SqliteStore
from aegispay.delivery_errors import CustomerBusyError
from aegispay.domain.notification import Notification, NotificationKind
from aegispay.domain.outcome import Declined, DeclineKind, Reason
from aegispay.errors import CommitUnknownError, CorruptStoreError, StoreUnavailableError
from aegispay.ports import Delivery, DeliveryState, InboxEntry, Parking, Progress, Subscriber, SubscriberKind
from aegispay.storage.sealing import repeatable_entropy
from aegispay.storage.verify import verify
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, StillClock, Stream, write
from tests.unit.storage.disk import Faults, on_disk
from tests.unit.storage.test_migrations import version_1

WHO = {"id": "cust-1", "name": "Ada Lovelace", "email": "ada@example.com"}
PERSONAL = (b"Lovelace", b"ada@example", b"analytical")


def ada(number=1, **changes):
    return Stream(number, **({"customer": WHO, "metadata": {"note": "analytical"}} | changes))


async def erase(store, customer_id="cust-1"):
    return await store.erase_customer(customer_id, merchant="default", operator="olga", reason="asked")


async def name_of(store, stream):
    return (await store.load(stream.id))[0].event.request.customer.name


def everything(path):
    """Return all bytes of the database and of the files beside it."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


def secrets(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT customer_id, secret FROM customer_keys WHERE is_erased = 0").fetchall())


def test_neither_the_data_nor_its_key_is_in_any_byte_of_any_file(tmp_path):
    path = tmp_path / "payments.db"

    async def scenario(store):
        await write(store, ada(), steps=(CHARGE, APPROVE))
        secret = secrets(path)["cust-1"]
        found = everything(path)
        assert secret in found, "otherwise this test sees nothing"
        assert not any(word in found for word in PERSONAL)
        await erase(store)
        found = everything(path)
        assert secret not in found
        assert not any(word in found for word in PERSONAL)

    on_disk(path, scenario)
    assert verify(path).problems == ()


def test_what_was_said_about_the_customer_in_other_tables_is_in_no_byte_either(tmp_path):
    path = tmp_path / "payments.db"

    async def scenario(store):
        stream = ada()
        await write(store, stream, steps=(CHARGE, APPROVE))
        await store.park(Parking(payment_id=stream.id, cause="hook list: Lovelace", parked_at=b.NOW))
        await store.add_subscriber(Subscriber(name="mailer", kind=SubscriberKind.HANDLER, position=0, since=b.NOW))
        dead = Delivery(
            subscriber="mailer",
            position=1,
            payment_id=stream.id,
            state=DeliveryState.DEAD,
            error="KeyError: ada@example",
        )
        await store.advance(Progress(subscriber="mailer", expected_position=0, position=1, put=(dead,)))
        found = everything(path)
        assert b"Lovelace" in found
        assert b"ada@example" in found
        await store.unpark(stream.id)
        await erase(store)
        assert not any(word in everything(path) for word in PERSONAL)

    on_disk(path, scenario)


def test_one_of_many_customers_leaves_no_copy_behind_and_takes_nobody_along(tmp_path):
    path = tmp_path / "payments.db"
    streams = [ada(number, customer=WHO | {"id": f"cust-{number}"}) for number in range(1, 601)]
    erased = (1, 77, 300, 301, 599, 600)

    async def scenario(store):
        await asyncio.gather(*(store.append(stream.create()) for stream in streams))
        await asyncio.gather(*(store.append(stream.then(*CHARGE, *APPROVE)) for stream in streams))
        before = secrets(path)
        for number in erased:
            await erase(store, f"cust-{number}")
        found = everything(path)
        gone = {customer for customer, secret in before.items() if secret not in found}
        assert gone == {f"cust-{number}" for number in erased}
        for number, stream in enumerate(streams, start=1):
            assert await name_of(store, stream) == (None if number in erased else "Ada Lovelace")

    on_disk(path, scenario)
    assert verify(path).problems == ()


def test_a_program_that_reads_keeps_traces_until_it_is_erased_again(tmp_path):
    path = tmp_path / "payments.db"

    async def scenario(store):
        await write(store, ada(), steps=(CHARGE, APPROVE))
        secret = secrets(path)["cust-1"]
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM events").fetchone()
            erasure = await erase(store)
            assert (erasure.is_swept, erasure.events) == (False, 1)
            assert await name_of(store, ada()) is None
            assert secret in everything(path)
        assert (await erase(store)).is_swept
        assert secret not in everything(path)

    on_disk(path, scenario)


def test_opening_sweeps_what_was_left(tmp_path):
    path = tmp_path / "payments.db"
    secret = b""

    async def left(store):
        nonlocal secret
        await write(store, ada(), steps=(CHARGE, APPROVE))
        secret = secrets(path)["cust-1"]
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM events").fetchone()
            await erase(store)
        # As a crash leaves it: what closing would do, is not done.
        copy = tmp_path / "crashed"
        copy.mkdir()
        for file in tmp_path.glob("payments.db*"):
            (copy / file.name).write_bytes(file.read_bytes())

    async def swept(store):
        assert secret not in everything(tmp_path / "crashed" / "payments.db")
        assert await name_of(store, ada()) is None

    on_disk(path, left)
    assert secret in everything(tmp_path / "crashed" / "payments.db")
    (tmp_path / "crashed" / "payments.db.lock").unlink(missing_ok=True)
    on_disk(tmp_path / "crashed" / "payments.db", swept)


@pytest.mark.parametrize(
    ("point", "error", "name"),
    [("before_commit", StoreUnavailableError, "Ada Lovelace"), ("after_commit", CommitUnknownError, None)],
)
def test_a_commit_that_fails_erases_all_or_nothing(tmp_path, point, error, name):
    path, faults = tmp_path / "payments.db", Faults()

    async def scenario(store):
        await write(store, ada(), steps=(CHARGE, APPROVE))
        faults.raises = {point: OSError("disk")}
        with pytest.raises(error):
            await erase(store)
        faults.raises = {}
        assert await name_of(store, ada()) == name
        assert (await erase(store)).events == 1
        assert await name_of(store, ada()) is None

    on_disk(path, scenario, faults=faults)
    assert verify(path).problems == ()


def test_what_follows_an_erasure_in_the_same_transaction_gets_a_key_of_its_own(tmp_path):
    async def scenario(store):
        before, after = ada(1), ada(2)
        await write(store, before, steps=(CHARGE, APPROVE))
        commits = store.commits
        erasure, _ = await asyncio.gather(erase(store), store.append(after.create()))
        assert store.commits == commits + 1
        assert erasure.events == 1
        assert await name_of(store, before) is None
        assert await name_of(store, after) == "Ada Lovelace"

    on_disk(tmp_path / "payments.db", scenario)


def test_what_precedes_an_erasure_in_the_same_transaction_is_seen_by_it(tmp_path):
    async def scenario(store):
        stream = ada()
        commits = store.commits
        answers = await asyncio.gather(store.append(stream.create()), erase(store), return_exceptions=True)
        assert store.commits == commits + 1
        assert answers[0] == 1
        assert isinstance(answers[1], CustomerBusyError)
        assert await name_of(store, stream) == "Ada Lovelace"

    on_disk(tmp_path / "payments.db", scenario)


def test_a_neighbour_that_does_not_fit_costs_no_key(tmp_path):
    path = tmp_path / "payments.db"

    async def scenario(store):
        taken = ada(3, idempotency_key="order-1")
        answers = await asyncio.gather(
            *(store.append(stream.create()) for stream in (ada(1), taken, ada(2))), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [int, StoreUnavailableError, int]
        assert [await name_of(store, ada(number)) for number in (1, 2)] == ["Ada Lovelace"] * 2

    on_disk(path, scenario)
    assert len(secrets(path)) == 1
    assert verify(path).problems == ()


def test_keys_are_drawn_from_the_given_source_and_one_belongs_to_all_payments_of_a_customer(tmp_path):
    async def scenario(store):
        await write(store, ada(1), ada(2))

    for name in ("one", "two"):
        on_disk(tmp_path / f"{name}.db", scenario, entropy=repeatable_entropy(b"same"))
    on_disk(tmp_path / "three.db", scenario)
    one, two, three = (secrets(tmp_path / f"{name}.db") for name in ("one", "two", "three"))
    assert one == two != three
    assert list(three) == ["cust-1"]


def test_a_restart_goes_on_with_the_same_key(tmp_path):
    path = tmp_path / "payments.db"

    async def before(store):
        await write(store, ada(1))

    async def after(store):
        assert await name_of(store, ada(1)) == "Ada Lovelace"
        await write(store, ada(2))

    on_disk(path, before)
    on_disk(path, after)
    assert len(secrets(path)) == 1


def test_events_of_a_version_before_encryption_are_counted_and_stay_readable(tmp_path):
    path = version_1(tmp_path / "payments.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE payments SET customer_id = 'cust-2' WHERE state = 'processing'")

    async def scenario(store):
        erasure = await erase(store)
        assert (erasure.events, erasure.plain_events) == (0, 1)
        (event, *_) = await store.load(erasure.payment_ids[0])
        assert event.event.request.metadata == {"basket": ["shoes"]}

    on_disk(path, scenario)


def damaged(path, statement):
    async def scenario(store):
        await write(store, ada(), ada(2, customer=WHO | {"id": "cust-2"}))

    on_disk(path, scenario)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(statement)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM customer_keys WHERE id = 1", "1 customer keys are missing: what they sealed"),
        ("DELETE FROM customer_keys WHERE id = 2", "1 customer keys are missing: what they sealed"),
        ("UPDATE customer_keys SET secret = x'00' WHERE id = 2", "customer key 2 is damaged: what it sealed"),
        ("UPDATE customer_keys SET secret = zeroblob(32)", "customer key 1 is damaged: what it sealed"),
        ("UPDATE customer_keys SET is_erased = 1 WHERE id = 2", "customer key 2 is damaged: what it sealed"),
    ],
)
def test_the_auditor_names_a_key_that_is_missing_or_damaged(tmp_path, statement, problem):
    damaged(tmp_path / "payments.db", statement)
    assert f"{problem} cannot be read" in verify(tmp_path / "payments.db").problems


SWAP = (
    "WITH other AS MATERIALIZED (SELECT id, secret FROM customer_keys) UPDATE customer_keys AS mine "
    "SET secret = other.secret FROM other WHERE other.id <> mine.id"
)
CLOSED = "event {} of {}: customer key {} does not open what it sealed: the personal data cannot be read"


@pytest.mark.parametrize(
    ("statement", "numbers"),
    [
        ("UPDATE customer_keys SET secret = randomblob(32) WHERE id = 2", (2,)),
        (SWAP, (1, 2)),
    ],
    ids=["another secret", "secrets swapped"],
)  # fmt: skip
@pytest.mark.parametrize("workers", [1, 2])
def test_the_auditor_names_a_key_that_opens_nothing(tmp_path, statement, numbers, workers):
    path = tmp_path / "payments.db"
    damaged(path, statement)
    found = verify(path, workers=workers).problems
    assert found == tuple(CLOSED.format(number, ada(number).id, number) for number in numbers)


def test_the_auditor_names_an_erasure_that_is_not_on_record(tmp_path):
    path = tmp_path / "payments.db"
    damaged(path, "UPDATE customer_keys SET is_erased = 1, secret = zeroblob(32) WHERE id = 2")
    assert verify(path).problems == ("customer key 2 is erased, but no erasure of customer 'cust-2' is on record",)


@pytest.mark.parametrize("is_last_try", [False, True], ids=["taken in", "given up"])
def test_the_inbox_keeps_no_words_of_what_it_need_not_tell_any_more(tmp_path, is_last_try):
    path = tmp_path / "payments.db"
    outcome = Declined(kind=DeclineKind.HARD, reason=Reason.STOLEN_CARD, code="43", message="no funds for Ada Lovelace")
    now = StillClock().now()
    told = Notification(id="n-1", kind=NotificationKind.CHARGE, reference="r", outcome=outcome)

    async def scenario(store):
        await store.receive(InboxEntry(gateway="alpha", notification=told, digest="d", received_at=now, due_at=now))
        assert [each.notification for each in await store.inbox_due(now, limit=9)] == [told]
        if is_last_try:
            await store.inbox_postpone("alpha", "n-1", due_at=None)
        else:
            await store.inbox_merged("alpha", "n-1")
        await erase(store)

    on_disk(path, scenario)
    assert b"Lovelace" not in everything(path)
    assert b"stolen_card" in everything(path)
    assert verify(path).problems == ()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM customer_keys WHERE id = 1", "its customer's key is missing"),
        ("UPDATE customer_keys SET secret = zeroblob(32) WHERE id = 1", "it does not open with its customer's key"),
        ("UPDATE events SET payment_id = payment_id || 'x' WHERE position = 1", None),
    ],
)
def test_what_does_not_open_is_corrupt_and_only_that(tmp_path, statement, why):
    path = tmp_path / "payments.db"
    damaged(path, statement)

    async def scenario(store):
        lost = Stream(1).id if why else f"{Stream(1).id}x"
        with pytest.raises(CorruptStoreError, match=why or "it does not open with its customer's key") as told:
            await store.load(lost)
        assert "Ada" not in str(told.value)
        assert await name_of(store, ada(2)) == "Ada Lovelace"
        with pytest.raises(CorruptStoreError):
            await store.read_all()

    on_disk(path, scenario)


def test_a_reader_beside_the_engine_sees_the_erasure(tmp_path):
    path = tmp_path / "payments.db"

    async def scenario(store):
        await write(store, ada(), steps=(CHARGE, APPROVE))
        beside = SqliteStore(path, clock=StillClock(), read_only=True)
        await beside.open()
        assert await name_of(beside, ada()) == "Ada Lovelace"
        await erase(store)
        assert await name_of(beside, ada()) is None
        with pytest.raises(StoreUnavailableError):
            await erase(beside)
        await beside.close()

    on_disk(path, scenario)
