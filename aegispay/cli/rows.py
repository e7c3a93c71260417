"""From a file of orders to payment requests: CSV or JSON Lines, row by row, bad rows reported and passed over."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aegispay.domain.card_data import contains_card_number
from aegispay.errors import AegisPayError, CardDataError, ValidationError

_PLAIN = ("idempotency_key", "amount", "currency", "gateway", "merchant", "retry_of")
_METHOD = ("token", "vpa", "bank_code", "provider", "brand", "last4")
_CUSTOMER = {"customer_id": "id", "customer_name": "name", "email": "email", "phone": "phone"}
_COLUMNS = (*_PLAIN, "method", *_METHOD, *_CUSTOMER, "country")
_MANDATORY = ("idempotency_key", "amount", "currency", "method")
_FIELDS = {*_PLAIN, "payment_method", "customer", "metadata"}
LINE_LENGTH_MAX = 1_000_000
"""Characters per line; a longer one is no order."""


class UsageError(Exception):
    """The whole file cannot be used."""


@dataclass(frozen=True, slots=True)
class Row:
    """One order, not yet checked.

    Attributes:
        line: where it ends in the file, from 1.
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
        where = f", column {self.column}" if self.column else ""
        return f"line {self.line}{where}: {self.reason}"


def read_rows(lines: Iterable[bytes], *, is_json: bool) -> Iterator[Row | BadRow]:
    """Return the rows of a file, one at a time.

    Args:
        lines: the file, opened in binary mode.
        is_json: JSON Lines rather than CSV.

    Raises:
        UsageError: a CSV header with missing or unknown columns.
    """
    # Bytes that are no UTF-8 survive as lone surrogates, which every field check refuses by name.
    texts = (line.decode("utf-8-sig" if number == 0 else "utf-8", "surrogateescape") for number, line in enumerate(lines))
    return _read_json(texts) if is_json else _read_csv(texts)


def explain(error: AegisPayError, line: int) -> BadRow:
    """Return a refused request as a bad row, named by its column rather than by the API's field."""
    if isinstance(error, CardDataError):
        return BadRow(line, _column(error.field), "looks like card data and was refused; the value is not shown")
    if isinstance(error, ValidationError) and error.errors:
        first = error.errors[0]
        shown = "" if first.value is None or contains_card_number(first.value) else f" (got {first.value})"
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


def _read_json(texts: Iterable[str]) -> Iterator[Row | BadRow]:
    for number, text in enumerate(texts, start=1):
        if text.strip():
            yield _json_row(text, number)


def _json_row(text: str, line: int) -> Row | BadRow:
    if len(text) > LINE_LENGTH_MAX:
        return BadRow(line, "", f"longer than {LINE_LENGTH_MAX} characters")
    try:
        fields = json.loads(text)
        exact = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        return BadRow(line, "", f"is not JSON: {reason}")
    if not isinstance(fields, dict):
        return BadRow(line, "", "must be a JSON object")
    unknown = [name for name in fields if name not in _FIELDS]
    if unknown:
        return BadRow(line, unknown[0][:40], f"is not known; there are {', '.join(sorted(_FIELDS))}")
    missing = [name for name in ("idempotency_key", "amount", "currency", "payment_method") if name not in fields]
    if missing:
        return BadRow(line, missing[0], "is missing")
    # A number like 12.30 must not pass through binary floating point.
    return Row(line, fields | {"amount": exact["amount"]})


# --- CSV --------------------------------------------------------------------------------------------


def _read_csv(texts: Iterable[str]) -> Iterator[Row | BadRow]:
    reader = csv.reader(_bounded(texts), strict=True)
    header = [name.strip() for name in next(reader, [])]
    _check_header(header)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(reader.line_num, "", f"is not CSV: {error}")
            continue
        if cells:
            yield _csv_row(header, cells, reader.line_num)


def _bounded(texts: Iterable[str]) -> Iterator[str]:
    return (text[:LINE_LENGTH_MAX] for text in texts)


def _check_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in _COLUMNS and not name.startswith("metadata.")]
    if unknown:
        raise UsageError(
            f"column {unknown[0]!r} is not known; there are {', '.join(_COLUMNS)} and metadata.<name>"
        )
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise UsageError(f"column {repeated[0]!r} stands there twice")
    missing = [name for name in _MANDATORY if name not in header]
    if missing:
        raise UsageError(f"column {missing[0]!r} is missing; the header must have {', '.join(_MANDATORY)}")


def _csv_row(header: list[str], cells: list[str], line: int) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow(line, "", f"has {len(cells)} cells, the header has {len(header)}")
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
