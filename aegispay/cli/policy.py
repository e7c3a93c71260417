"""``aegispay policy``: what follows which failure, in words, and mistakes in the table that says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from aegispay.cli.console import printable
from aegispay.cli.gateways import read_gateways
from aegispay.cli.reporting import EXIT_REJECTED, out, reported
from aegispay.cli.rows import UsageError
from aegispay.config import AegisPayConfig
from aegispay.domain.outcome import DeclineKind, InvalidRequest, Reason
from aegispay.domain.retry import Fail, Network, RetryPolicy, Step, TryAt, advice_of, lint
from aegispay.domain.retry.explain import duration, explain, usual_outcome
from aegispay.domain.text import text

policy_app = typer.Typer(
    help="What follows a failed attempt: the effective retry policy in words.", no_args_is_help=True
)

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings in .yaml, .toml or .json; else the defaults.")
]
_LINE_MAX = 1_000


@policy_app.command("explain")
def explain_command(
    code: Annotated[str, typer.Option(help="A reason, such as insufficient_funds, or a code of the gateway.")],
    gateway: Annotated[str, typer.Option(help="Who said so.")],
    config: Config = None,
    reason: Annotated[Reason | None, typer.Option(help="What a code of the gateway means, if it is no reason.")] = None,
    kind: Annotated[DeclineKind | None, typer.Option(help="The kind of the decline, if not the usual one.")] = None,
    brand: Annotated[Network | None, typer.Option(help="The card's network.")] = None,
    advice: Annotated[str, typer.Option(help="The network's advice code, two digits.")] = "",
) -> None:
    """Say what follows if an attempt fails with this code: the row that decides, delays, caps, deadline, and why.

    Exits with 0; 2 when the code, the file or an option is wrong.
    """
    with reported():
        text("--code", code, longest=255)
        text("--gateway", gateway, longest=255)
        policy = _policy(config)
        for line in _explained(policy, code, gateway, reason, kind, brand, advice):
            out.print(printable(line, longest=_LINE_MAX), soft_wrap=True)


@policy_app.command("lint")
def lint_command(
    config: Config = None,
    gateways: Annotated[
        str | None, typer.Option(help="The gateways there are: a TOML file, or names such as alpha,beta.")
    ] = None,
) -> None:
    """Find rows that are never reached or never hold, codes written in two ways, delays and caps that contradict.

    Exits with 0 when nothing is wrong; 1 when something is; 2 when a file cannot be read.
    """
    with reported():
        known = None if gateways is None else [entry.name for entry in read_gateways(gateways)]
        policy = _policy(config)
        found = lint(policy, gateways=known)
        for problem in found:
            out.print(printable(problem, longest=_LINE_MAX), soft_wrap=True)
        rows = len(policy.rules)
        out.print(f"{rows} {'rule' if rows == 1 else 'rules'}, {len(found)} {_problems(len(found))}")
    if found:
        raise typer.Exit(EXIT_REJECTED)


def _problems(number: int) -> str:
    return "problem" if number == 1 else "problems"


def _policy(config: Path | None) -> RetryPolicy:
    return AegisPayConfig().retry if config is None else AegisPayConfig.load(config, environ={}).retry


def _explained(
    policy: RetryPolicy,
    code: str,
    gateway: str,
    reason: Reason | None,
    kind: DeclineKind | None,
    brand: Network | None,
    advice: str,
) -> Iterator[str]:
    meaning = reason if reason is not None else _as_reason(code)
    outcome = usual_outcome(meaning, code=code, kind=kind, advice=advice)
    if outcome is None:
        yield f"{meaning.value} is no failed attempt: what became of the money is not known, or no gateway was asked."
        yield "An outcome that is not known is never followed by another attempt; its own gateway is asked until it is."
        return
    if isinstance(outcome, InvalidRequest) and kind is not None:
        raise UsageError("--kind is for declines")
    explanation = explain(policy, outcome, gateway=gateway, network=brand)
    shown_kind = getattr(outcome, "kind", None)
    yield f"{meaning.value} at {gateway}: {outcome.type.replace('_', ' ')}" + (
        f", {shown_kind.value.replace('_', ' ')}" if shown_kind is not None else ""
    )
    yield f"row: {explanation.row} ({explanation.conditions})"
    advised = advice_of(brand, advice)
    if advised is not None:
        delay = duration(advised.delay_s) if advised.delay_s else ""
        wait = "" if delay in advised.words else f", after {delay}"
        yield f"network: {advised.network.value} advice {advised.code}: {advised.words}{wait}"
    for number, step in enumerate(explanation.steps, start=1):
        yield f"after attempt {number}: {_step(step)}"
    yield from _bounds(policy, brand)


def _as_reason(code: str) -> Reason:
    try:
        return Reason(code.strip().lower())
    except ValueError:
        raise UsageError(
            "--code is no reason of AegisPay's; if it is a code of the gateway, say with --reason what it means"
        ) from None


_BEGAN_AT = datetime(2000, 1, 1, tzinfo=UTC)


def _step(step: Step) -> str:
    match step:
        case Fail(why):
            return f"the payment fails, because {why}"
        case TryAt() as waits:
            where = f"at {waits.gateway} again" if waits.gateway is not None else "at any gateway that can take it"
            told = "; the caller is answered before, with retry_at" if waits.is_put_off else ""
            since = duration((waits.at - _BEGAN_AT).total_seconds())
            return f"{where}, {since} after the first attempt, because {waits.why}{told}"
        case _:
            return f"another gateway at once, because {step.why}"


def _bounds(policy: RetryPolicy, brand: Network | None) -> Iterator[str]:
    deadline = duration(policy.deadline_s)
    yield f"bounds: {policy.attempts_max} attempts in all, none later than {deadline} after the first"
    caps = policy.caps_of(brand)
    if caps:
        shown = ", ".join(f"{cap.attempts_max} in {duration(cap.window_s)}" for cap in caps)
        yield f"network cap: {brand}: {shown}, for one card over all payments"
    elif brand is None:
        yield "network cap: none, because a card without a known brand has no network here"
    budget = policy.budget
    yield (
        f"retry budget: attempts after the first are at most {budget.floor} plus {budget.share:.0%} of first attempts, "
        f"in {duration(budget.window_s)}"
    )
