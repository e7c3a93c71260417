"""Whatever is done to one row of the log is found, and the row is named."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegispay.storage.log_audit import LogAudit, Share, in_order, open_for_audit, split
from aegispay.storage.sealing import repeatable_entropy
from aegispay.storage.verify import verify
from tests.contracts.stores import APPROVE, CHARGE, DOUBT, Stream, write
from tests.unit.storage.disk import on_disk

COLUMNS = "position, payment_id, version, type, schema_version, data, recorded_at, hash"
PAYMENTS = 6


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A database of payments at every stage, their events among each other; the last event is of the first payment."""
    path = tmp_path_factory.mktemp("sound") / "payments.db"

    async def scenario(store):
        streams = [Stream(number) for number in range(1, PAYMENTS + 1)]
        for stream in streams:
            await write(store, stream)
        for stream in streams[:5]:
            await store.append(stream.then(*CHARGE))
        for stream, step in zip(streams[:4], (DOUBT, APPROVE, DOUBT, APPROVE), strict=True):
            await store.append(stream.then(*step))
        await store.append(streams[0].then(*APPROVE))

    # The same bytes in every run, so that examples found once are found again.
    on_disk(path, scenario, entropy=repeatable_entropy(b"tampering"))
    with closing(sqlite3.connect(path)) as database:
        return path.read_bytes(), database.execute(f"SELECT {COLUMNS} FROM events ORDER BY position").fetchall()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("tampered") / "payments.db"


def restore(path, content):
    for leftover in path.parent.glob("payments.db*"):
        leftover.unlink()
    path.write_bytes(content)


def write_log(path, rows):
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM events")
        database.executemany(f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        database.commit()


def changed(row, column, value):
    cells = list(row)
    cells[COLUMNS.split(", ").index(column)] = value
    return tuple(cells)


def text_with_a_change(source, text):
    index = source.draw(st.integers(0, len(text) - 1))
    other = source.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != text[index]))
    return text[:index] + other + text[index + 1 :]


def another_value(source, rows, row, column):
    value = row[COLUMNS.split(", ").index(column)]
    match column:
        case "data" | "type":
            return text_with_a_change(source, value)
        case "payment_id":
            # None that has an event of this version, which the table itself refuses.
            taken = {other[1] for other in rows if other[2] == row[2]}
            return source.draw(st.sampled_from(sorted({other[1] for other in rows} - taken | {"pay_other", ""})))
        case "hash":
            return bytes([value[0] ^ source.draw(st.integers(1, 255))]) + value[1:]
        case "version":
            # None that its payment has, which the table itself refuses.
            return source.draw(st.integers(10, 99) | st.integers(-9, 0))
        case _:
            return source.draw(st.integers(-(2**63), 2**63 - 1).filter(lambda number: number != value))


def names(problem, position):
    return re.search(rf"\bevent {position}\b|\bevents {position} to |\bto {position} are missing", problem)


@settings(max_examples=150, deadline=None)
@given(source=st.data())
def test_an_edit_of_any_column_of_any_event_is_found_and_the_event_is_named(sound, workplace, source):
    content, rows = sound
    index = source.draw(st.integers(0, len(rows) - 1), label="row")
    column = source.draw(st.sampled_from(COLUMNS.split(", ")[1:]), label="column")
    value = another_value(source, rows, rows[index], column)
    restore(workplace, content)
    write_log(workplace, [*rows[:index], changed(rows[index], column, value), *rows[index + 1 :]])

    problems = verify(workplace).problems

    assert any(names(problem, index + 1) for problem in problems), problems


@settings(max_examples=40, deadline=None)
@given(source=st.data())
def test_deleting_any_event_but_the_last_is_found_and_the_gap_is_named(sound, workplace, source):
    content, rows = sound
    index = source.draw(st.integers(0, len(rows) - 2), label="row")
    restore(workplace, content)
    write_log(workplace, [*rows[:index], *rows[index + 1 :]])

    assert f"events {index + 1} to {index + 1} are missing" in verify(workplace).problems


@settings(max_examples=40, deadline=None)
@given(source=st.data())
def test_deleting_any_event_and_closing_the_gap_is_found_at_the_place(sound, workplace, source):
    content, rows = sound
    index = source.draw(st.integers(0, len(rows) - 2), label="row")
    restore(workplace, content)
    write_log(workplace, [*rows[:index], *(changed(row, "position", row[0] - 1) for row in rows[index + 1 :])])

    problems = verify(workplace).problems

    assert any(problem.startswith(f"event {index + 1} (") for problem in problems), problems


