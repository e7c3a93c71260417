"""From a file of orders to payment requests: CSV or JSON Lines, row by row, bad rows reported and passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

from aegispay.cli.console import printable
from aegispay.cli.csv_records import Record, read_records
from aegispay.cli.lines import BadLineError, Lines
from aegispay.domain.card_data import contains_card_number
from aegispay.errors import AegisPayError, CardDataError, ValidationError

_PLAIN = ("idempotency_key", "amount", "currency", "gateway", "merchant", "retry_of")
_METHOD = ("token", "vpa", "bank_code", "provider", "brand", "last4")
_CUSTOMER = {"customer_id": "id", "customer_name": "name", "email": "email", "phone": "phone"}
_COLUMNS = (*_PLAIN, "method", *_METHOD, *_CUSTOMER, "country")
_MANDATORY = ("idempotency_key", "amount", "currency", "method")
_FIELDS = {*_PLAIN, "payment_method", "customer", "metadata"}
CARD_DATA = "looks like card data and was refused; the value is not shown"


class UsageError(Exception):
    """The whole file cannot be used."""


@dataclass(frozen=True, slots=True)
class Row:
    """One order, not yet checked.

    Attributes:
        line: where it starts in the file, from 1.
        fields: arguments for `AegisPay.pay`.
    """

    line: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """One line that is no acceptable order.

    Attributes:
        column: which column; empty when the line as a whole is wrong.
    """

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        where = f", column {printable(self.column)}" if self.column else ""
        return f"line {self.line}{where}: {self.reason}"


def read_rows(stream: BinaryIO, *, is_json: bool) -> Iterator[Row | BadRow]:
    """Return the rows of a file, one at a time; the header of a CSV file is read and checked at once.

    Args:
        stream: the file, opened in binary mode, UTF-8.
        is_json: JSON Lines rather than CSV.

    Raises:
        UsageError: a CSV file is empty, is no text, or its header has missing or unknown columns.
    """
    lines = Lines(stream)
    if is_json:
        return _read_json(lines)
    records = read_records(lines)
    header = _read_header(next(records, None))
    return (_csv_row(header, record) for record in records)


def explain(error: AegisPayError, line: int) -> BadRow:
    """Return a refused request as a bad row, named by its column rather than by the API's field."""
    if isinstance(error, CardDataError):
        return BadRow(line, _column(error.field), CARD_DATA)
    if isinstance(error, ValidationError) and error.errors:
        first = error.errors[0]
        shown = "" if first.value is None else f" (got {first.value})"
        return BadRow(line, _column(first.field), f"{first.message}{shown}")
    return BadRow(line, "", str(error))


def _column(field: str) -> str:
    if field == "payment_method.type":
        return "method"
    parts = field.split(".")
    if parts[0] == "payment_method" and len(parts) > 1:
        return parts[1]
    if parts[-1] == "country":
        return "country"
    if parts[0] == "customer" and len(parts) > 1:
        return next((column for column, name in _CUSTOMER.items() if name == parts[1]), parts[1])
    return field


# --- JSON Lines -------------------------------------------------------------------------------------


def _read_json(lines: Lines) -> Iterator[Row | BadRow]:
    while True:
        lines.begin_record()
        try:
            text = next(lines)
        except StopIteration:
            return
        except BadLineError as error:
            yield BadRow(error.line, "", str(error))
            continue
        if not text.isspace():
            yield _json_row(text, lines.number)


def _json_row(text: str, line: int) -> Row | BadRow:
    try:
        fields = json.loads(text, object_pairs_hook=_unambiguous)
        # A number like 12.30 must not pass through binary floating point.
        exact = json.loads(text, parse_float=Decimal)
        # Looked for before anything is said about the row, because a message may quote a value.
        path = _card_number_in(fields, "")
    except json.JSONDecodeError as error:
        return BadRow(line, str(error.colno), f"is not JSON: {error.msg}")
    except _AmbiguousError as error:
        return BadRow(line, printable(str(error), longest=40), "stands there twice")
    except ValueError:
        return BadRow(line, "", "holds a number that is far too long")
    except RecursionError:
        return BadRow(line, "", "is nested too deeply")
    if path is not None:
        return BadRow(line, printable(path, longest=80), CARD_DATA)
    wrong = _wrong_json(fields, line)
    return Row(line, fields | {"amount": exact["amount"]}) if wrong is None else wrong


