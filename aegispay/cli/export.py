"""``aegispay export``: a payment's full history as JSON, for a dispute."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from aegispay.cli.inspect import named_payment
from aegispay.cli.reporting import err, out, reported
from aegispay.cli.rows import UsageError
from aegispay.clock import SystemClock
from aegispay.errors import PaymentNotFoundError
from aegispay.export import export_history
from aegispay.export_format import to_document
from aegispay.storage.sqlite import SqliteStore


def read_document(
    database: Path, *, payment_id: str | None, key: str | None, merchant: str, personal: bool
) -> dict[str, Any]:
    """Return the export of a payment, by id or by idempotency key.

    Raises:
        PaymentNotFoundError: there is none.
        StoreError: the database, or the payment, cannot be read.
    """

    async def read() -> dict[str, Any]:
        store = SqliteStore(database, read_only=True)
        await store.open()
        try:
            wanted = named_payment(store, payment_id=payment_id, key=key, merchant=merchant)
            records = await store.records(wanted)
            if not records:
                raise PaymentNotFoundError(f"there is no payment {payment_id or f'with the key {key!r}'}")
            stored = await store.load(wanted)
        finally:
            await store.close()
        return to_document(export_history(records, stored, personal=personal, at=SystemClock().now()))

    return asyncio.run(read())


def write_document(document: dict[str, Any], to: Path) -> None:
    """Write the export to a new file that only its owner may read.

    Raises:
        UsageError: it cannot be written, or there is such a file.
    """
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    try:
        with open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"--out {to} exists; name a new file") from error
    except OSError as error:
        raise UsageError(f"--out {to}: {error.strerror}") from error


def export(
    payment_id: Annotated[str | None, typer.Argument(help="The payment's id.")] = None,
    database: Annotated[Path, typer.Option("--database", help="The SQLite file.")] = Path("payments.db"),
    key: Annotated[str | None, typer.Option(help="Look it up by its idempotency key instead.")] = None,
    merchant: Annotated[str, typer.Option(help="Whose key it is.")] = "default",
    to: Annotated[
        Path | None, typer.Option("--out", help="Write to this new file, instead of standard output.")
    ] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="Include what is known of the payer, and what the merchant attached.")
    ] = False,
) -> None:
    """Write everything that is known of a payment as JSON, each event with what its hash can be checked by.

    The format is that of docs/audit.md. An engine may have the database open meanwhile.
    """
    with reported():
        if (payment_id is None) == (key is None):
            raise UsageError("name the payment by its id or by --key")
        document = read_document(database, payment_id=payment_id, key=key, merchant=merchant, personal=personal)
        if to is None:
            out.out(json.dumps(document, ensure_ascii=False, indent=2), highlight=False)
            return
        write_document(document, to)
        withheld = sum(bool(event["withheld"]) for event in document["events"])
        note = f", {withheld} without their content: it is personal" if withheld else ""
        err.print(f"{len(document['events'])} events of {document['payment']['id']}{note}", soft_wrap=True)