def test_deleting_the_last_event_is_found_by_the_payments_row(sound, workplace):
    content, rows = sound
    restore(workplace, content)
    write_log(workplace, rows[:-1])

    assert f"{rows[-1][1]}: the table says version 6, the log has 5" in verify(workplace).problems


@settings(max_examples=40, deadline=None)
@given(source=st.data())
def test_any_two_events_that_changed_places_are_found_and_both_named(sound, workplace, source):
    content, rows = sound
    first, second = sorted(source.draw(st.sets(st.integers(0, len(rows) - 1), min_size=2, max_size=2), label="rows"))
    swapped = list(rows)
    swapped[first] = changed(rows[second], "position", first + 1)
    swapped[second] = changed(rows[first], "position", second + 1)
    restore(workplace, content)
    write_log(workplace, swapped)

    problems = verify(workplace).problems

    for index in (first, second):
        assert any(names(problem, index + 1) for problem in problems), problems


@settings(max_examples=40, deadline=None)
@given(source=st.data())
def test_any_two_events_whose_payments_were_exchanged_are_found_and_both_named(sound, workplace, source):
    content, rows = sound
    # The table itself refuses two events of one version.
    pairs = [
        (first, second)
        for (first, one), (second, other) in combinations(enumerate(rows), 2)
        if one[1] != other[1] and one[2] == other[2]
    ]
    first, second = source.draw(st.sampled_from(pairs), label="rows")
    exchanged = list(rows)
    exchanged[first] = changed(rows[first], "payment_id", rows[second][1])
    exchanged[second] = changed(rows[second], "payment_id", rows[first][1])
    restore(workplace, content)
    write_log(workplace, exchanged)

    problems = verify(workplace).problems

    for index in (first, second):
        assert any(names(problem, index + 1) for problem in problems), problems


@settings(max_examples=40, deadline=None)
@given(source=st.data())
def test_an_event_that_was_put_in_is_found_and_named(sound, workplace, source):
    content, rows = sound
    index = source.draw(st.integers(0, len(rows)), label="before row")
    model = source.draw(st.sampled_from(rows), label="copy of")
    last = max(row[2] for row in rows if row[1] == model[1])
    extra = changed(changed(model, "position", index + 1), "version", last + 1)
    later = [changed(row, "position", row[0] + 1) for row in rows[index:]]
    restore(workplace, content)
    write_log(workplace, [*rows[:index], extra, *later])

    problems = verify(workplace).problems

    assert any(names(problem, index + 1) for problem in problems), problems


def merged(path, shares):
    with closing(open_for_audit(path)) as database:
        database.execute("BEGIN")
        findings = [LogAudit(database, share).run() for share in split(database, shares)]
    problems = in_order(problem for each in findings for problem in each.problems)
    return sum(each.events for each in findings), sum(each.payments for each in findings), problems


@settings(max_examples=60, deadline=None)
@given(source=st.data())
def test_any_number_of_shares_finds_the_same_in_the_same_order(sound, workplace, source):
    content, rows = sound
    log = list(rows)
    for _ in range(source.draw(st.integers(0, 4), label="changes")):
        index = source.draw(st.integers(0, len(log) - 1))
        if source.draw(st.booleans()):
            del log[index]
        else:
            column = source.draw(st.sampled_from(["data", "type", "schema_version", "recorded_at", "hash"]))
            log[index] = changed(log[index], column, another_value(source, rows, log[index], column))
    restore(workplace, content)
    write_log(workplace, log)

    alone = merged(workplace, 1)

    assert alone[0] == len(log)
    for shares in (2, 3, 7):
        assert merged(workplace, shares) == alone


def test_the_shares_of_a_log_divide_its_chain_and_its_payments(sound, workplace):
    content, rows = sound
    restore(workplace, content)
    with closing(open_for_audit(workplace)) as database:
        shares = split(database, 2)
        findings = [LogAudit(database, share).run() for share in shares]

    assert split_points(shares) == [(len(rows) // 2, len(rows) // 2 + 1)]
    assert [each.events for each in findings] == [len(rows) // 2, len(rows) - len(rows) // 2]
    assert sum(each.payments for each in findings) == PAYMENTS
    assert all(0 < each.payments < PAYMENTS for each in findings)


def split_points(shares: tuple[Share, ...]) -> list[tuple[int, int]]:
    return [(before.last, after.first) for before, after in pairwise(shares)]
