"""Every kind of damage is found and named, and nothing else is."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from contextlib import closing

import pytest

from aegispay import SqliteStore
from aegispay.errors import NewerSchemaError, StoreOpenError
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.rows import ROW_COLUMNS
from aegispay.storage.verify import verify
from tests.contracts.stores import APPROVE, CHARGE, DOUBT, StillClock, Stream, write
from tests.unit.storage.disk import on_disk

ONE, TWO, THREE = Stream(1).id, Stream(2).id, Stream(3).id
EVENTS = 4 + 4 + 1


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A database with a payment that succeeded (events 1-4), one in doubt (5-8) and one just created (9)."""
    path = tmp_path_factory.mktemp("sound") / "payments.db"

    async def scenario(store):
        await write(store, Stream(1), steps=(CHARGE, APPROVE))
        await write(store, Stream(2), steps=(CHARGE, DOUBT))
        await write(store, Stream(3))

    on_disk(path, scenario)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path, sound):
    file = tmp_path / "payments.db"
    file.write_bytes(sound)
    return file


def change(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement, *parameters in statements:
            database.execute(statement, parameters)


def rechain(path):
    """Make the hashes right again, as a careful forger would."""
    with closing(sqlite3.connect(path)) as database:
        previous = GENESIS
        for row in database.execute("SELECT * FROM events ORDER BY position").fetchall():
            position, payment_id, version, event_type, schema_version, data, recorded_at, _ = row
            previous = link(
                previous,
                position=position,
                payment_id=payment_id,
                version=version,
                event_type=event_type,
                schema_version=schema_version,
                recorded_at_us=recorded_at,
                data=data.encode(),
            )
            database.execute("UPDATE events SET hash = ? WHERE position = ?", (previous, position))
        database.commit()


def problems(path):
    """Return what is wrong, without the name of the exception that an unreadable event caused."""
    return [re.sub("(cannot be read): [A-Za-z]+$", r"\1", problem) for problem in verify(path).problems]


def unreadable(position, version):
    return f"event {position} (version {version} of {ONE}) cannot be read"


def changed(position, event_type, version, payment_id):
    return (
        f"event {position} ({event_type}, version {version} of {payment_id}) does not match its hash: "
        "it, or the one before it, was changed"
    )


def test_a_sound_database_is_clean_and_counted(path):
    report = verify(path)
    assert (report.events, report.payments, report.problems) == (EVENTS, 3, ())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("data", '{"at":"2026-03-01T12:00:01Z"}'),
        ("recorded_at", 5),
    ],
)
def test_a_changed_event_is_found(path, column, value):
    change(path, (f"UPDATE events SET {column} = ? WHERE position = 2", value))
    found = problems(path)
    assert found[0] == changed(2, "payment.authenticated", 2, ONE)


def test_a_changed_amount_that_fits_the_events_is_still_found_by_its_hash(path):
    change(path, ("UPDATE events SET data = replace(data, 'tok_visa', 'tok_amex') WHERE position = 9",))
    assert problems(path) == [changed(9, "payment.initiated", 1, THREE)]


def test_a_changed_hash_is_found_with_the_event_after_it(path):
    change(path, ("UPDATE events SET hash = ? WHERE position = 3", bytes(32)))
    assert problems(path) == [
        changed(3, "payment.processing", 3, ONE),
        changed(4, "payment.succeeded", 4, ONE),
    ]


def test_an_event_deleted_in_the_middle_is_found(path):
    change(path, ("DELETE FROM events WHERE position = 7",))
    assert problems(path) == [
        "events 7 to 7 are missing",
        changed(8, "payment.outcome_unknown", 4, TWO),
        f"event 8: version 4 of {TWO} follows version 2",
    ]


def test_events_deleted_at_the_end_are_found_because_the_table_says_more(path):
    change(path, ("DELETE FROM events WHERE position >= 8",))
    found = problems(path)
    assert f"{TWO}: the table says version 4, the log has 3" in found
    assert f"{THREE} is in the table of payments, but has no events" in found
    assert all(TWO in each or THREE in each for each in found)


def test_an_event_added_at_the_end_is_found(path):
    columns = "payment_id, 2, type, schema_version, data, recorded_at, hash"
    change(path, (f"INSERT INTO events SELECT 10, {columns} FROM events WHERE position = 9",))
    rechain(path)
    found = problems(path)
    assert found == [
        f"event 10: {THREE}: initiated twice",
        f"{THREE}: the table says version 1, the log has 2",
    ]


def test_events_that_changed_places_are_found(path):
    change(
        path,
        ("UPDATE events SET position = 100 WHERE position = 6",),
        ("UPDATE events SET position = 6 WHERE position = 7",),
        ("UPDATE events SET position = 7 WHERE position = 100",),
    )
    found = problems(path)
    assert changed(6, "payment.processing", 3, TWO) in found
    rechain(path)
    found = problems(path)
    assert found[0] == f"event 6: version 3 of {TWO} follows version 1"


