"""Erasing a customer while no engine has the database open."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from aegispay.cli.console import printable
from aegispay.cli.reporting import EXIT_REJECTED, out, reported
from aegispay.cli.rows import UsageError
from aegispay.delivery_errors import ErasureUnfinishedError
from aegispay.domain.text import text
from aegispay.errors import StoreLockedError, StoreOpenError
from aegispay.ports.privacy import Erasure
from aegispay.storage.sqlite import SqliteStore


def erase_customer(
    customer_id: Annotated[str, typer.Argument(help="The customer's id, as the payments have it.")],
    operator: Annotated[str, typer.Option(help="Who has it done; kept.")],
    reason: Annotated[str, typer.Option(help="Why; kept. Name no person in it.")],
    database: Annotated[Path, typer.Option("--database", help="The SQLite file.")] = Path("payments.db"),
    merchant: Annotated[str, typer.Option(help="Whose customer.")] = "default",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Make a customer's personal data unreadable for ever. No engine may have the database open.

    Exits with 1 when you said no, or no payment has this customer; 2 when a payment of the customer is unfinished; 3
    when the database cannot be used, or traces are left in its working files: then do it again.
    """
    with reported():
        owner = text("--merchant", merchant, longest=64)
        erased = text("CUSTOMER_ID", customer_id, longest=128)
        who = text("--operator", operator, longest=100)
        why = text("--reason", reason, longest=500)
        if not database.is_file():
            # Opening it would make one.
            raise StoreOpenError(f"there is no database {database}", hint="Check --database.")
        if not yes and not _is_sure(erased, owner):
            out.print("nothing was erased")
            raise typer.Exit(EXIT_REJECTED)
        erasure = asyncio.run(_erase(database, erased, merchant=owner, operator=who, reason=why))
        _say(erasure)
        if not erasure.is_swept:
            raise ErasureUnfinishedError
    raise typer.Exit(0 if erasure.payment_ids else EXIT_REJECTED)


def _is_sure(customer_id: str, merchant: str) -> bool:
    if not can_ask():
        raise UsageError("nobody can be asked here: say --yes if you are sure")
    return typer.confirm(f"Erase the personal data of {printable(customer_id)} of {merchant}? It cannot be undone.")


def can_ask() -> bool:
    """Return whether somebody sits at the terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


async def _erase(database: Path, customer_id: str, *, merchant: str, operator: str, reason: str) -> Erasure:
    store = SqliteStore(database)
    try:
        await store.open()
    except StoreLockedError as locked:
        raise StoreLockedError(str(locked), hint="Call erase_customer on the engine that has it open.") from locked
    try:
        return await store.erase_customer(customer_id, merchant=merchant, operator=operator, reason=reason)
    finally:
        await store.close()


def _say(erasure: Erasure) -> None:
    if not erasure.payment_ids:
        out.print("no payment has this customer")
        return
    out.print(f"erased from {erasure.events} events of {len(erasure.payment_ids)} payments")
    if erasure.plain_events:
        out.print(
            f"{erasure.plain_events} events were written in the open by an older version and can still be read",
            soft_wrap=True,
        )
