"""The file with the picture: whole or not there, and never a later engine's."""

from __future__ import annotations

import pytest

from aegispay.status.file import StatusFile, StatusReading, read_status, status_path
from tests.unit.status.pictures import picture


@pytest.fixture
def database(tmp_path):
    return tmp_path / "payments.db"


def test_what_was_written_is_read(database):
    StatusFile(database, 3).write(picture())
    assert read_status(database) == StatusReading(picture())
    assert [path.name for path in database.parent.iterdir()] == ["payments.db-status.json"]


def test_the_newest_picture_is_read(database):
    file = StatusFile(database, 3)
    file.write(picture(requests=1))
    file.write(picture(requests=2))
    assert read_status(database).status.requests == 2


def test_a_later_engines_picture_is_neither_written_over_nor_removed(database):
    StatusFile(database, 4).write(picture(epoch=4))
    earlier = StatusFile(database, 3)
    earlier.write(picture(epoch=3))
    earlier.remove()
    assert read_status(database).status.epoch == 4


def test_an_earlier_engines_picture_is_written_over_but_not_removed(database):
    StatusFile(database, 3).write(picture(epoch=3))
    later = StatusFile(database, 4)
    later.remove()
    assert read_status(database).status.epoch == 3
    later.write(picture(epoch=4))
    assert read_status(database).status.epoch == 4


def test_removing_twice_is_no_error(database):
    file = StatusFile(database, 3)
    file.write(picture())
    file.remove()
    file.remove()
    assert list(database.parent.iterdir()) == []


def test_nothing_there_is_no_problem(database):
    assert read_status(database) == StatusReading()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "was not written by this version"),
        (b"\x00\xff" * 9, "was not written by this version"),
        (b"[1]", "was not written by this version"),
        (b'{"version": 2}', "was not written by this version"),
        (picture().model_dump_json().encode()[:-1], "was not written by this version"),
        (b" " * 4_000_001, "is too large to be a status"),
    ],
    ids=["empty", "bytes", "list", "version 2", "half", "large"],
)
def test_what_cannot_be_read_is_said_and_written_over(database, data, problem):
    status_path(database).write_bytes(data)
    found = read_status(database)
    assert found.status is None
    assert problem in found.problem
    StatusFile(database, 1).write(picture())
    assert read_status(database).status == picture()


def test_what_a_later_version_adds_is_passed_over(database):
    status_path(database).write_text(picture().model_dump_json()[:-1] + ', "colour": "red"}')
    assert read_status(database).status == picture()


def test_a_directory_in_its_place_is_said(database):
    status_path(database).mkdir()
    assert "cannot be read" in read_status(database).problem
    with pytest.raises(OSError, match=r"payments\.db-status\.json"):
        StatusFile(database, 1).write(picture())
