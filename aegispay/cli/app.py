"""The commands and their options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aegispay.api.hooks import ReviewVerdict
from aegispay.cli import verdicts
from aegispay.cli.chaos import run_chaos
from aegispay.cli.config import config_app
from aegispay.cli.deadletters import deadletters_app, subscriptions
from aegispay.cli.erase import erase_customer
from aegispay.cli.events import events
from aegispay.cli.export import export
from aegispay.cli.gateways import is_file
from aegispay.cli.inspect import load_history, print_history, usable_cores, verify_database
from aegispay.cli.log_options import log_options
from aegispay.cli.paths import Paths
from aegispay.cli.payments import payments
from aegispay.cli.policy import policy_app
from aegispay.cli.reporting import EXIT_INTERRUPTED, EXIT_REJECTED, reported
from aegispay.cli.reporting import err as _err
from aegispay.cli.reporting import out as _out
from aegispay.cli.rows import UsageError
from aegispay.cli.rules import rules_app
from aegispay.cli.run import RunEnd, RunOptions, run_file
from aegispay.cli.sandbox import serve_sandbox
from aegispay.cli.top import top
from aegispay.cli.unpark import unpark
from aegispay.cli.webhooks import webhooks_app
from aegispay.domain.evidence import Verdict
from aegispay.domain.pictures import to_dot, to_mermaid, to_text
from aegispay.domain.routing import RoutingStrategy
from aegispay.domain.story import headline
from aegispay.domain.text import text
from aegispay.domain.verdict import parse_testimony

app = typer.Typer(
    name="aegispay",
    help="A payment-orchestration engine: pays files of orders, and shows what happened.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.callback()(log_options)
app.add_typer(rules_app, name="rules")
app.add_typer(config_app, name="config")
app.add_typer(policy_app, name="policy")
app.add_typer(deadletters_app, name="deadletters")
app.add_typer(webhooks_app, name="webhooks")
app.command()(subscriptions)
app.command()(events)
app.command()(export)
app.command("erase-customer")(erase_customer)
app.command()(payments)
app.command()(top)
app.command()(unpark)

Database = Annotated[Path, typer.Option("--database", help="The SQLite file; made by run when missing.")]


@app.command()
def run(
    file: Annotated[str, typer.Argument(help="CSV or JSON Lines (.jsonl, .ndjson); - for standard input.")],
    database: Database = Path("payments.db"),
    gateways: Annotated[str, typer.Option(help="A TOML file of gateways, or names such as alpha,beta.")] = "alpha,beta",
    out: Annotated[Path | None, typer.Option(help="Write one JSON object per row to this file.")] = None,
    routing: Annotated[
        RoutingStrategy | None, typer.Option(help="How gateways are ranked; highest_success_rate unless configured.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A .yaml, .toml or .json file of settings; see docs/configuration.md.")
    ] = None,
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

    Exits with 0 when all rows were accepted, declined payments included; 1 when some were rejected; 2 when the command
    or a file it names is wrong; 3 when the database cannot be used; 130 after Ctrl-C.
    """
    with reported():
        paths = Paths(
            orders=file,
            database=database,
            ledger=ledger if ledger is not None else Path(f"{database}.providers"),
            out=out,
            gateways=Path(gateways) if is_file(gateways) else None,
            config=config,
        )
        options = RunOptions(
            paths=paths,
            gateways=gateways,
            routing=routing,
            merchant=merchant,
            concurrency=concurrency,
            settle_s=settle_s,
            is_json=jsonl or file.endswith((".jsonl", ".ndjson")),
        )
        end = run_file(options, out=_out, err=_err)
    raise typer.Exit(_conclude(end, expect_rejected=expect_rejected))


def _conclude(end: RunEnd, *, expect_rejected: bool) -> int:
    """Say what is left to do, and return the exit code."""
    if end.summary.in_doubt:
        _err.print(f"payments still in doubt: {end.summary.in_doubt}; running the file again goes on asking")
    if end.summary.unfinished:
        _err.print(f"payments still at work: {end.summary.unfinished}; running the file again goes on with them")
    if end.was_interrupted:
        _err.print("interrupted; running the file again resumes")
        return EXIT_INTERRUPTED
    return EXIT_REJECTED if (end.summary.rejected > 0) != expect_rejected else 0


@app.command()
def show(
    payment_id: Annotated[str | None, typer.Argument(help="The payment's id.")] = None,
    database: Database = Path("payments.db"),
    key: Annotated[str | None, typer.Option(help="Look it up by its idempotency key instead.")] = None,
    merchant: Annotated[str, typer.Option(help="Whose key it is.")] = "default",
    reference: Annotated[
        str | None,
        typer.Option(help="Look it up by what its events mention: a gateway's id, a gateway's key, a trace id."),
    ] = None,
) -> None:
    """Show everything that happened to a payment: each event, attempt and gateway, why it was chosen, and when."""
    with reported():
        if sum(each is not None for each in (payment_id, key, reference)) != 1:
            raise UsageError("name the payment by its id, by --key or by --reference")
        payment, events = load_history(database, payment_id=payment_id, key=key, merchant=merchant, mention=reference)
        print_history(payment, events, _out)


Operator = Annotated[str, typer.Option(help="Who says so; kept with the payment.")]


