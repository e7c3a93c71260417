"""The commands and their options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aegispay.cli.inspect import list_page, load_history, print_history, print_page, verify_database
from aegispay.cli.rows import UsageError
from aegispay.cli.run import RunOptions, run_file
from aegispay.domain.pictures import to_dot, to_mermaid, to_text
from aegispay.domain.routing import RoutingStrategy
from aegispay.domain.state import PaymentState
from aegispay.errors import AegisPayError, RequestError
from aegispay.ports import PaymentQuery

app = typer.Typer(
    name="aegispay",
    help="A payment-orchestration engine: pays files of orders, and shows what happened.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_out = Console(soft_wrap=False, highlight=False)
_err = Console(stderr=True, highlight=False)

_EXIT_REJECTED = 1
_EXIT_USAGE = 2
_EXIT_STORE = 3
_EXIT_INTERRUPTED = 130

Database = Annotated[Path, typer.Option("--database", help="The SQLite file; made by run when missing.")]


def _fail(error: AegisPayError | UsageError) -> typer.Exit:
    """Print an error and its way out; return the exit."""
    _err.print(f"aegispay: {error}", markup=False, soft_wrap=True)
    if isinstance(error, AegisPayError):
        _err.print(f"          {error.hint}", markup=False, soft_wrap=True)
    is_usage = isinstance(error, UsageError | RequestError)
    return typer.Exit(_EXIT_USAGE if is_usage else _EXIT_STORE)


@app.command()
def run(
    file: Annotated[str, typer.Argument(help="CSV or JSON Lines (.jsonl, .ndjson); - for standard input.")],
    database: Database = Path("payments.db"),
    gateways: Annotated[str, typer.Option(help="A TOML file of gateways, or names such as alpha,beta.")] = "alpha,beta",
    out: Annotated[Path | None, typer.Option(help="Write one JSON object per row to this file.")] = None,
    routing: Annotated[
        RoutingStrategy, typer.Option(help="How gateways are ranked.")
    ] = RoutingStrategy.HIGHEST_SUCCESS_RATE,
    merchant: Annotated[str, typer.Option(help="Whose orders these are, where a row does not say.")] = "default",
    concurrency: Annotated[int, typer.Option(min=1, max=10_000, help="Payments at work at once.")] = 200,
    settle_s: Annotated[float, typer.Option(min=0, help="Seconds to wait for an outcome in doubt.")] = 10.0,
    ledger: Annotated[
        Path | None, typer.Option(help="The simulated providers' books; beside the database by default.")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Standard input is JSON Lines rather than CSV.")] = False,
    expect_rejected: Annotated[
        bool,
        typer.Option(
            "--expect-rejected", help="The file has bad rows on purpose: exit 0 if, and only if, some were rejected."
        ),
    ] = False,
) -> None:
    """Pay every row of a file. Running it again charges nothing again; after a kill, running it again completes it.

    Exits with 0 when all rows were accepted (declined payments included), 1 when some were rejected, 2 for wrong
    usage, 3 when the database cannot be used, 130 after Ctrl-C.
    """
    options = RunOptions(
        file=file,
        database=database,
        gateways=gateways,
        ledger=ledger if ledger is not None else database.with_name(f"{database.name}.providers"),
        out=out,
        routing=routing,
        merchant=merchant,
        concurrency=concurrency,
        settle_s=settle_s,
        is_json=jsonl or file.endswith((".jsonl", ".ndjson")),
    )
    try:
        if not database.parent.is_dir():
            raise UsageError(f"--database: {database.parent} does not exist; make the directory first")
        end = run_file(options, out=_out, err=_err)
    except (AegisPayError, UsageError) as error:
        raise _fail(error) from None
    if end.summary.in_doubt:
        _err.print(f"{end.summary.in_doubt} payments are still in doubt; running the file again goes on asking")
    if end.was_interrupted:
        _err.print("interrupted; running the file again resumes")
        raise typer.Exit(_EXIT_INTERRUPTED)
    if (end.summary.rejected > 0) != expect_rejected:
        raise typer.Exit(_EXIT_REJECTED)


@app.command()
def payments(
    database: Database = Path("payments.db"),
    state: Annotated[PaymentState | None, typer.Option(help="Only payments in this state.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only this currency.")] = None,
    gateway: Annotated[str | None, typer.Option(help="Only payments last tried at this gateway.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only payments of this customer.")] = None,
    in_doubt: Annotated[bool, typer.Option("--in-doubt", help="Only payments whose outcome is not known.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    after: Annotated[str | None, typer.Option(help="The cursor that the page before ended with.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List payments, newest first."""
    query = PaymentQuery(
        state=state,
        currency=currency,
        gateway=gateway,
        customer_id=customer,
        in_doubt=True if in_doubt else None,
        limit=limit,
        after=after,
    )
    try:
        print_page(list_page(database, query), _out, is_json=as_json)
    except AegisPayError as error:
        raise _fail(error) from None


@app.command()
def show(
    payment_id: Annotated[str | None, typer.Argument(help="The payment's id.")] = None,
    database: Database = Path("payments.db"),
    key: Annotated[str | None, typer.Option(help="Look it up by its idempotency key instead.")] = None,
    merchant: Annotated[str, typer.Option(help="Whose key it is.")] = "default",
) -> None:
    """Show everything that happened to a payment: each event, attempt and gateway, why it was chosen, and when."""
    try:
        if (payment_id is None) == (key is None):
            raise UsageError("name the payment by its id or by --key")
        payment, events = load_history(database, payment_id=payment_id, key=key, merchant=merchant)
    except (AegisPayError, UsageError) as error:
        raise _fail(error) from None
    print_history(payment, events, _out)


@app.command()
def verify(database: Database = Path("payments.db")) -> None:
    """Check the whole database: hash chain, gaps, every event legal, the table equal to the events, all invariants."""
    try:
        report = verify_database(database, _err)
    except AegisPayError as error:
        raise _fail(error) from None
    for problem in report.problems:
        _out.print(f"problem: {problem}", markup=False, soft_wrap=True)
    verdict = f"{len(report.problems)} problems" if report.problems else "no problems"
    _out.print(f"{report.events} events of {report.payments} payments: {verdict}")
    if report.problems:
        raise typer.Exit(_EXIT_REJECTED)


class PictureFormat(StrEnum):
    """Forms of the state machine's picture."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"


@app.command()
def states(
    form: Annotated[PictureFormat, typer.Option("--format", help="text, mermaid or dot.")] = PictureFormat.TEXT,
) -> None:
    """Draw the state machine of a payment, from the table that the engine itself obeys."""
    match form:
        case PictureFormat.TEXT:
            print(to_text())
        case PictureFormat.MERMAID:
            print(to_mermaid())
        case PictureFormat.DOT:
            print(to_dot())
