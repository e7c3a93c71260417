"""``aegispay unpark``: letting a payment go on that was set aside because it kept crashing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aegispay.cli import verdicts
from aegispay.cli.reporting import out, reported
from aegispay.domain.story import headline
from aegispay.domain.text import text


def unpark(
    payment_id: Annotated[str, typer.Argument(help="The payment's id; payments --parked lists them.")],
    operator: Annotated[str, typer.Option(help="Who says so; kept with the payment.")],
    database: Annotated[Path, typer.Option("--database", help="The SQLite file.")] = Path("payments.db"),
) -> None:
    """Let a payment go on that was set aside because it kept crashing. No engine may have the database open.

    Exits with 2 when there is no such payment, or it is not set aside; 3 when it waits for a review, or the database
    cannot be used.
    """
    with reported():
        payment = verdicts.unpark(database, payment_id, operator=text("--operator", operator, longest=100))
        for line in headline(payment):
            out.print(line, soft_wrap=True)