@pytest.mark.parametrize("data", ["not json", "{}", "[]", '{"at": 5, "x": [', ""])
def test_content_that_cannot_be_read_is_found_although_the_hashes_are_right(path, data):
    change(path, ("UPDATE events SET data = ? WHERE position = 3", data))
    rechain(path)
    assert problems(path) == [unreadable(3, 3)]


def test_an_unknown_type_is_found_although_the_hashes_are_right(path):
    change(path, ("UPDATE events SET type = 'payment.teleported' WHERE position = 3",))
    rechain(path)
    assert problems(path) == [unreadable(3, 3)]


def test_an_event_of_a_newer_schema_is_found(path):
    change(path, ("UPDATE events SET schema_version = 99 WHERE position = 3",))
    rechain(path)
    assert problems(path) == [unreadable(3, 3)]


def test_a_transition_that_the_table_does_not_have_is_found(path):
    statement = "UPDATE events SET type = 'payment.authenticated', data = ? WHERE position = 4"
    change(path, (statement, '{"at":"2026-03-01T12:00:00Z"}'))
    rechain(path)
    (found,) = problems(path)
    assert found.startswith(f"event 4: {ONE}: payment.authenticated is not possible in processing")


def test_a_broken_invariant_is_found(path):
    change(path, ("UPDATE events SET data = json_set(data, '$.amount_minor', 10001) WHERE position = 4",))
    change(path, ("UPDATE payments SET captured_minor = 10001 WHERE payment_id = ?", ONE))
    rechain(path)
    (found,) = problems(path)
    assert found.startswith(f"{ONE} breaks I-01: 0 <= captured <= authorized <= amount")


OTHER_VALUES = {
    "merchant": "other",
    "idempotency_key": "other",
    "state": "failure",
    "in_doubt": 1,
    "doubt_since": 1,
    "has_incident": 1,
    "amount_minor": 1,
    "currency": "EUR",
    "captured_minor": 1,
    "refunded_minor": 1,
    "customer_id": None,
    "method": "upi",
    "gateway": "beta",
    "created_at": 1,
    "updated_at": 1,
    "wake_at": 1,
}


def test_there_is_another_value_for_every_column():
    assert ["payment_id", *OTHER_VALUES] == ROW_COLUMNS.split(", ")


@pytest.mark.parametrize("column", OTHER_VALUES)
def test_a_row_that_does_not_say_what_the_events_say_is_found(path, column):
    change(path, (f"UPDATE payments SET {column} = ? WHERE payment_id = ?", OTHER_VALUES[column], ONE))
    (found,) = problems(path)
    said = f"{ONE}: the table says {column} = {OTHER_VALUES[column]!r}, the events say "
    assert found.startswith(said)


@pytest.mark.parametrize(("version", "log"), [(3, 4), (5, 4)])
def test_a_row_with_another_version_is_found(path, version, log):
    change(path, ("UPDATE payments SET version = ? WHERE payment_id = ?", version, ONE))
    assert problems(path) == [f"{ONE}: the table says version {version}, the log has {log}"]


def test_a_missing_row_is_found_once(path):
    change(path, ("DELETE FROM payments WHERE payment_id = ?", ONE))
    assert problems(path) == [f"{ONE} has events, but is not in the table of payments"]


def test_a_row_without_events_is_found(path):
    change(
        path,
        ("CREATE TEMP TABLE copy AS SELECT * FROM payments WHERE payment_id = ?", THREE),
        ("UPDATE copy SET payment_id = 'pay_extra', idempotency_key = 'extra'",),
        ("INSERT INTO payments SELECT * FROM copy",),
    )
    assert problems(path) == ["pay_extra is in the table of payments, but has no events"]


def test_a_row_that_was_renamed_is_found_on_both_sides(path):
    change(path, ("UPDATE payments SET payment_id = 'pay_x' WHERE payment_id = ?", ONE))
    assert problems(path) == [
        f"{ONE} has events, but is not in the table of payments",
        "pay_x is in the table of payments, but has no events",
    ]


@pytest.mark.parametrize("data", ["{", '{"id":"evt_1"}', '{"card":"4111111111111111"}'])
def test_a_notification_that_cannot_be_read_is_found_and_not_shown(path, data):
    change(
        path,
        ("INSERT INTO webhook_inbox VALUES ('alpha', 'evt_1', 'd', ?, 1, 'waiting', 0, 1)", data),
    )
    (found,) = problems(path)
    assert re.fullmatch(r"notification evt_1 of alpha cannot be read: \d+ fields do not fit", found)