def _wrong_json(fields: object, line: int) -> BadRow | None:
    if not isinstance(fields, dict):
        return BadRow(line, "", "must be a JSON object")
    unknown = [name for name in fields if name not in _FIELDS]
    if unknown:
        return BadRow(line, printable(unknown[0], longest=40), f"is not known; there are {', '.join(sorted(_FIELDS))}")
    missing = [name for name in ("idempotency_key", "amount", "currency", "payment_method") if name not in fields]
    return BadRow(line, missing[0], "is missing") if missing else None


class _AmbiguousError(Exception):
    """A JSON object that has a field twice: nobody can say which one is meant."""


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise _AmbiguousError("" if contains_card_number(name) else name)
        made[name] = value
    return made


def _card_number_in(value: object, path: str) -> str | None:
    """Return the path of the first card number in a JSON value; a name that is one is not repeated either."""
    if isinstance(value, dict):
        inside = ((name, item, f"{path}.{name}" if path else name) for name, item in value.items())
        found = (path if contains_card_number(name) else _card_number_in(item, at) for name, item, at in inside)
    elif isinstance(value, list):
        found = (_card_number_in(item, path) for item in value)
    else:
        is_number = not isinstance(value, bool) and isinstance(value, str | int | float)
        return path if is_number and contains_card_number(str(value)) else None
    return next((at for at in found if at is not None), None)


# --- CSV --------------------------------------------------------------------------------------------


def _read_header(record: Record | None) -> list[str]:
    if record is None:
        raise UsageError(f"the file is empty; its first line must name the columns: {', '.join(_MANDATORY)}, …")
    if record.broken:
        raise UsageError(f"line {record.line} {record.broken}")
    header = [name.strip() for name in record.cells]
    if any(contains_card_number(name) for name in header):
        raise UsageError("the first line must name the columns; it holds what looks like card data, not shown")
    _check_header(header)
    return header


def _check_header(header: list[str]) -> None:
    if len(header) == 1 and any(separator in header[0] for separator in ";\t|"):
        raise UsageError("the cells of the first line must be separated by commas")
    unknown = [name for name in header if name not in _COLUMNS and not name.startswith("metadata.")]
    if unknown:
        name = printable(unknown[0], longest=40)
        raise UsageError(f"column {name!r} is not known; there are {', '.join(_COLUMNS)} and metadata.<name>")
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise UsageError(f"column {printable(repeated[0], longest=40)!r} stands there twice")
    missing = [name for name in _MANDATORY if name not in header]
    if missing:
        raise UsageError(f"column {missing[0]!r} is missing; the header must have {', '.join(_MANDATORY)}")


def _csv_row(header: list[str], record: Record) -> Row | BadRow:
    line, cells = record.line, record.cells
    if record.broken:
        return BadRow(line, "", record.broken)
    # Looked for before anything is said about the row, because a message may quote a value.
    for name, cell in zip(header, cells, strict=False):
        if contains_card_number(cell):
            return BadRow(line, name, CARD_DATA)
    if len(cells) != len(header):
        column = header[len(cells)] if len(cells) < len(header) else str(len(header) + 1)
        return BadRow(line, column, f"the row has {len(cells)} cells, the header has {len(header)}")
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
    for name in _MANDATORY:
        if name not in values:
            return BadRow(line, name, "is missing")
    return Row(line, _fields(values))


def _fields(values: dict[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: values[name] for name in _PLAIN if name in values}
    method = {name: values[name] for name in _METHOD if name in values}
    fields["payment_method"] = {"type": values["method"], **method}
    customer: dict[str, Any] = {name: values[column] for column, name in _CUSTOMER.items() if column in values}
    if "country" in values:
        customer["billing_address"] = {"country": values["country"]}
    if customer:
        fields["customer"] = customer
    metadata = {name.removeprefix("metadata."): value for name, value in values.items() if name.startswith("metadata.")}
    if metadata:
        fields["metadata"] = metadata
    return fields
