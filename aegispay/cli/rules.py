"""``aegispay rules``: look at routing rules before they route anything."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from aegispay.cli.console import make_table, printable
from aegispay.cli.gateways import read_gateways
from aegispay.cli.past_choices import read_past_choices
from aegispay.cli.reporting import EXIT_REJECTED, err, out, reported
from aegispay.data_files import DataFile, read_data_file
from aegispay.domain.money import exponent
from aegispay.domain.routing.rules import RuleBased
from aegispay.domain.routing.rules_dry_run import DryRun, Flow, begin, judge
from aegispay.domain.routing.rules_lint import Finding, lint_rules
from aegispay.domain.settings_errors import path
from aegispay.errors import ConfigurationError
from aegispay.rule_files import load_rules, rules_of

rules_app = typer.Typer(help="Look at routing rules before they route anything.", no_args_is_help=True)

RuleFile = Annotated[Path, typer.Argument(metavar="FILE", help="Rules in .yaml, .yml, .toml or .json.")]
_REASONS_SHOWN = 3


@rules_app.command()
def lint(
    file: RuleFile,
    gateways: Annotated[
        str | None, typer.Option(help="The gateways there are: a TOML file, or names such as alpha,beta.")
    ] = None,
) -> None:
    """Find rules that are wrong, unreachable, shadowed, conflicting or never true, with the way out of each.

    Exits with 0 when there is nothing but notes; 1 when something is wrong; 2 when the file cannot be read.
    """
    with reported():
        known = None if gateways is None else [entry.name for entry in read_gateways(gateways)]
        data = read_data_file(file)
        try:
            strategy = rules_of(data)
        except ConfigurationError as error:
            for wrong in error.errors:
                out.print(printable(f"wrong: {wrong}", longest=1_000), soft_wrap=True)
            out.print(f"{_counted(len(error.errors), 'problem')}; correct them to see what else there is")
            raise typer.Exit(EXIT_REJECTED) from None
        findings = lint_rules(strategy, gateways=known)
        for finding in findings:
            _print_finding(finding, data)
        problems = sum(not finding.is_note for finding in findings)
        out.print(f"{_counted(len(strategy.rules), 'rule')}, {_counted(problems, 'problem')}")
    if problems:
        raise typer.Exit(EXIT_REJECTED)


def _print_finding(finding: Finding, data: DataFile) -> None:
    where = f"{data.where(finding.place)}: {path(finding.place)}" if finding.place else data.where()
    kind = f"note, {finding.problem}" if finding.is_note else finding.problem
    out.print(printable(f"{kind.replace('_', ' ')}: {where}: {finding.reason}", longest=1_000), soft_wrap=True)
    out.print(f"    {finding.way_out}", soft_wrap=True)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@rules_app.command("dry-run")
def dry_run(
    file: RuleFile,
    database: Annotated[Path, typer.Option("--database", help="The SQLite file of past payments.")] = Path(
        "payments.db"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Say which past payments would go first to another gateway by these rules. Nothing is called, nothing is written.

    Exits with 2 when the rules are wrong; 3 when the database cannot be used.
    """
    with reported():
        strategy = load_rules(file)
        found = asyncio.run(_judge_all(database, strategy))
        if as_json:
            out.print(json.dumps(_as_json(found, strategy)), soft_wrap=True)
        else:
            _print(found, strategy)


async def _judge_all(database: Path, strategy: RuleBased) -> DryRun:
    found = begin(strategy)
    async for choice in read_past_choices(database):
        judge(choice, strategy, found)
    return found


def _print(found: DryRun, strategy: RuleBased) -> None:
    moved = sum(flow.payments for flow in found.flows.values())
    out.print(
        f"{_counted(found.payments, 'payment')} with a first attempt: {moved:,} would move, {found.unchanged:,} stay"
    )
    if found.untouched:
        err.print(f"{_counted(found.untouched, 'payment')} named a strategy of their own, which no rule touches")
    unheard_of = found.unheard_of(strategy)
    if unheard_of:
        text = f"no stored payment could go to {', '.join(unheard_of)}: the rules name them, and no record does"
        err.print(printable(text, longest=1_000), soft_wrap=True)
    if found.undecided:
        kind = strategy.otherwise.title()
        text = f"no rule decides {_counted(found.undecided, 'payment')}, and the record lacks what {kind} looks at"
        err.print(text, soft_wrap=True)
    if found.flows:
        _print_flows(found)
    rules = make_table("rule", "decides")
    for name, count in found.by_rule.items():
        rules.add_row(printable(name), f"{count:,}")
    if found.by_rule:
        out.print(rules)


def _print_flows(found: DryRun) -> None:
    for (before, after), flow in sorted(found.flows.items(), key=lambda item: (-item[1].payments, item[0])):
        amounts = ", ".join(_amounts(flow))
        out.print(f"{before} -> {after}: {_counted(flow.payments, 'payment')}, {amounts}", soft_wrap=True)
        for reason, count in flow.reasons.most_common(_REASONS_SHOWN):
            out.print(printable(f"    {count:,} by {reason}"), soft_wrap=True)
        out.print(f"    such as {', '.join(flow.examples)}", soft_wrap=True)


def _amounts(flow: Flow) -> list[str]:
    # Not Money: a sum may be larger than any one payment.
    return [
        f"{Decimal(amount_minor).scaleb(-exponent(currency)):f} {currency}"
        for currency, amount_minor in sorted(flow.amounts_minor.items())
    ]


def _as_json(found: DryRun, strategy: RuleBased) -> dict[str, object]:
    return {
        "payments": found.payments,
        "unchanged": found.unchanged,
        "undecided": found.undecided,
        "untouched": found.untouched,
        "by_rule": found.by_rule,
        "unknown_gateways": found.unheard_of(strategy),
        "flows": [
            {
                "from": before,
                "to": after,
                "payments": flow.payments,
                "amounts_minor": dict(flow.amounts_minor),
                "reasons": dict(flow.reasons),
                "examples": flow.examples,
            }
            for (before, after), flow in sorted(found.flows.items())
        ],
    }