@app.command()
def resolve(
    payment_id: Annotated[str, typer.Argument(help="The payment's id.")],
    verdict: Annotated[Verdict, typer.Option(help="What the gateway did, as you found out by other means.")],
    evidence: Annotated[str, typer.Option(help="What that rests on; kept with the payment.")],
    operator: Operator,
    database: Database = Path("payments.db"),
    reference: Annotated[
        str | None, typer.Option(help="Which attempt or operation, if several are in doubt; see show.")
    ] = None,
    gateway_reference: Annotated[str | None, typer.Option(help="The gateway's id of what it did.")] = None,
    amount: Annotated[str | None, typer.Option(help="How much, if less was authorized than was asked.")] = None,
) -> None:
    """Say what became of a charge, capture, void or refund in doubt. No engine may have the database open."""
    with reported():
        said = parse_testimony(
            verdict,
            evidence=evidence,
            operator=operator,
            reference=reference,
            gateway_reference=gateway_reference,
            amount=amount,
        )
        for line in headline(verdicts.resolve(database, payment_id, said)):
            _out.print(line, soft_wrap=True)


@app.command("close-incident")
def close_incident(
    payment_id: Annotated[str, typer.Argument(help="The payment's id.")],
    incident_id: Annotated[str, typer.Argument(help="The incident's id; see show.")],
    detail: Annotated[str, typer.Option(help="What you found; kept with the payment.")],
    operator: Operator,
    database: Database = Path("payments.db"),
) -> None:
    """Note that you have looked at an incident. No engine may have the database open."""
    with reported():
        payment = verdicts.close_incident(
            database,
            payment_id,
            incident_id,
            operator=text("--operator", operator, longest=100),
            detail=text("--detail", detail, longest=500),
        )
        for line in headline(payment):
            _out.print(line, soft_wrap=True)


@app.command()
def review(
    payment_id: Annotated[str, typer.Argument(help="The payment's id; payments --parked lists them.")],
    verdict: Annotated[ReviewVerdict, typer.Argument(help="accept: it is charged; refuse: it ends as failure.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the payment.")],
    operator: Operator,
    database: Database = Path("payments.db"),
) -> None:
    """Decide about a payment that a hook has set aside for review. No engine may have the database open."""
    with reported():
        payment = verdicts.review(
            database,
            payment_id,
            verdict,
            operator=text("--operator", operator, longest=100),
            reason=text("--reason", reason, longest=500),
        )
        for line in headline(payment):
            _out.print(line, soft_wrap=True)


@app.command()
def verify(
    database: Database = Path("payments.db"),
    expect_head: Annotated[
        str | None,
        typer.Option(help="The head that an earlier check printed: that event must still be in the log."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that share a long log; one per core by default.")
    ] = None,
) -> None:
    """Check the whole database: hash chain, gaps, every event legal, the table equal to the events, all invariants."""
    with reported():
        report = verify_database(
            database, _err, workers=usable_cores() if workers is None else workers, expect_head=expect_head
        )
        for problem in report.problems:
            _out.print(f"problem: {problem}", soft_wrap=True)
        found = len(report.problems)
        verdict = f"{found or 'no'} problem{'' if found == 1 else 's'}"
        _out.print(f"{report.events} events of {report.payments} payments: {verdict}")
        if report.head:
            _out.print(f"head {report.head}", soft_wrap=True)
    if report.problems:
        raise typer.Exit(EXIT_REJECTED)


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
    draw = {PictureFormat.TEXT: to_text, PictureFormat.MERMAID: to_mermaid, PictureFormat.DOT: to_dot}
    with reported():
        _out.print(draw[form](), soft_wrap=True)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 for any free one.")] = 8901,
    ledger: Annotated[Path, typer.Option(help="The provider's books, a SQLite file; made when missing.")] = Path(
        "ledger.db"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    key_window_s: Annotated[float, typer.Option(min=0, help="Seconds an idempotency key is remembered.")] = 86_400.0,
    reexecute_failures: Annotated[
        bool, typer.Option("--reexecute-failures", help="Forget 5xx answers, so that the same key executes anew.")
    ] = False,
    latency_ms: Annotated[float, typer.Option(min=0, help="Milliseconds that every request takes.")] = 0.0,
) -> None:
    """Serve a provider simulator over HTTP, with books of its own and faults on order, until Ctrl-C.

    Exits with 2 when the address or an option is wrong; 3 when the ledger cannot be used.
    """
    with reported():
        serve_sandbox(
            host=host,
            port=port,
            ledger=ledger,
            key_window_s=key_window_s,
            reexecute_failures=reexecute_failures,
            latency_ms=latency_ms,
            err=_err,
        )


@app.command()
def chaos(
    plan: Annotated[Path | None, typer.Option(help="A plan of faults: a .yaml, .toml or .json file.")] = None,
    preset: Annotated[str | None, typer.Option(help="Instead of a plan: a preset, such as gateway_timeout.")] = None,
    seed: Annotated[int, typer.Option(help="What traffic and faults are drawn from.")] = 7,
    payments: Annotated[int | None, typer.Option(min=1, max=100_000, help="Clients who want to pay.")] = None,
    database: Annotated[
        Path | None, typer.Option(help="Run on real time in this SQLite file, instead of in memory on virtual time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON, every injection included.")] = False,
) -> None:
    """Let simulated payments run while things go wrong on purpose, and say whether every promise held.

    Exits with 1 when a criterion or an assertion fails; 2 when the command or the plan is wrong, or the database exists
    and AEGISPAY_ALLOW_CHAOS is not 1; 3 when the database cannot be used.
    """
    with reported():
        passed = run_chaos(
            plan=plan, preset_name=preset, seed=seed, payments=payments, database=database, as_json=as_json, out=_out
        )
    raise typer.Exit(0 if passed else EXIT_REJECTED)
