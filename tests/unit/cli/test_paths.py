"""Nothing that a run is told to read or keep is overwritten."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from aegispay.cli.paths import Paths, check_paths, count_rows, open_ledger, open_orders
from aegispay.cli.rows import UsageError
from aegispay.errors import StoreOpenError


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "orders.csv").write_text("h\na\nb\n")
    (tmp_path / "gateways.toml").write_text("")
    return Paths(
        orders=str(tmp_path / "orders.csv"),
        database=tmp_path / "payments.db",
        ledger=tmp_path / "payments.db.providers",
        out=tmp_path / "out.jsonl",
        gateways=tmp_path / "gateways.toml",
    )


def test_five_different_files_are_fine(paths):
    check_paths(paths)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out": "orders.csv"}, "FILE and --out"),
        ({"out": "payments.db"}, "--database and --out"),
        ({"out": "payments.db.providers"}, "--ledger and --out"),
        ({"out": "gateways.toml"}, "--gateways and --out"),
        ({"ledger": "payments.db"}, "--database and --ledger"),
        ({"database": "orders.csv"}, "FILE and --database"),
        ({"out": "x/../orders.csv"}, "FILE and --out"),
    ],
)
def test_one_file_for_two_things_is_refused(paths, tmp_path, change, message):
    (tmp_path / "x").mkdir()
    changed = dataclasses.replace(paths, **{name: tmp_path / value for name, value in change.items()})

    with pytest.raises(UsageError, match=f"{message} are the same file"):
        check_paths(changed)


def test_a_link_to_the_orders_is_the_orders(paths, tmp_path):
    (tmp_path / "link.jsonl").symlink_to(paths.orders)

    with pytest.raises(UsageError, match="are the same file"):
        check_paths(dataclasses.replace(paths, out=tmp_path / "link.jsonl"))


def test_a_device_may_stand_for_several_things(paths):
    check_paths(dataclasses.replace(paths, out=Path(os.devnull), orders=os.devnull))


def test_a_database_that_is_a_directory_or_in_none_is_refused(paths, tmp_path):
    with pytest.raises(StoreOpenError, match="is a directory"):
        check_paths(dataclasses.replace(paths, database=tmp_path))
    with pytest.raises(StoreOpenError, match="does not exist"):
        check_paths(dataclasses.replace(paths, database=tmp_path / "missing" / "payments.db"))


@pytest.mark.parametrize(
    ("text", "is_json", "rows"),
    [("h\na\nb\n", False, 2), ("h\na\nb", False, 2), ("h\n", False, 0), ("", False, 0), ("{}\n{}", True, 2)],
)
def test_rows_are_counted_by_lines(tmp_path, text, is_json, rows):
    path = tmp_path / "orders"
    path.write_text(text)

    assert count_rows(str(path), is_json=is_json) == rows


def test_what_can_be_read_only_once_is_not_counted(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    assert count_rows(str(tmp_path / "pipe"), is_json=False) is None
    assert count_rows("-", is_json=False) is None


def test_orders_that_cannot_be_opened_are_named(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        open_orders(str(tmp_path / "missing.csv"))
    with pytest.raises(UsageError, match="Is a directory"):
        open_orders(str(tmp_path))


def test_books_that_cannot_be_opened_are_named(tmp_path):
    (tmp_path / "text").write_text("no database\n" * 100)

    with pytest.raises(UsageError, match=r"--ledger .* unable to open"):
        open_ledger(tmp_path)
    with pytest.raises(UsageError, match=r"--ledger .* not a database"):
        open_ledger(tmp_path / "text")
