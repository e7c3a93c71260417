"""Finding a payment by what its events mention: a gateway's reference, a key that a gateway saw, a trace."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from aegispay.cli.rows import UsageError
from aegispay.domain.card_data import contains_card_number, shown
from aegispay.errors import CardDataError, PaymentNotFoundError, StoreOpenError
from aegispay.storage.connection import uri
from aegispay.storage.location import locate
from aegispay.storage.migrations import check_version

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_LENGTH_MIN = 3
_NAMED_MAX = 10

_FIND = "SELECT DISTINCT payment_id FROM events WHERE instr(data, ?) LIMIT ?"


def find_mention(database: Path, mention: str) -> str:
    """Return the id of the one payment whose events mention a text. Reads the whole log.

    Args:
        database: the file.
        mention: a whole value in an event, to the letter: a reference, a key, the id of an operation; or a trace id of
            32 hexadecimal digits.

    Raises:
        PaymentNotFoundError: no event mentions it.
        UsageError: it is too short, or several payments mention it.
        CardDataError: it holds a card number, which no event can.
        StoreOpenError: the database cannot be read.
    """
    if len(mention) < _LENGTH_MIN:
        raise UsageError(f"--reference: name at least {_LENGTH_MIN} characters")
    if contains_card_number(mention):
        raise CardDataError("--reference")
    # A trace id stands inside of a longer value, between dashes.
    wanted = f"-{mention}-" if _TRACE_ID.fullmatch(mention) else json.dumps(mention, ensure_ascii=False)
    file = locate(database, must_exist=True)
    try:
        with closing(sqlite3.connect(uri(file, read_only=True), uri=True)) as opened:
            check_version(opened, str(file))
            found = [row[0] for row in opened.execute(_FIND, (wanted, _NAMED_MAX + 1))]
    except sqlite3.Error as error:
        raise StoreOpenError(f"{file} cannot be read: {error}") from error
    if not found:
        raise PaymentNotFoundError(f"no event mentions {shown(mention)}")
    if len(found) > 1:
        more = " and others" if len(found) > _NAMED_MAX else ""
        raise UsageError(f"several payments mention {shown(mention)}: {', '.join(found[:_NAMED_MAX])}{more}")
    return str(found[0])
