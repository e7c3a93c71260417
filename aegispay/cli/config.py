"""``aegispay config``: what the settings are, where each comes from, and why its default is what it is."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.console import Console

from aegispay.cli.console import printable
from aegispay.cli.gateways import read_gateways, secret_variables
from aegispay.cli.reporting import EXIT_REJECTED, out, reported
from aegispay.config import RUN_TIME, AegisPayConfig
from aegispay.config_sources import Gathered, gather, variables
from aegispay.domain.setting_tree import Place, leaves
from aegispay.domain.settings_errors import path as written

config_app = typer.Typer(help="Look at settings before an engine takes them.", no_args_is_help=True)

_DEFAULT = "default"
_LINE_MAX = 1_000
_UNITS = {"_per_s": "1/s", "_s": "s", "_ms": "ms", "_minor": "minor units", "share": "0 to 1", "share_min": "0 to 1"}
_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)

File = Annotated[Path, typer.Argument(help="A .yaml, .toml or .json file of settings.")]


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One line of `show`.

    Attributes:
        origin: where the value comes from. reason: what the setting is for, and why its default is what it is.
        changes_at_run_time: whether `AegisPay.configure` takes it.
    """

    name: str
    value: str
    origin: str
    reason: str
    changes_at_run_time: bool


def read_settings(
    file: Path | None,
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
    ignored: Collection[str] = (),
) -> tuple[AegisPayConfig, Gathered]:
    """Return the settings, and where each comes from.

    Raises:
        ConfigurationError: naming each setting that is wrong, and where it stands.
    """
    gathered = gather(file, environ=environ, overrides=overrides or {}, ignored=ignored)
    return AegisPayConfig.from_sources(gathered), gathered


def shown_settings(config: AegisPayConfig, gathered: Gathered) -> Iterator[ShownSetting]:
    """Yield every setting that is no section, in the order of the settings."""
    for place, setting in leaves(AegisPayConfig):
        yield ShownSetting(
            name=written(place),
            value=as_written(_at(config, place)),
            origin=gathered.source(place) or _DEFAULT,
            reason=setting.reason,
            changes_at_run_time=place[0] in RUN_TIME,
        )


def as_written(value: Any) -> str:
    """Return a value as it can be written in a file: a text without quotes, everything else as JSON."""
    plain = _ANYTHING.dump_python(value, mode="json", serialize_as_any=True)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _at(config: AegisPayConfig, place: Place) -> Any:
    value: Any = config
    for name in place:
        value = getattr(value, str(name))
    return value


@config_app.command()
def show(
    file: Annotated[Path | None, typer.Argument(help="A .yaml, .toml or .json file of settings.")] = None,
    is_set_only: Annotated[bool, typer.Option("--set", help="Only what a file or the environment has set.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Show every setting that an engine would have: its value, where that comes from, and what it is for.

    Variables of the environment that begin with AEGISPAY_ overrule the file: AEGISPAY_RETRY__ATTEMPTS_MAX=2 is
    retry.attempts_max.
    """
    with reported():
        config, gathered = read_settings(file, environ=os.environ)
        for setting in shown_settings(config, gathered):
            if not is_set_only or setting.origin != _DEFAULT:
                _print(setting, out, is_json=as_json)


@config_app.command()
def check(
    file: File,
    gateways: Annotated[
        str | None, typer.Option(help="The gateways there are: a file of gateways, or names such as alpha,beta.")
    ] = None,
    with_environment: Annotated[
        bool, typer.Option("--environment", help="Also take the variables that begin with AEGISPAY_, as `run` does.")
    ] = False,
) -> None:
    """Say whether a file of settings can be used, alone or with the environment.

    Exits with 0 when it can; 1 when it names a gateway that is not among --gateways; 2 when it cannot be used.
    """
    with reported():
        entries = [] if gateways is None else read_gateways(gateways)
        secrets = secret_variables(entries)
        config, gathered = read_settings(file, environ=os.environ if with_environment else {}, ignored=secrets)
        count = sum(bool(gathered.source(place)) for place, _ in leaves(AegisPayConfig))
        unknown = config.unknown_gateways([entry.name for entry in entries]) if entries else ()
        for problem in unknown:
            out.print(printable(problem, longest=_LINE_MAX), soft_wrap=True)
        found = f"{len(unknown)} unknown {'gateway' if len(unknown) == 1 else 'gateways'}"
        out.print(f"{file}: sets {count} settings, {found if unknown else 'all of them usable'}", soft_wrap=True)
        left_out = [] if with_environment else variables(os.environ, secrets)
        if left_out:
            out.print(f"not looked at without --environment: {', '.join(left_out)}", soft_wrap=True)
    if unknown:
        raise typer.Exit(EXIT_REJECTED)


@config_app.command()
def table() -> None:
    """Print all settings with defaults, units and reasons as the Markdown table of docs/configuration.md."""
    with reported():
        for line in markdown_table():
            out.print(line, soft_wrap=True)


def markdown_table() -> Iterator[str]:
    """Yield the lines of a table of all settings and their defaults."""
    yield "| setting | default | unit | at run time | what for, and why this default |"
    yield "| --- | --- | --- | --- | --- |"
    for setting in shown_settings(AegisPayConfig(), Gathered()):
        change = "yes" if setting.changes_at_run_time else "restart"
        reason = setting.reason.replace("|", "\\|")
        yield f"| `{setting.name}` | `{setting.value}` | {unit_of(setting.name)} | {change} | {reason} |"


def unit_of(name: str) -> str:
    """Return the unit of a setting, which is the last part of its name."""
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")


def _print(setting: ShownSetting, console: Console, *, is_json: bool) -> None:
    if is_json:
        line = {
            "name": setting.name,
            "value": setting.value,
            "origin": setting.origin,
            "changes_at_run_time": setting.changes_at_run_time,
            "reason": setting.reason,
        }
        console.print(json.dumps(line, ensure_ascii=False), soft_wrap=True)
        return
    change = "" if setting.changes_at_run_time else "; needs a restart"
    console.print(f"{setting.name} = {setting.value}   ({setting.origin}{change})", soft_wrap=True)
    console.print(f"    {setting.reason}", soft_wrap=True)