def test_one_damaged_payment_does_not_hide_another(path):
    change(
        path,
        ("UPDATE events SET data = 'x' WHERE position = 1",),
        ("UPDATE payments SET gateway = 'beta' WHERE payment_id = ?", TWO),
    )
    found = problems(path)
    assert found[0] == changed(1, "payment.initiated", 1, ONE)
    assert found[1] == unreadable(1, 1)
    assert found[2:] == [f"{TWO}: the table says gateway = 'beta', the events say 'alpha'"]


def test_text_that_is_no_utf_8_is_named_and_the_reading_goes_on(path):
    change(
        path,
        ("UPDATE events SET data = CAST(x'7bff7d' AS TEXT) WHERE position = 2",),
        ("UPDATE events SET type = CAST(x'ff' AS TEXT) WHERE position = 6",),
    )
    report = verify(path)
    assert report.events == EVENTS
    assert report.problems[0] == changed(2, "payment.authenticated", 2, ONE)
    assert any(each.startswith("event 6 (\N{REPLACEMENT CHARACTER}, version 2") for each in report.problems)


def test_an_index_that_lost_an_entry_is_found(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA writable_schema = ON")
        name = "payments_state"
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(path.read_bytes())
    start = (root - 1) * size
    count = int.from_bytes(content[start + 3 : start + 5])
    content[start + 3 : start + 5] = (count - 1).to_bytes(2)
    path.write_bytes(bytes(content))
    found = problems(path)
    assert any(
        re.search("the file is damaged: (wrong # of entries in|row .* missing from) index", each) for each in found
    )


def test_pages_of_rubbish_are_a_problem_of_the_report_and_not_a_crash(path):
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 20] = b"\xa5" * (4096 * 18)
    path.write_bytes(bytes(content))
    assert problems(path)[-1] == "the file is damaged: database disk image is malformed; reading ended after event 0"


def test_a_sound_database_of_thousands_of_events_is_clean_also_while_an_engine_writes(tmp_path):
    path = tmp_path / "payments.db"

    async def live(store, number):
        for append in Stream(number).all(CHARGE, APPROVE):
            await store.append(append)

    async def main():
        store = SqliteStore(path, clock=StillClock())
        await store.open()
        try:
            await asyncio.gather(*(live(store, number) for number in range(800)))
            auditing = asyncio.create_task(asyncio.to_thread(verify, path))
            await asyncio.gather(*(live(store, number) for number in range(800, 1_000)))
            during = await auditing
            assert during.problems == ()
            assert 3_200 <= during.events <= 4_000
            after = verify(path)
            assert (after.events, after.payments, after.problems) == (4_000, 1_000, ())
        finally:
            await store.close()

    asyncio.run(main())


def test_progress_is_told_and_ends_with_everything(path):
    told = []
    verify(path, progress=lambda read, total: told.append((read, total)))
    assert told[-1] == (EVENTS, EVENTS)


def test_no_more_problems_are_listed_than_one_can_read(path):
    with closing(sqlite3.connect(path)) as database:
        rows = ((f"pay_{number}", f"k{number}") for number in range(1_500))
        database.execute("CREATE TEMP TABLE copy AS SELECT * FROM payments WHERE payment_id = ?", (THREE,))
        for payment_id, key in rows:
            database.execute("UPDATE copy SET payment_id = ?, idempotency_key = ?", (payment_id, key))
            database.execute("INSERT INTO payments SELECT * FROM copy")
        database.commit()
    assert len(problems(path)) == 1_000


def test_verifying_changes_nothing_in_the_file(path):
    before = path.read_bytes()
    verify(path)
    assert path.read_bytes() == before


def test_what_is_no_database_of_ours_is_refused_with_its_path(tmp_path, path):
    with pytest.raises(StoreOpenError, match=f"{re.escape(str(tmp_path))}/none.db does not exist"):
        verify(tmp_path / "none.db")
    with pytest.raises(StoreOpenError, match="is a directory"):
        verify(tmp_path)
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreOpenError, match=r"empty\.db is empty"):
        verify(tmp_path / "empty.db")
    (tmp_path / "text.db").write_text("x" * 5_000)
    with pytest.raises(StoreOpenError, match=r"text\.db cannot be read: file is not a database"):
        verify(tmp_path / "text.db")
    change(path, ("PRAGMA user_version = 99",))
    with pytest.raises(NewerSchemaError, match="schema 99"):
        verify(path)


def test_the_problem_of_an_unreadable_event_does_not_show_its_content(path):
    change(path, ("UPDATE events SET data = ? WHERE position = 1", json.dumps({"at": "4111111111111111"})))
    assert not [each for each in problems(path) if "4111" in each]
